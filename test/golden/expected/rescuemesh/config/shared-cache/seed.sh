#!/bin/sh
# Gives each new volume of shared-cache its first role, before the servers start. Made from stack.yaml by create-stack.
#
# What is there is left alone: the sentinels write it. All new: shared-cache-1 is the primary. One server's volume lost: it becomes a
# replica and fetches its data; where it was the primary, another one must take over first, because an empty primary
# would empty the others.
set -eu
umask 077

servers='shared-cache-1 shared-cache-2 shared-cache-3'
sentinels='shared-cache-sentinel-1 shared-cache-sentinel-2 shared-cache-sentinel-3'

has_role() { [ -s "/volumes/$1/node.conf" ]; }
knows() { [ -s "/volumes/$1/sentinel.conf" ]; }

for each in $servers $sentinels; do
  [ -w "/volumes/$each" ] && continue
  echo "the volume of $each cannot be written to; remove it if it is empty: docker compose rm -sf $each, then docker volume rm" >&2
  exit 1
done

# Put in place whole, or not at all.
write() {
  cat >"$1.new"
  sync "$1.new"
  mv "$1.new" "$1"
}

# The primary by the newest election that a sentinel knows of; where none does, the server that is nobody's replica.
primary_known() {
  known=$(for each in $sentinels; do
    knows "$each" || continue
    epoch=$(sed -n 's/^sentinel config-epoch shared-cache //p' "/volumes/$each/sentinel.conf")
    echo "${epoch:-0} $(sed -n 's/^sentinel monitor shared-cache \([^ ]*\) .*/\1/p' "/volumes/$each/sentinel.conf")"
  done | sort -n | tail -n 1)
  [ -z "$known" ] || { echo "${known#* }"; return; }
  newest_data "$(for each in $servers; do
    if has_role "$each" && ! grep -q '^replicaof ' "/volumes/$each/node.conf"; then echo "$each"; fi
  done)"
}

# Of these servers the one whose data was written to last.
newest_data() {
  for each in $1; do
    newest=$(find "/volumes/$each" -type f ! -name node.conf -printf '%T@\n' | sort -n | tail -n 1)
    echo "${newest:-0} $each"
  done | sort -n | tail -n 1 | cut -d ' ' -f 2
}

answers() {
  [ -n "$(timeout 2 redis-cli -h "$1" --user stack_health --pass none --no-auth-warning ping 2>/dev/null || true)" ]
}

primary=$(primary_known)
[ -n "$primary" ] || primary=shared-cache-1

if ! has_role "$primary"; then
  with_data=$(for each in $servers; do if has_role "$each"; then echo "$each"; fi; done)
  alive=
  for each in $with_data; do if answers "$each"; then alive=$each; fi; done
  if [ -n "$alive" ]; then
    echo "$primary has lost its volume; waiting until the sentinels make another one the primary"
    for _ in $(seq 60); do
      primary=$(primary_known)
      has_role "$primary" && break
      sleep 1
    done
    if ! has_role "$primary"; then
      echo "$primary has lost its volume, and the sentinels do not make another one the primary: are two of them up?" >&2
      echo "it does not start empty, because the others would throw away their data: docker compose logs $sentinels" >&2
      exit 1
    fi
  elif [ -n "$with_data" ]; then
    # Nobody runs who could decide.
    lost=$primary
    primary=$(newest_data "$with_data")
    echo "$lost was the primary and has lost its volume; $primary, which has the newest data, is the primary now"
    echo '# primary, until the sentinels say otherwise' | write "/volumes/$primary/node.conf"
    for each in $sentinels; do rm -f "/volumes/$each/sentinel.conf"; done
  fi
fi

for each in $servers; do
  has_role "$each" && continue
  echo "$each is new: $([ "$each" = "$primary" ] && echo primary || echo "replica of $primary")"
  if [ "$each" = "$primary" ]; then echo '# primary, until the sentinels say otherwise'; else echo "replicaof $primary 6379"; fi |
    write "/volumes/$each/node.conf"
done
for each in $sentinels; do
  knows "$each" && continue
  {
    # Its own name for good, so that the others know it again when its volume was lost.
    echo "sentinel myid $(printf 'shared-cache %s' "$each" | sha1sum | cut -d ' ' -f 1)"
    echo "sentinel monitor shared-cache $primary 6379 2"
  } | write "/volumes/$each/sentinel.conf"
done

#!/bin/sh
# What `./prod.sh status` shows of shared-cache, as JSON. Made from stack.yaml by create-stack; runs in a sentinel.
set -eu

REDISCLI_AUTH=$(tr -d '\r\n' </run/secrets/shared-cache_stack_admin)
export REDISCLI_AUTH
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

ask() {
  host=$1 port=$2
  shift 2
  timeout 2 redis-cli -h "$host" -p "$port" --user stack_admin --no-auth-warning "$@" 2>/dev/null | tr -d '\r'
}

# All at once: one that hangs must not make the others late.
for each in shared-cache-1 shared-cache-2 shared-cache-3; do
  ask "$each" 6379 INFO replication >"$each" &
done
for each in shared-cache-sentinel-1 shared-cache-sentinel-2 shared-cache-sentinel-3; do
  ask "$each" 26379 SENTINEL GET-MASTER-ADDR-BY-NAME shared-cache | head -n 1 >"$each" &
done
ask 127.0.0.1 26379 SENTINEL CKQUORUM shared-cache >quorum &
wait

field() { sed -n "s/^$2://p" "$1"; }

primary=$(cat shared-cache-sentinel-1 shared-cache-sentinel-2 shared-cache-sentinel-3 | sort | uniq -c | sort -rn | sed -n '1s/^ *[0-9]* //p')
up=$(for each in shared-cache-sentinel-1 shared-cache-sentinel-2 shared-cache-sentinel-3; do if [ -s "$each" ]; then echo "$each"; fi; done | wc -l)
masters=$(for each in shared-cache-1 shared-cache-2 shared-cache-3; do if [ "$(field "$each" role)" = master ]; then echo "$each"; fi; done)
problems=
problem() { problems="$problems${problems:+, }{\"message\": \"$1\", \"hint\": \"$2\"}"; }

replicas=
offset=$(field "${primary:-quorum}" master_repl_offset)
for each in shared-cache-1 shared-cache-2 shared-cache-3; do
  [ "$each" = "$primary" ] && continue
  if [ "$(field "$each" role)" = slave ] && [ "$(field "$each" master_link_status)" = up ] && [ -n "$offset" ]; then
    behind=$((offset - $(field "$each" slave_repl_offset)))
    [ "$behind" -ge 0 ] || behind=0
    state="$behind bytes behind"
  elif [ ! -s "$each" ]; then
    state='does not answer'
    problem "$each does not answer: one copy of the data less" "./prod.sh logs $each --tail 50"
  elif [ "$(field "$each" role)" = master ]; then
    state='calls itself the primary'
  else
    state='has no connection to the primary'
    problem "$each has no connection to the primary: its data gets older" "./prod.sh logs $each --tail 50"
  fi
  replicas="$replicas${replicas:+; }$each $state"
done

case "$primary" in
  '') problem 'no sentinel knows a primary' './prod.sh logs shared-cache-sentinel-1 --tail 50' ;;
  *)
    if [ ! -s "$primary" ]; then
      problem "$primary is the primary and does not answer" "./prod.sh logs $primary --tail 50"
    elif [ "$(field "$primary" role)" != master ]; then
      problem "$primary is to be the primary and is not yet" './prod.sh status'
    elif [ "$(field "$primary" min_slaves_good_slaves)" = 0 ]; then
      problem "$primary has no replica and refuses writes" './prod.sh start'
    fi
    ;;
esac
[ "$(echo "$masters" | wc -w)" -le 1 ] ||
  problem "$(echo $masters | sed 's/ / and /g') each call themselves the primary; the sentinels put that right within a minute" './prod.sh status'
grep -q '^OK' quorum || problem "$up of 3 sentinels: too few to make another server the primary" './prod.sh start shared-cache-sentinel-1 shared-cache-sentinel-2 shared-cache-sentinel-3'
[ "$up" -ge 3 ] || ! grep -q '^OK' quorum || problem "$up of 3 sentinels: with one less nobody could take over" './prod.sh start shared-cache-sentinel-1 shared-cache-sentinel-2 shared-cache-sentinel-3'

printf '{"facts": {"primary": "%s", "replicas": "%s", "sentinels": "%s of 3"}, "problems": [%s]}\n' "${primary:-none}" "$replicas" "$up" "$problems"

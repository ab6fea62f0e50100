#!/bin/sh
# Users of shared-cache and the passwords between its servers. Made from stack.yaml by create-stack.
# Run at each start: servers and sentinels read their lists of users when they start, and this makes running ones follow when
# an app was added or a password was changed, without a restart. The lists hold hashes, no passwords.
# It ends when the primary takes writes; apps wait for that.
set -eu

REDISCLI_AUTH=$(tr -d '\r\n' </run/secrets/shared-cache_stack_admin)
export REDISCLI_AUTH

ask() { timeout 10 redis-cli -h "$host" -p "$port" --user stack_admin --no-auth-warning "$@"; }

# Server and port; false where nobody answers, who then reads the lists when it starts.
reach() {
  host=$1 port=$2
  for _ in $(seq 15); do
    answer=$(ask PING 2>&1) || true
    case "$answer" in
      PONG) return 0 ;;
      *WRONGPASS* | *NOAUTH*)
        echo "$host refuses its administrator; if secrets/shared-cache_stack_admin was changed: docker compose restart shared-cache-1 shared-cache-2 shared-cache-3 shared-cache-sentinel-1 shared-cache-sentinel-2 shared-cache-sentinel-3" >&2
        exit 1
        ;;
    esac
    sleep 1
  done
  echo "warning: $host does not answer: docker compose logs $host" >&2
  return 1
}

# A line of the list becomes a command; `reset` makes the user what the line says and nothing more, in one step.
follow() {
  refused=$(sed -n 's/^user \([^ ]*\) \(.*\)$/ACL SETUSER \1 reset \2/p' "$1" | ask | grep -vx OK || true)
  if [ -n "$refused" ]; then
    echo "$host: $refused" >&2
    exit 1
  fi
  for name in $(ask ACL USERS); do
    grep -qF "user $name " "$1" || ask ACL DELUSER "$name" >/dev/null
  done
}

# A value from its file, so that it is no argument.
put() {
  answer=$(tr -d '\r\n' <"/run/secrets/$1" | ask -x $2)
  [ "$answer" = OK ] && return
  echo "$host: $2: $answer" >&2
  exit 1
}

for server in shared-cache-1 shared-cache-2 shared-cache-3; do
  reach "$server" 6379 || continue
  follow /run/secrets/shared-cache_acl
  put shared-cache_stack_replica 'CONFIG SET masterauth'
done
for sentinel in shared-cache-sentinel-1 shared-cache-sentinel-2 shared-cache-sentinel-3; do
  reach "$sentinel" 26379 || continue
  follow /run/secrets/shared-cache_sentinel_acl
  put shared-cache_stack_sentinel 'SENTINEL SET shared-cache auth-pass'
  put shared-cache_stack_sentinel 'SENTINEL CONFIG SET sentinel-pass'
done

# Who most sentinels call the primary, where it has a replica to write to.
takes_writes() {
  for each in shared-cache-sentinel-1 shared-cache-sentinel-2 shared-cache-sentinel-3; do
    host=$each port=26379
    ask SENTINEL GET-MASTER-ADDR-BY-NAME shared-cache 2>/dev/null | head -n 1
  done | sort | uniq -c | sort -rn | head -n 1 >/tmp/primary
  read -r votes host </tmp/primary || return 1
  [ "$votes" -ge 2 ] || return 1
  port=6379
  ask INFO replication 2>/dev/null | tr -d '\r' >/tmp/state || return 1
  grep -qx role:master /tmp/state || return 1
  ! grep -qx min_slaves_good_slaves:0 /tmp/state
}

for _ in $(seq 60); do
  if takes_writes; then
    echo "$host is the primary and takes writes"
    exit 0
  fi
  sleep 1
done
echo "no server takes writes: no primary that 2 sentinels agree on, or one without a replica; see ./prod.sh status" >&2
exit 1

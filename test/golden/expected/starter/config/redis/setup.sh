#!/bin/sh
# Users of the stack. Made from stack.yaml by create-stack.
# Run at each start: the server reads its list of users when it starts, and this makes a running one follow when an
# app was added or a password was changed, without a restart. The list holds hashes, no passwords.
set -eu

list=/run/secrets/redis_acl
REDISCLI_AUTH=$(tr -d '\r\n' </run/secrets/redis_stack_admin)
export REDISCLI_AUTH

ask() { redis-cli -h redis --user stack_admin --no-auth-warning "$@"; }

if [ "$(ask PING 2>/dev/null)" != PONG ]; then
  echo "redis refuses its administrator; if secrets/redis_stack_admin was changed: docker compose restart redis" >&2
  exit 1
fi

# A line of the list becomes a command; `reset` makes the user what the line says and nothing more, in one step.
refused=$(sed -n 's/^user \([^ ]*\) \(.*\)$/ACL SETUSER \1 reset \2/p' "$list" | ask | grep -vx OK || true)
if [ -n "$refused" ]; then
  echo "$refused" >&2
  exit 1
fi

for name in $(ask ACL USERS); do
  grep -qF "user $name " "$list" || ask ACL DELUSER "$name" >/dev/null
done

#!/bin/bash
# Users, virtual hosts and queues of rabbitmq. Made from stack.yaml by create-stack.
# Run at each start: the server reads users and rights when it starts, and this makes a running one follow when an app was
# added or a password was changed, without a restart. What is declared under queues, exchanges and bindings is made too.
set -euo pipefail
. /etc/rabbitmq/api.sh
host=rabbitmq
list=/run/secrets/rabbitmq_definitions
topology=/etc/rabbitmq/topology

fail() { printf '%s\n' "$@" >&2; exit 1; }
# A path below /api/, as whom one asks last.
ask() { api "$@" || fail 'rabbitmq does not answer'; }
must() { ask "$@"; case "$status" in 2*) ;; *) fail "rabbitmq refuses $1 $2: $status $answer" ;; esac; }

for login in stack_monitor:rabbitmq_stack_monitor stack_admin:rabbitmq_stack_admin; do
  user=${login%%:*} password=${login#*:}
  ask GET whoami
  [ "$status" = 200 ] || fail "rabbitmq refuses $user; if secrets/$password was changed: docker compose restart rabbitmq"
done

must POST definitions "$(<"$list")"

# What stack.yaml does not know any more. Users that were made by hand do not have the tag and stay.
must GET 'users?columns=name,tags'
for name in $(objects | grep '"tags":\[[^]]*"stack"' | text name); do
  if ! grep -qF "{\"name\": \"$name\", \"password_hash\"" "$list"; then
    must DELETE "users/$name"
    continue
  fi
  must GET "users/$name/permissions?columns=user,vhost"
  for vhost in $(objects | text vhost); do
    grep -qF "{\"user\": \"$name\", \"vhost\": \"$vhost\"," "$list" || [ "$name" = stack_admin ] ||
      must DELETE "permissions/${vhost//\//%2F}/$name"
  done
done

refused=0
while read -r method path body; do
  ask "$method" "$path" "$body"
  case "$status" in
    2*) ;;
    *)
      printf 'rabbitmq refuses %s: %s\n' "$path" "$(printf '%s' "$answer" | text reason)" >&2
      refused=1
      ;;
  esac
done <"$topology"
if [ "$refused" != 0 ]; then
  fail 'A queue or exchange keeps the type that it was made with. Change stack.yaml back, or remove it with its messages:' \
    './prod.sh rabbitmqctl delete_queue --vhost VHOST NAME'
fi

# Their rules are followed as long as they are declared.
must GET 'policies?columns=name,vhost'
objects | grep '"name":"stack:' >/tmp/policies || true
while IFS= read -r policy; do
  path=policies/$(printf '%s' "$policy" | text vhost)/$(printf '%s' "$policy" | text name)
  grep -qF "PUT $path " "$topology" || must DELETE "$path"
done </tmp/policies

#!/bin/bash
# Backup and restore of the definitions of rabbitmq. Made from stack.yaml by create-stack.
#   capture  the running server tells users, rights, virtual hosts, queues, exchanges, bindings and policies
#   check    Erlang reads /backup/definitions.json and counts what is in it
#   load     a server in an empty /var/lib/rabbitmq takes /backup/definitions.json in, and is stopped
#   count    prints what a running server holds, as JSON
# Messages are in none of it.
set -euo pipefail
umask 022

fetch() {
  . /etc/rabbitmq/api.sh
  host=$1 user=stack_admin password=rabbitmq_stack_admin
  api GET definitions || { echo 'rabbitmq does not answer' >&2; exit 1; }
  if [ "$status" != 200 ]; then
    echo "rabbitmq does not let its administrator in: $status" >&2
    echo 'if secrets/rabbitmq_stack_admin was changed: docker compose restart rabbitmq' >&2
    exit 1
  fi
  printf '%s\n' "$answer" >"$2"
}

# Users that stack.yaml makes come back with the stack itself, and are not counted.
counts() {
  HOME=/tmp erl -noinput -boot start_clean -eval '
    try
      {ok, Text} = file:read_file("'"$1"'"),
      All = json:decode(Text),
      Count = fun(Name) -> length(maps:get(Name, All)) end,
      ByHand = [User || User <- maps:get(<<"users">>, All), not lists:member(<<"stack">>, maps:get(<<"tags">>, User))],
      io:format("{\"queues\": ~b, \"exchanges\": ~b, \"bindings\": ~b, \"policies\": ~b, \"users\": ~b}~n",
        [Count(<<"queues">>), Count(<<"exchanges">>), Count(<<"bindings">>), Count(<<"policies">>), length(ByHand)]),
      halt(0)
    catch _:Reason -> io:format("definitions.json cannot be read: ~0p~n", [Reason]), halt(1)
    end.'
}

case "$1" in
  capture)
    fetch rabbitmq /backup/definitions.json
    ;;
  check)
    found=$(counts /backup/definitions.json) || { echo "$found"; exit 1; }
    echo "count $found"
    ;;
  load)
    export HOME=/tmp/home ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_NODENAME=rabbit@localhost
    export RABBITMQ_CONFIG_FILE=/tmp/load.conf RABBITMQ_ENABLED_PLUGINS_FILE=/tmp/plugins RABBITMQ_LOG_BASE=/tmp/log
    mkdir "$HOME" "$RABBITMQ_LOG_BASE"
    echo '[rabbitmq_management,rabbitmq_prometheus].' >/tmp/plugins
    printf '%s\n' 'load_definitions = /backup/definitions.json' 'default_queue_type = quorum' 'log.console = true' 'log.file = false' >/tmp/load.conf
    rabbitmq-server >/tmp/load.log 2>&1 &
    server=$!
    until grep -q 'Server startup complete' /tmp/load.log; do
      if ! kill -0 "$server" 2>/dev/null; then
        grep -v '^ *$' /tmp/load.log | tail -n 15
        exit 1
      fi
      sleep 0.2
    done
    kill -TERM "$server"
    wait "$server" || true
    sync
    ;;
  count)
    trap 'rm -f /tmp/definitions.$$' EXIT
    fetch 127.0.0.1 "/tmp/definitions.$$"
    counts "/tmp/definitions.$$"
    ;;
esac

#!/bin/sh
# Backup and restore of redis. Made from stack.yaml by create-stack.
#   capture  the running server sends all it holds into /backup/dump.rdb
#   check    the server's own checker reads /backup/dump.rdb
#   load     makes the content of an empty /data of /backup/dump.rdb
#   count    prints what a running server holds, as JSON
set -eu

ask() { redis-cli --user stack_admin --no-auth-warning "$@"; }

login() {
  REDISCLI_AUTH=$(tr -d '\r\n' </run/secrets/redis_stack_admin)
  export REDISCLI_AUTH
}

case "$1" in
  capture)
    login
    ask -h redis --rdb /backup/dump.rdb
    ;;
  check)
    redis-check-rdb /backup/dump.rdb
    ;;
  load)
    # The append-only file is what a server reads at its start; a dump.rdb beside it would be ignored. A dump is a valid
    # base of it.
    mkdir /data/appendonlydir
    cp /backup/dump.rdb /data/appendonlydir/appendonly.aof.1.base.rdb
    echo 'file appendonly.aof.1.base.rdb seq 1 type b' >/data/appendonlydir/appendonly.aof.manifest
    ;;
  count)
    login
    printf '{"keys": %s}\n' "$(ask -h 127.0.0.1 INFO keyspace | sed -n 's/^db[0-9]*:keys=\([0-9]*\).*/\1/p' | awk '{ n += $1 } END { print n + 0 }')"
    ;;
esac

#!/bin/sh
# Backup and restore of redis. Made from stack.yaml by create-stack.
#   capture  the running server sends all it holds into /backup/dump.rdb
#   check    the server's own checker reads /backup/dump.rdb to its end, with its checksum
#   load     makes the content of an empty /data of /backup/dump.rdb
#   count    prints what a running server holds, as JSON
set -eu
umask 022

ask() { redis-cli -h "$host" --user stack_admin --no-auth-warning "$@"; }

# The client ends with 0 whatever it is answered: only PONG counts.
login() {
  host=$1
  REDISCLI_AUTH=$(tr -d '\r\n' </run/secrets/redis_stack_admin)
  export REDISCLI_AUTH
  answer=$(ask PING 2>&1) || true
  [ "$answer" = PONG ] && return
  echo "redis does not let its administrator in: $(echo "$answer" | head -n 1)" >&2
  echo "if secrets/redis_stack_admin was changed: docker compose restart redis" >&2
  exit 1
}

# One field of INFO: section, name.
info() { ask INFO "$1" | tr -d '\r' | sed -n "s/^$2://p"; }

case "$1" in
  capture)
    login redis
    # Not of this copy, but who reads the warnings of backups wants to know: the server cannot save to its own disk.
    [ "$(info persistence rdb_last_bgsave_status)" = ok ] || echo "warning: the last save of redis to its own disk failed"
    [ "$(info persistence aof_last_write_status)" = ok ] || echo "warning: the last write of redis to its append-only file failed"
    ask --rdb /backup/dump.rdb
    ;;
  check)
    found=$(redis-check-rdb /backup/dump.rdb 2>&1) || { echo "$found" | tail -n 5; exit 1; }
    number() { echo "$found" | sed -n "s/^\[info\] \([0-9]*\) $1\$/\1/p"; }
    printf 'count {"keys": %d, "expiring": %d}\n' "$(number 'keys read')" "$(number expires)"
    ;;
  load)
    # The append-only file is what the server reads at its start; a dump is a valid base of one. The same file is also
    # dump.rdb, for a server that `settings:` keep from having an append-only file. Neither is ever written to in place.
    mkdir /data/appendonlydir
    cp /backup/dump.rdb /data/appendonlydir/appendonly.aof.1.base.rdb
    echo 'file appendonly.aof.1.base.rdb seq 1 type b' >/data/appendonlydir/appendonly.aof.manifest
    ln /data/appendonlydir/appendonly.aof.1.base.rdb /data/dump.rdb
    sync
    ;;
  count)
    login 127.0.0.1
    functions=$(info memory number_of_functions)
    keyspace=$(ask INFO keyspace | tr -d '\r')
    case "$keyspace" in '# Keyspace'*) ;; *) echo "$keyspace" >&2; exit 1 ;; esac
    echo "$keyspace" | awk -F '[=,]' -v functions="${functions:-0}" '
      /^db[0-9]+:keys=/ { keys += $2; expiring += $4 }
      END { printf "{\"keys\": %d, \"expiring\": %d, \"functions\": %d}\n", keys, expiring, functions }'
    ;;
esac

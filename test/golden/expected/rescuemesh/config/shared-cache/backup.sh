#!/bin/sh
# Backup and restore of shared-cache. Made from stack.yaml by create-stack.
#   capture  a replica sends all it holds into /backup/dump.rdb
#   check    the server's own checker reads /backup/dump.rdb to its end, with its checksum
#   load     makes the content of an empty /data of /backup/dump.rdb
#   count    prints what a running server holds, as JSON
set -eu
umask 022

ask() { redis-cli -h "$host" --user stack_admin --no-auth-warning "$@"; }

# The client ends with 0 whatever it is answered: only PONG counts.
login() {
  host=$1
  REDISCLI_AUTH=$(tr -d '\r\n' </run/secrets/shared-cache_stack_admin)
  export REDISCLI_AUTH
  answer=$(ask PING 2>&1) || true
  [ "$answer" = PONG ] && return
  echo "$host does not let its administrator in: $(echo "$answer" | head -n 1)" >&2
  echo "if secrets/shared-cache_stack_admin was changed: docker compose restart shared-cache-1 shared-cache-2 shared-cache-3" >&2
  exit 1
}

# One field of INFO: section, name.
info() { ask INFO "$1" | tr -d '\r' | sed -n "s/^$2://p"; }

# A replica that has all that the primary had a moment ago; the primary itself where there is none. Into $host.
choose() {
  primary= replicas=
  for host in shared-cache-1 shared-cache-2 shared-cache-3; do
    case "$(timeout 5 redis-cli -h "$host" --user stack_health --pass none --no-auth-warning ROLE 2>/dev/null | head -n 1)" in
      master) primary="$primary$host " ;;
      slave) replicas="$replicas $host" ;;
    esac
  done
  set -- $primary
  [ $# = 1 ] || { echo "of shared-cache-1 shared-cache-2 shared-cache-3 one is to be the primary, not: ${*:-none}; see ./prod.sh status" >&2; exit 1; }
  primary=$1
  login "$primary"
  wanted=$(info replication master_repl_offset)
  for host in $replicas; do
    for _ in $(seq 10); do
      [ "$(info replication master_link_status)" = up ] || break
      [ "$(info replication slave_repl_offset)" -lt "$wanted" ] || return 0
      sleep 1
    done
  done
  echo "warning: no replica of shared-cache is up to date: the copy was made from the primary, $primary"
  host=$primary
}

case "$1" in
  capture)
    choose
    echo "copying from $host"
    # Not of this copy, but who reads the warnings of backups wants to know: the server cannot save to its own disk.
    [ "$(info persistence rdb_last_bgsave_status)" = ok ] || echo "warning: the last save of $host to its own disk failed"
    [ "$(info persistence aof_last_write_status)" = ok ] || echo "warning: the last write of $host to its append-only file failed"
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
    echo '# primary, until the sentinels say otherwise' >/data/node.conf
    sync
    ;;
  count)
    login 127.0.0.1
    # What is counted before and after a copy is the primary's, whoever is asked.
    [ "$(info replication master_link_status)" != up ] || login "$(info replication master_host)"
    functions=$(info memory number_of_functions)
    keyspace=$(ask INFO keyspace | tr -d '\r')
    case "$keyspace" in '# Keyspace'*) ;; *) echo "$keyspace" >&2; exit 1 ;; esac
    echo "$keyspace" | awk -F '[=,]' -v functions="${functions:-0}" '
      /^db[0-9]+:keys=/ { keys += $2; expiring += $4 }
      END { printf "{\"keys\": %d, \"expiring\": %d, \"functions\": %d}\n", keys, expiring, functions }'
    ;;
esac

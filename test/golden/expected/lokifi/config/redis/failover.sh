#!/bin/sh
# Makes another server of redis the primary, and waits until all know it. Made from stack.yaml by create-stack; runs in a sentinel.
set -eu

REDISCLI_AUTH=$(tr -d '\r\n' </run/secrets/redis_stack_admin)
export REDISCLI_AUTH

ask() {
  host=$1 port=$2
  shift 2
  timeout 3 redis-cli -h "$host" -p "$port" --user stack_admin --no-auth-warning "$@" 2>/dev/null | tr -d '\r'
}

named_by() { ask "$1" 26379 SENTINEL GET-MASTER-ADDR-BY-NAME redis | head -n 1; }
milliseconds() { date +%s%3N; }

before=$(named_by 127.0.0.1)
began=$(milliseconds)
until=$((began + 40000))

# While it is handed over nothing is written: writes wait at the former one until its replicas have all, and are refused there
# when it is a replica itself. Without that, what it takes in its last second would be confirmed and then thrown away.
ask "$before" 6379 CLIENT PAUSE 20000 WRITE >/dev/null || true
trap 'ask "$before" 6379 CLIENT UNPAUSE >/dev/null || true' EXIT
have_all() {
  state=$(ask "$before" 6379 INFO replication) || return 1
  offset=$(echo "$state" | sed -n 's/^master_repl_offset://p')
  ! echo "$state" | grep '^slave[0-9]' | grep -v "offset=$offset," | grep -q .
}
for _ in $(seq 30); do
  ! have_all || break
  sleep 0.1
done

# Refused while another failover is not quite over, or while the sentinel has not heard of a replica lately.
while :; do
  answer=$(ask 127.0.0.1 26379 SENTINEL FAILOVER redis)
  [ "$answer" != OK ] || break
  if [ "$(milliseconds)" -gt "$until" ]; then
    echo "the sentinel refuses: $answer"
    exit 1
  fi
  sleep 0.2
done

# As soon as there is another one, the former one follows it: before it takes writes again.
for _ in $(seq 400); do
  primary=$(named_by 127.0.0.1)
  if [ -n "$primary" ] && [ "$primary" != "$before" ]; then
    ask "$before" 6379 REPLICAOF "$primary" 6379 >/dev/null || true
    ask "$before" 6379 CONFIG REWRITE >/dev/null || true
    ask "$before" 6379 CLIENT KILL TYPE normal SKIPME yes >/dev/null || true
    break
  fi
  sleep 0.05
done
ask "$before" 6379 CLIENT UNPAUSE >/dev/null || true
trap - EXIT

# Every sentinel that answers names the same other server, which says so itself and has a replica again.
done_by_all() {
  primary=$(named_by 127.0.0.1)
  [ -n "$primary" ] && [ "$primary" != "$before" ] || return 1
  for each in redis-sentinel-1 redis-sentinel-2 redis-sentinel-3; do
    named=$(named_by "$each")
    [ -z "$named" ] || [ "$named" = "$primary" ] || return 1
  done
  state=$(ask "$primary" 6379 INFO replication)
  echo "$state" | grep -qx role:master && ! echo "$state" | grep -qx -e min_slaves_good_slaves:0 -e connected_slaves:0
}

until done_by_all; do
  if [ "$(milliseconds)" -gt "$until" ]; then
    echo "no other server became the primary within 40 seconds: ./prod.sh status"
    exit 1
  fi
  sleep 0.1
done
took=$(($(milliseconds) - began))
echo "$primary is the primary now, in place of $before; it took $((took / 1000)).$(printf %03d $((took % 1000)) | cut -c1) s"

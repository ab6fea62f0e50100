#!/bin/sh
# Starts one sentinel of shared-cache with what it knew last. Made from stack.yaml by create-stack.
#
# It keeps who is primary, since which election, and who the other sentinels are. All else in /data/sentinel.conf is written anew at
# each start, so that it follows stack.yaml and the passwords.
set -eu
umask 077

name=$1
if [ ! -s /data/sentinel.conf ]; then
  echo "$name knows no primary yet: its volume is new, and shared-cache-seed tells it one. Type: ./prod.sh start" >&2
  exit 1
fi
primary=$(sed -n 's/^sentinel monitor [^ ]* \([^ ]*\) .*/\1/p' /data/sentinel.conf)
{
  cat /usr/local/etc/server.conf /run/secrets/shared-cache_sentinel_conf
  echo "sentinel announce-ip $name"
  grep -E '^sentinel (myid|current-epoch|((monitor|config-epoch|leader-epoch|known-sentinel) shared-cache) )' /data/sentinel.conf || true
  # It asks the primary for its replicas every ten seconds only, and a replica that it does not know when the primary fails
  # would not be told of the next one.
  for each in shared-cache-1 shared-cache-2 shared-cache-3; do
    [ "$each" = "$primary" ] || echo "sentinel known-replica shared-cache $each 6379"
  done
} >/data/sentinel.conf.new
sync /data/sentinel.conf.new
mv /data/sentinel.conf.new /data/sentinel.conf

# Where everything starts at once, after a power cut, the sentinels are there before the servers. They wait for the primary
# that they knew, also while it still reads its data, so that the loss of power is not a failover.
for _ in $(seq 20); do
  answer=$(timeout 1 redis-cli -h "$primary" --user stack_health --pass none --no-auth-warning ping 2>/dev/null) || true
  [ -z "$answer" ] || break
  sleep 1
done
exec redis-server /data/sentinel.conf --sentinel

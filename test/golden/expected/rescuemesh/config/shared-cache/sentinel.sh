#!/bin/sh
# Starts one sentinel of shared-cache with what it knew last. Made from stack.yaml by create-stack.
#
# It keeps who is primary, since which election, and who the others are. All else in /data/sentinel.conf is written anew at each
# start, so that it follows stack.yaml and the passwords.
set -eu
umask 077

name=$1
if [ ! -s /data/sentinel.conf ]; then
  echo "$name knows no primary yet: its volume is new, and shared-cache-seed tells it one. Type: ./prod.sh start" >&2
  exit 1
fi
{
  cat /usr/local/etc/server.conf /run/secrets/shared-cache_sentinel_conf
  echo "sentinel announce-ip $name"
  grep -E '^sentinel (myid|current-epoch|((monitor|config-epoch|leader-epoch|known-replica|known-sentinel) shared-cache) )' /data/sentinel.conf || true
} >/data/sentinel.conf.new
sync /data/sentinel.conf.new
mv /data/sentinel.conf.new /data/sentinel.conf

# Where everything starts at once, after a power cut, the sentinels are there before the servers. They wait for the primary
# that they knew, also while it still reads its data, so that the loss of power is not a failover.
primary=$(sed -n 's/^sentinel monitor [^ ]* \([^ ]*\) .*/\1/p' /data/sentinel.conf)
for _ in $(seq 20); do
  answer=$(timeout 1 redis-cli -h "$primary" --user stack_health --pass none --no-auth-warning ping 2>/dev/null) || true
  [ -z "$answer" ] || break
  sleep 1
done
exec redis-server /data/sentinel.conf --sentinel

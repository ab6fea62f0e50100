#!/bin/sh
# Starts one server of redis in the role that it had last. Made from stack.yaml by create-stack.
#
# Who is primary is decided by the sentinels, and a server remembers it in one line of /data/node.conf: `replicaof`, or none.
# All else in that file is written anew at each start, so that it follows stack.yaml and the passwords.
set -eu
umask 077

name=$1
if [ ! -s /data/node.conf ]; then
  echo "$name has no role yet: its volume is new, and redis-seed gives it one. Type: ./prod.sh start" >&2
  exit 1
fi
{
  cat /usr/local/etc/server.conf /run/secrets/redis_replica_conf
  echo "replica-announce-ip $name"
  grep '^replicaof ' /data/node.conf || true
} >/data/node.conf.new
# A file that a power cut left empty would say that this is the primary.
sync /data/node.conf.new
mv /data/node.conf.new /data/node.conf
exec redis-server /data/node.conf

#!/bin/sh
# Starts mongodb. Made from stack.yaml by create-stack.
set -eu
umask 077

# The server refuses a key that others could read, and secrets are readable for every user of this container.
rm -f /tmp/key
tr -d '\r\n' </run/secrets/mongodb_key >/tmp/key
chmod 0400 /tmp/key

# Into an empty folder the image's entry point writes an administrator with the password of secrets/mongodb_stack_admin. Was it
# interrupted while it did so, there would never be one: then it begins anew. No app has ever reached such a server.
begun=/data/db/.stack-begun
if [ -e "$begun" ]; then
  echo "the first start of mongodb was interrupted: beginning anew" >&2
  find /data/db -mindepth 1 -delete
fi
[ -e /data/db/WiredTiger ] || touch "$begun"

# The volume knows the administrator's password of then. Is it another one now, the server learns it before anybody reaches it.
if [ -e /data/db/WiredTiger ] && [ "$(cat /data/db/.stack-admin 2>/dev/null)" != "$(sha256sum </run/secrets/mongodb_stack_admin)" ]; then
  echo "mongodb learns the password of secrets/mongodb_stack_admin" >&2
  # For the health check: what answers now is not yet the server.
  touch /tmp/begun
  sh /etc/mongo/backup.sh adopt
  rm /tmp/begun
fi

exec docker-entrypoint.sh mongod --config /etc/mongo/mongod.conf

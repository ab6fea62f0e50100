#!/bin/sh
# Backup and restore of mongodb. Made from stack.yaml by create-stack.
#   capture  the running server's content goes into /backup/dump.archive.gz, with the changes that happen meanwhile
#   check    the archive is whole, from its first byte to its last
#   load     makes the content of an empty /data/db of it, with a server of its own
#   count    prints what a running server holds, as JSON
#   adopt    gives the administrator in /data/db the password of now
set -eu
umask 022
# The shell writes into its home, which the image has in the data folder.
export HOME=/tmp
archive=/backup/dump.archive.gz

tasks() { STACK_PART=$1 mongosh --quiet --norc --nodb --file /etc/mongo/tasks.js; }

# A server on /data/db that nobody but this script reaches, so it asks for no password.
alone() {
  mongod --dbpath /data/db --bind_ip 127.0.0.1 --port 27017 --replSet rs0 --oplogSize 1024 \
    --wiredTigerCacheSizeGB 0.25 --nounixsocket --fork --logpath /tmp/alone.log --pidfilepath /tmp/alone.pid >/dev/null ||
    { tail -n 5 /tmp/alone.log; exit 1; }
  tasks begin
}

stop() { mongod --dbpath /data/db --shutdown >/dev/null; }

case "$1" in
  capture)
    mongodump --config=/run/secrets/mongodb_dump --oplog --gzip --archive="$archive"
    ;;
  check)
    # Compressed data carries a checksum of everything; an archive of mongodump begins with a number of its own.
    gzip -t "$archive" || exit 1
    first=$(gzip -dc "$archive" 2>/dev/null | head -c 4 | od -An -tx1 | tr -d ' \n')
    [ "$first" = 6de29981 ] || { echo "$archive is no archive of mongodump: it begins with $first"; exit 1; }
    ;;
  load)
    alone
    mongorestore --quiet --host=127.0.0.1 --port=27017 --gzip --archive="$archive" --oplogReplay
    stop
    ;;
  adopt)
    alone
    tasks end
    stop
    # By it a later start sees whether the password is still the same.
    sha256sum </run/secrets/mongodb_stack_admin >/data/db/.stack-admin
    ;;
  count)
    tasks count
    ;;
esac

#!/bin/sh
# Keeps one finished segment of the write-ahead log. Made from stack.yaml by create-stack.
# PostgreSQL calls it with the segment's path and name, and again until it ends with 0. The same segment twice is fine,
# another content under a name that is there is not: then two servers write into one archive.
set -eu
umask 022

kept=/wal/$2.zst
new=/wal/.$2.new

[ -w /wal ] || { echo "archive: /wal cannot be written to" >&2; exit 1; }
if [ -e "$kept" ]; then
  zstd -dqc "$kept" | cmp -s - "$1" && exit 0
  echo "archive: $kept is there already, with another content" >&2
  exit 1
fi
zstd -q -3 -f "$1" -o "$new"
sync "$new"
mv "$new" "$kept"
sync /wal

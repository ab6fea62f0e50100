#!/bin/sh
# Keeps one finished file of the write-ahead log. Made from stack.yaml by create-stack.
# PostgreSQL calls it in its data folder with the file's path and name, and again until it ends with 0. The same file
# twice is fine. Another content under a name that is there is not: then two servers write into one archive.
set -eu
umask 022
path=$1
name=$2

fail() {
  echo "archive: $1" >&2
  exit 1
}

# Without the mount the file would lie in this container and be gone with it.
awk '$5 == "/wal" { found = 1 } END { exit !found }' /proc/self/mountinfo || fail "/wal is not mounted"
[ -w /wal ] || fail "/wal cannot be written to"

# The cluster's own number is the beginning of this file. A database that was made anew has another one, and never meets
# the log of its predecessor.
cluster=$(od -An -t u8 -N 8 global/pg_control | tr -d ' ')
[ -n "$cluster" ] || fail "global/pg_control cannot be read"

# The branches of the log stay as they are, so that anybody can read them.
case $name in
  *.history) kept=/wal/$cluster.$name ;;
  *) kept=/wal/$cluster.$name.zst ;;
esac
new=/wal/.$cluster.$name.new
trap 'rm -f "$new"' EXIT

content() {
  case $1 in
    *.zst) zstd -dqc "$1" ;;
    *) cat "$1" ;;
  esac
}

# A kept file that can no longer be read is written again.
if [ -e "$kept" ] && content "$kept" >/dev/null 2>&1; then
  content "$kept" | cmp -s - "$path" && exit 0
  fail "$kept is there already, with another content"
fi

# With less than 1 GB left on a disk that is 95 % full the database comes first: the file is let go, which leaves a hole
# in the log. The next backup run sees the note, raises the alarm and begins a new base backup.
if df -Pk /wal | awk 'NR == 2 { exit !($4 < 1048576 && $5 + 0 >= 95) }'; then
  : >"/wal/$cluster.$name.dropped"
  echo "archive: the disk is full; $name was NOT kept" >&2
  exit 0
fi

case $kept in
  *.zst) zstd -q -3 -c <"$path" >"$new" ;;
  *) cat "$path" >"$new" ;;
esac
# The time of the last change in it, by which a restore to a moment finds it.
touch -r "$path" "$new"
sync "$new"
mv "$new" "$kept"
sync /wal

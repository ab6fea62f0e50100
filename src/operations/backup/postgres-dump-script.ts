import { reportFunction } from "./part-lines.ts";
import { countRowsSql } from "./postgres-rows.ts";

/** File with the rows of every table at the moment of the dump, one JSON array a line. */
export const rowsPart = "rows.jsonl";
/** File with roles, memberships and their settings; without passwords. */
export const globalsPart = "globals.sql.zst";

/** A volume for unpacked dumps, where a container is given one. */
export const spaceFolder = "/unpacked";

/**
 * Where dumps are folders: in the volume for them, or below the folder that the image itself makes a volume of (from version
 * 18 on another), which goes when the container goes. Not in the staging folder: what a container's user leaves there in a
 * folder of its own nobody else may remove.
 */
const makeWorkFolder = `for work in ${spaceFolder} /var/lib/postgresql/data /var/lib/postgresql; do
  [ ! -w "$work" ] || break
done
work=$work/.create-stack-dump
rm -rf "$work"
mkdir "$work"`;

/**
 * psql holds a snapshot of the database, counts the rows in it and has pg_dump dump the same one, so that what is counted
 * is what is dumped. A table that somebody keeps locked for more than a minute is an error, not a wait without end.
 */
const session = `SET lock_timeout = '60s';
SET search_path = pg_catalog;
SELECT current_setting('server_version_num')::int >= 170000 AS newer \\gset
\\if :newer
SET transaction_timeout = 0;
\\endif
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT pg_export_snapshot() AS snapshot \\gset
\\setenv snapshot :snapshot
\\o rows
${countRowsSql}\\o
\\! pg_dump --format=directory --file=dump --jobs="$jobs" --compress="$compress" --snapshot="$snapshot" --lock-wait-timeout=60s --no-sync && touch done
COMMIT;
`;

/**
 * Arguments: jobs, `yes` for the globals, then name and part of each database. A table that is locked or
 * dropped between two processes of pg_dump ends it, and so does a server without room for one more connection; then it
 * is tried once more with one process.
 */
export const dumpScript = `set -eu
umask 022
${reportFunction}
most=$1 globals=$2
shift 2
${makeWorkFolder}
cd "$work"
trap 'cd /; rm -rf "$work"' EXIT

export compress=zstd:3 jobs
if pg_dump --format=directory --file=none --compress=zstd:3 --host="$work" 2>&1 | grep -q 'does not support compression'; then
  compress=gzip:3
fi

if [ "$globals" = yes ]; then
  PGDATABASE=postgres pg_dumpall --globals-only --no-role-passwords --file=globals.sql
  zstd -q -3 -f globals.sql -o /backup/${globalsPart}
  report /backup/${globalsPart}
fi

dump() {
  jobs=$1
  rm -rf dump done rows
  psql --no-psqlrc --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 --file=session.sql 2>errors && [ -e done ] && return
  cat errors >&2
  return 1
}

cat >session.sql <<'SESSION'
${session}SESSION

while [ $# -gt 0 ]; do
  # From the environment a name is taken as it is.
  export PGDATABASE="$1"
  part=$2
  shift 2
  dump "$most" || { grep -qE 'could not obtain lock|does not exist|deadlock detected|too many clients|connection slots' errors && dump 1; } || {
    echo "failed $part"
    exit 1
  }
  sed -n 's/^pg_dump: warning: /warning: /p' errors
  cat rows >>/backup/${rowsPart}
  rm rows
  { echo toc.dat; ls -A dump | grep -vx toc.dat || true; } |
    tar --create --file="/backup/$part" --directory=dump --files-from=- --remove-files --owner=0 --group=0 --numeric-owner
  report "/backup/$part"
done
report /backup/${rowsPart}
`;

/**
 * Arguments: name and hash of each part. Says `sound PART TABLES` or `damaged PART: why` and goes on:
 * every file of a dump is decompressed to its end, its table of contents is read by pg_restore, and each table
 * in it must have its file. The program's own compression carries no checksum, so the hash is compared here too.
 */
export const checkScript = `set -u
${makeWorkFolder}
look() {
  sum=$(sha256sum <"/backup/$1") || { echo "cannot be read"; return 1; }
  [ "\${sum%% *}" = "$2" ] || { echo "is not what was written: its hash is another"; return 1; }
  case "$1" in
    *.dump.tar) look_into "$1" ;;
    *.zst) zstd -tq "/backup/$1" ;;
  esac
}
look_into() {
  tar --extract --file="/backup/$1" toc.dat || return 1
  pg_restore --list "$work" >list || return 1
  tar --extract --file="/backup/$1" --to-command='case "$TAR_FILENAME" in
    *.zst) exec zstd -tq - ;;
    *.gz) exec gzip -t ;;
    *) exec cat >/dev/null ;;
  esac' || return 1
  tar --list --file="/backup/$1" | sed -n 's/^\\([0-9]*\\)\\.dat.*/\\1/p' | sort >files
  sed -n 's/^\\([0-9]*\\); [0-9]* [0-9]* TABLE DATA .*/\\1/p' list | sort >tables
  missing=$(comm -13 files tables | wc -l)
  [ "$missing" -eq 0 ] || { echo "lacks the rows of $missing tables"; return 1; }
  tables=$(wc -l <tables)
}
cd "$work" || exit 1
while [ $# -gt 0 ]; do
  rm -f toc.dat list files tables
  tables=0
  if look "$1" "$2" >said 2>&1; then
    echo "sound $1 $((tables))"
  else
    echo "damaged $1: $(tr '\\n' ' ' <said | cut -c 1-300)"
  fi
  shift 2
done
`;

/**
 * The dump of roles wants to make the superuser too, and all those that are there: such errors are passed over, any other
 * is one. Argument: the file.
 */
export const globalsScript = `set -eu
zstd -dqc "$1" >/tmp/globals.sql
psql --no-psqlrc --quiet --dbname=postgres --file=/tmp/globals.sql >/dev/null 2>/tmp/said || { cat /tmp/said >&2; exit 1; }
rm /tmp/globals.sql
if grep -E 'ERROR|FATAL' /tmp/said | grep -v 'ERROR:  role "[^"]*" already exists' >&2; then exit 1; fi
`;

/** Arguments: part, jobs, connection, and what else pg_restore is told. */
export const restoreScript = `set -eu
part=$1 jobs=$2 connection=$3
shift 3
${makeWorkFolder}
tar --extract --file="$part" --directory="$work"
pg_restore --exit-on-error --jobs="$jobs" --dbname="$connection" "$@" "$work"
rm -rf "$work"
`;

/** Arguments: jobs, then a connection to each database. The checker is an extension; where it was not there it goes again. */
export const amcheckScript = `set -eu
jobs=$1
shift
ask() { psql --no-psqlrc --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 --dbname="$connection" --command="$1"; }
for connection; do
  there=$(ask "SELECT count(*) FROM pg_extension WHERE extname = 'amcheck'")
  [ "$there" -gt 0 ] || ask 'CREATE EXTENSION amcheck'
  pg_amcheck --heapallindexed --jobs="$jobs" "$connection" >/tmp/found 2>&1 || { tail -n 5 /tmp/found; echo "in $connection"; }
  [ "$there" -gt 0 ] || ask 'DROP EXTENSION amcheck'
done
`;

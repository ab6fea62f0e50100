#!/usr/bin/env bash
# Prepares the data folder once, then runs the server as the user postgres.
set -eo pipefail

fail() { printf 'Error: %s\n' "$*" >&2; exit 1; }
note() { printf '%s\n' "$*"; }

# 'setting NAME [DEFAULT]' takes NAME from the environment or from the file that NAME_FILE names, never from both.
setting() {
  local name=$1 value=${2-} file_name=${1}_FILE
  if [ -n "${!name-}" ] && [ -n "${!file_name-}" ]; then
    fail "both $name and $file_name are set (but are exclusive)"
  fi
  if [ -n "${!name-}" ]; then
    value=${!name}
  elif [ -n "${!file_name-}" ]; then
    value=$(<"${!file_name}")
  fi
  printf -v "$name" '%s' "$value"
  # shellcheck disable=SC2163
  export "$name"
  unset "$file_name"
}

read_settings() {
  setting POSTGRES_PASSWORD
  setting POSTGRES_USER postgres
  setting POSTGRES_DB "$POSTGRES_USER"
  setting POSTGRES_INITDB_ARGS
  : "${POSTGRES_HOST_AUTH_METHOD:=}"
}

has_data() { [ -s "$PGDATA/PG_VERSION" ]; }

make_folders() {
  mkdir -p "$PGDATA"
  chmod 00700 "$PGDATA" 2>/dev/null || true
  mkdir -p /var/run/postgresql 2>/dev/null || true
  chmod 03775 /var/run/postgresql 2>/dev/null || true
  if [ -n "${POSTGRES_INITDB_WALDIR-}" ]; then
    mkdir -p "$POSTGRES_INITDB_WALDIR"
    chmod 700 "$POSTGRES_INITDB_WALDIR"
  fi
  [ "$(id -u)" = 0 ] || return 0
  local folder
  for folder in "$PGDATA" /var/run/postgresql ${POSTGRES_INITDB_WALDIR:+"$POSTGRES_INITDB_WALDIR"}; do
    find "$folder" ! -user postgres -exec chown postgres {} + 2>/dev/null || true
  done
}

# From version 18 on the volume belongs one level higher; a mount at the old place would silently stay unused.
refuse_data_in_the_old_place() {
  [ "$PGDATA" = "/var/lib/postgresql/$PG_MAJOR/docker" ] || return 0
  local folder
  for folder in /var/lib/postgresql /var/lib/postgresql/data /var/lib/postgresql/*/docker; do
    if [ -s "$folder/PG_VERSION" ]; then
      fail "there is data of another PostgreSQL in $folder: upgrade it, or mount the volume at /var/lib/postgresql"
    fi
  done
  if awk '$5 == "/var/lib/postgresql/data" { found = 1 } END { exit !found }' /proc/self/mountinfo; then
    fail "/var/lib/postgresql/data is a mount, which PostgreSQL $PG_MAJOR does not use: mount the volume at /var/lib/postgresql"
  fi
}

require_a_password() {
  if [ "$POSTGRES_HOST_AUTH_METHOD" = trust ]; then
    note "Warning: POSTGRES_HOST_AUTH_METHOD=trust lets anyone in without a password." >&2
  elif [ -z "$POSTGRES_PASSWORD" ]; then
    fail "Database is uninitialized and superuser password is not specified: set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE"
  fi
}

create_cluster() {
  local -a options=(--username="$POSTGRES_USER")
  [ -z "${POSTGRES_INITDB_WALDIR-}" ] || options+=(--waldir "$POSTGRES_INITDB_WALDIR")
  # POSTGRES_INITDB_ARGS holds several words, quoted as for a shell.
  eval "initdb \"\${options[@]}\" --pwfile=<(printf '%s\n' \"\$POSTGRES_PASSWORD\") $POSTGRES_INITDB_ARGS"
}

allow_hosts() {
  local method=$POSTGRES_HOST_AUTH_METHOD
  [ -n "$method" ] || method=$(postgres -C password_encryption "$@" 2>/dev/null || echo scram-sha-256)
  printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
}

run_sql() {
  psql -v ON_ERROR_STOP=1 --no-psqlrc --no-password --username "$POSTGRES_USER" "$@"
}

create_database() {
  [ "$POSTGRES_DB" != postgres ] || return 0
  run_sql --dbname postgres --set name="$POSTGRES_DB" <<<'CREATE DATABASE :"name";'
}

run_first_scripts() {
  local script
  for script in /docker-entrypoint-initdb.d/*; do
    case "$script" in
      *.sh)
        note "running $script"
        # shellcheck disable=SC1090
        if [ -x "$script" ]; then "$script"; else . "$script"; fi
        ;;
      *.sql) note "running $script"; run_sql --dbname "$POSTGRES_DB" -f "$script" ;;
      *.sql.gz) note "running $script"; gunzip -c "$script" | run_sql --dbname "$POSTGRES_DB" ;;
      *.sql.xz) note "running $script"; xzcat "$script" | run_sql --dbname "$POSTGRES_DB" ;;
      *.sql.zst) note "running $script"; zstd -dc "$script" | run_sql --dbname "$POSTGRES_DB" ;;
      '/docker-entrypoint-initdb.d/*') ;;
      *) note "ignoring $script" ;;
    esac
  done
}

# Until everything is prepared the server answers on its local socket only.
prepare() {
  require_a_password
  refuse_data_in_the_old_place
  ls /docker-entrypoint-initdb.d/ >/dev/null
  create_cluster
  shift
  allow_hosts "$@"
  export PGPASSWORD=$POSTGRES_PASSWORD
  PGUSER=$POSTGRES_USER pg_ctl -D "$PGDATA" -o "$(printf '%q ' "$@" -c listen_addresses= -p "${PGPORT:-5432}")" -w start
  create_database
  run_first_scripts
  PGUSER=$POSTGRES_USER pg_ctl -D "$PGDATA" -m fast -w stop
  unset PGPASSWORD
  note 'PostgreSQL init process complete; ready for start up.'
}

only_asks() {
  local word
  for word in "$@"; do
    case "$word" in -'?' | --help | --describe-config | -V | --version) return 0 ;; esac
  done
  return 1
}

main() {
  case "${1-}" in -*) set -- postgres "$@" ;; esac
  if [ "${1-}" = postgres ] && ! only_asks "$@"; then
    read_settings
    make_folders
    if [ "$(id -u)" = 0 ]; then exec gosu postgres "$0" "$@"; fi
    if has_data; then
      note 'PostgreSQL Database directory appears to contain a database; Skipping initialization'
    else
      prepare "$@"
    fi
  fi
  exec "$@"
}

main "$@"

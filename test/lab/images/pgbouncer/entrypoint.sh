#!/bin/sh
# Writes settings for one database from the environment where there is no file of them, then runs the pooler.
set -e
settings=/etc/pgbouncer/pgbouncer.ini
if [ ! -f "$settings" ]; then
  if [ -n "${DB_USER-}" ] && [ -n "${DB_PASSWORD-}" ]; then
    printf '"%s" "%s"\n' "$DB_USER" "$DB_PASSWORD" >/etc/pgbouncer/userlist.txt
  fi
  cat >"$settings" <<END
[databases]
${DB_NAME:-*} = host=${DB_HOST:?names the server} port=${DB_PORT:-5432}
[pgbouncer]
listen_addr = 0.0.0.0
listen_port = ${LISTEN_PORT:-5432}
unix_socket_dir =
auth_file = /etc/pgbouncer/userlist.txt
auth_type = ${AUTH_TYPE:-md5}
pool_mode = ${POOL_MODE:-session}
ignore_startup_parameters = extra_float_digits
END
fi
exec "$@"

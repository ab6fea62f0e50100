#!/usr/bin/env bash
# Gives the server's files to its user, refuses settings that the server no longer takes, and runs the command as that user.
set -euo pipefail

case "$1" in
  rabbitmq*)
    if [ "$(id -u)" = 0 ]; then
      if [ "$1" = rabbitmq-server ]; then find /var/lib/rabbitmq ! -user rabbitmq -exec chown rabbitmq {} +; fi
      exec gosu rabbitmq "$0" "$@"
    fi
    ;;
esac

gone=(RABBITMQ_DEFAULT_PASS_FILE RABBITMQ_DEFAULT_USER_FILE RABBITMQ_VM_MEMORY_HIGH_WATERMARK
  RABBITMQ_{MANAGEMENT_,}SSL_{CACERTFILE,CERTFILE,FAIL_IF_NO_PEER_CERT,KEYFILE,VERIFY,DEPTH})
refused=0
for name in "${gone[@]}"; do
  if [ -n "${!name-}" ]; then
    echo "error: $name is set but deprecated" >&2
    refused=1
  fi
done
[ "$refused" = 0 ] || exit 1

if [ -z "${RABBITMQ_USE_LONGNAME-}" ] && [ "$(hostname)" != "$(hostname -s)" ]; then export RABBITMQ_USE_LONGNAME=true; fi
exec "$@"

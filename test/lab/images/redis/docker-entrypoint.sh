#!/bin/sh
# Options and configuration files go to the server; as root the server gets its own user and its own data.
set -e
owner=@SERVER@
server=$owner-server

case "${1-}" in
  -* | *.conf) set -- "$server" "$@" ;;
esac
if [ "$1" = "$server" ] && [ "$(id -u)" = 0 ]; then
  # Without the capability to change users the server goes on as it is, as the published image does.
  if setpriv --reuid="$owner" --regid="$owner" --init-groups true 2>/dev/null; then
    find . ! -user "$owner" -exec chown "$owner:$owner" {} + 2>/dev/null || true
    exec setpriv --reuid="$owner" --regid="$owner" --init-groups -- "$0" "$@"
  fi
fi
if [ "$1" = "$server" ]; then
  if [ "$(umask)" = 0022 ]; then umask 0077; fi
  # The flags are several words, as in the published image.
  # shellcheck disable=SC2086
  if [ "$owner" = valkey ] && [ -n "${VALKEY_EXTRA_FLAGS-}" ]; then set -- "$@" $VALKEY_EXTRA_FLAGS; fi
fi
exec "$@"

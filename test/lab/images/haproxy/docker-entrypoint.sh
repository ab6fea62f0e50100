#!/bin/sh
# Options go to the server, which runs in the foreground under a master.
set -e
case "${1-}" in
  -*) set -- haproxy "$@" ;;
esac
if [ "$1" = haproxy ]; then
  shift
  set -- haproxy -W -db "$@"
fi
exec "$@"

#!/bin/sh
# Whatever is not the server's own name is an argument for the server.
set -e
case "${1-}" in
  silo | minio) ;;
  *) set -- silo "$@" ;;
esac
exec "$@"

#!/bin/sh
# Options and Traefik's own subcommands go to traefik; anything else runs as it is.
set -e
if [ "${1#-}" != "${1-}" ]; then
  set -- traefik "$@"
elif [ -n "${1-}" ] && [ "$1" != traefik ] && traefik "$1" --help >/dev/null 2>&1; then
  set -- traefik "$@"
fi
exec "$@"

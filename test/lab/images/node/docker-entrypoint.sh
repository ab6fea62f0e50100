#!/bin/sh
# Options, and words that are no command here, go to node.
set -e
case "${1-}" in
  -*) set -- node "$@" ;;
  *)
    if ! command -v "${1-}" >/dev/null 2>&1 || { [ -f "$1" ] && [ ! -x "$1" ]; }; then
      set -- node "$@"
    fi
    ;;
esac
exec "$@"

#!/bin/sh
# Arguments go to the program as they are; without any, VGW_BACKEND names the backend and VGW_BACKEND_ARG its folder.
set -e
if [ "$#" -eq 0 ]; then
  case "${VGW_BACKEND-}" in
    posix | scoutfs | s3 | azure | plugin | iam) ;;
    *) echo "VGW_BACKEND must name a backend (posix, scoutfs, s3, azure, plugin, iam), not '${VGW_BACKEND-}'" >&2; exit 1 ;;
  esac
  # shellcheck disable=SC2086
  set -- ${VGW_ARGS-} "$VGW_BACKEND" ${VGW_BACKEND_ARG:+"$VGW_BACKEND_ARG"} ${VGW_BACKEND_ARGS-}
fi
exec versitygw "$@"

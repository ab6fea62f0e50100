#!/bin/sh
# The first word is what weed is to be; the usual folder and sizes come with it unless they are said.
set -e
what=${1-}
[ "$#" -eq 0 ] || shift
said() { # flag, words
  flag=$1
  shift
  for word; do case "$word" in "$flag" | "$flag="* | "-$flag" | "-$flag="*) return 0 ;; esac; done
  return 1
}
case "$what" in
  server) set -- -dir=/data -master.volumeSizeLimitMB=1024 "$@"; said -volume.max "$@" || set -- -volume.max=0 "$@" ;;
  mini) said -dir "$@" || set -- -dir=/data "$@" ;;
  master) set -- -mdir=/data -volumeSizeLimitMB=1024 "$@" ;;
  *) exec /usr/bin/weed "$what" "$@" ;;
esac
exec /usr/bin/weed -logtostderr=true "$what" "$@"

#!/bin/sh
# What `status` shows of the web server, as JSON. Made from stack.yaml by create-stack.
set -eu
facts='' problems=''
fact() { facts="$facts${facts:+,}\"$1\":\"$2\""; }
problem() { problems="$problems${problems:+,}{\"message\":\"$1\",\"hint\":\"$2\"}"; }

found=$(getent ahostsv4 backend 2>/dev/null | awk '$2 == "STREAM"' | wc -l)
fact backend "$found containers"
[ "$found" -gt 0 ] || problem "no container of backend is there for requests" "./prod.sh logs backend --tail 50"

found=$(getent ahostsv4 frontend 2>/dev/null | awk '$2 == "STREAM"' | wc -l)
fact frontend "$found containers"
[ "$found" -gt 0 ] || problem "no container of frontend is there for requests" "./prod.sh logs frontend --tail 50"

printf '{"facts":{%s},"problems":[%s]}\n' "$facts" "$problems"

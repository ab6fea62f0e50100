#!/bin/sh
# Starts rabbitmq. Made from stack.yaml by create-stack.
# Erlang wants its cookie in a file that nobody but its user can read, which a mounted secret is not.
set -eu

rm -f "$HOME/.erlang.cookie"
(umask 277 && tr -d '\r\n' </run/secrets/rabbitmq_erlang_cookie >"$HOME/.erlang.cookie")
exec rabbitmq-server

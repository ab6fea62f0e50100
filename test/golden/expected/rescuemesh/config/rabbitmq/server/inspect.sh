#!/bin/bash
# What `./prod.sh status` tells of rabbitmq: one JSON object. Made from stack.yaml by create-stack.
set -euo pipefail
. /etc/rabbitmq/api.sh
host=127.0.0.1 user=stack_monitor password=rabbitmq_stack_monitor
ask() { api GET "$1" && [ "$status" = 200 ] || { echo "rabbitmq answers ${status:-nothing}" >&2; exit 1; }; }
size() { numfmt --to=iec --format=%.0f -- "$1"; }

ask 'nodes?columns=mem_used,mem_limit,mem_alarm,disk_free,disk_free_limit,disk_free_alarm'
node=$answer
of() { printf '%s' "$node" | number "$1"; }
ask 'overview?columns=queue_totals.messages,queue_totals.messages_unacknowledged'
totals=$answer
in_all() { local found; found=$(printf '%s' "$totals" | number "$1"); echo "${found:-0}"; }
ask 'queues?columns=vhost,name,messages&sort=messages&sort_reverse=true&page=1&page_size=3&disable_stats=true&enable_queue_totals=true'
longest=''
answer=${answer#*\"items\":[}
while IFS= read -r queue; do
  messages=$(printf '%s' "$queue" | number messages)
  [ "${messages:-0}" -gt 0 ] || continue
  longest+="${longest:+, }$(printf '%s' "$queue" | text vhost)/$(printf '%s' "$queue" | text name) $messages"
done < <(objects)

problems=()
problem() { problems+=("{\"message\": \"$1\", \"hint\": \"$2\"}"); }
case "$node" in *'"mem_alarm":true'*) problem 'its memory is full: publishers wait until messages are taken' './prod.sh open rabbitmq' ;; esac
case "$node" in *'"disk_free_alarm":true'*) problem 'the disk is nearly full: publishers wait until there is room again' 'df -h' ;; esac
ask feature-flags
objects | grep '"state":"disabled"' | grep -q '"stability":"stable"' &&
  problem 'an update left features switched off; the next one wants them on' './prod.sh rabbitmqctl enable_feature_flag all'

printf '{"facts": {"messages": "%s, %s of them not acknowledged", %s"memory": "%s of %s", "free disk": "%s, at least %s"}, "problems": [%s]}\n' \
  "$(in_all messages)" "$(in_all messages_unacknowledged)" "${longest:+\"longest queues\": \"$longest\", }" \
  "$(size "$(of mem_used)")" "$(size "$(of mem_limit)")" "$(size "$(of disk_free)")" "$(size "$(of disk_free_limit)")" \
  "$(IFS=,; echo "${problems[*]-}")"

#!/bin/bash
# Is rabbitmq there for its clients? It takes connections, answers, and every virtual host runs. An alarm of memory or disk
# is no illness: publishers wait then, and a restart would help nobody.
set -u
. /etc/rabbitmq/api.sh

(: <>/dev/tcp/127.0.0.1/5672) 2>/dev/null || { echo 'no connection to port 5672'; exit 1; }
host=127.0.0.1 user=stack_monitor password=rabbitmq_stack_monitor
api GET health/checks/virtual-hosts || { echo 'no answer of the management API'; exit 1; }
[ "$status" = 200 ] || { echo "$status $answer"; exit 1; }

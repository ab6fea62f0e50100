#!/bin/bash
# One of Kafka's own commands as the administrator of kafka: tool.sh topics --list. Made from stack.yaml by create-stack.
set -eu

tool=$1
shift

# The server's own memory and log are not for a command beside it; and one that runs for seconds does better without
# the compiler that takes long.
export KAFKA_HEAP_OPTS=-Xmx96m
export KAFKA_JVM_PERFORMANCE_OPTS="-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData ${FURTHER_JAVA_OPTIONS-}"
export KAFKA_GC_LOG_OPTS=-Xlog:disable
export KAFKA_LOG4J_OPTS='-Dlog4j2.configurationFile=/usr/local/etc/kafka/log4j2.properties -Dlog.level=error -Dlog.target=SYSTEM_ERR'
export LOG_DIR=/tmp

exec "/opt/kafka/bin/kafka-$tool.sh" --bootstrap-server kafka:9093 --command-config /usr/local/etc/kafka/client.properties "$@"

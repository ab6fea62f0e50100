#!/bin/bash
# Starts kafka. Made from stack.yaml by create-stack.
# An empty volume is made ready first, with a cluster id of its own: it lies in the volume and goes with its backups.
set -eu
umask 027

config=/usr/local/etc/kafka/server.properties
log=/var/lib/kafka/data/log

if [ ! -f "$log/meta.properties" ]; then
  for topic in "$log"/*-[0-9]*; do
    case "$topic" in
      "$log/*-[0-9]*" | "$log/__cluster_metadata-0") ;;
      *)
        echo "$log holds topics and no meta.properties: the volume is damaged, and nothing in it was changed" >&2
        echo "bring a copy back: ./prod.sh restore run --only kafka" >&2
        exit 1
        ;;
    esac
  done
  # 128 random bits in base64, as Kafka writes ids; one that began with "-" would be taken for an option.
  id=-
  while [ "${id#-}" != "$id" ]; do
    id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n')
  done
  mkdir -p "$log"
  KAFKA_HEAP_OPTS=-Xmx128m /opt/kafka/bin/kafka-storage.sh format --standalone --cluster-id "$id" --config "$config"
fi

exec /opt/kafka/bin/kafka-server-start.sh "$config"

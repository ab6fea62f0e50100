import type { Documented } from "../../support/documented.ts";

const of = (type: Documented["type"], usually: string): Documented => ({ type, usually });

/** Loki 3.7: https://grafana.com/docs/loki/latest/configure/ */
export const lokiReference: Record<string, Documented> = {
  auth_enabled: of("flag", "true: each request names its tenant"),
  "server.http_listen_port": of("port", "3100"),
  "server.grpc_listen_address": of("text", "every address"),
  "server.log_level": of("text", "info"),
  "common.instance_addr": of("text", "the address of the first interface"),
  "common.path_prefix": of("text", "none"),
  "common.replication_factor": of("count", "3"),
  "common.ring.kvstore.store": of("text", "consul"),
  "common.storage.filesystem.chunks_directory": of("text", "none"),
  "common.storage.filesystem.rules_directory": of("text", "none"),
  "schema_config.configs.from": of("date", "required"),
  "schema_config.configs.store": of("text", "required"),
  "schema_config.configs.object_store": of("text", "required"),
  "schema_config.configs.schema": of("text", "required"),
  "schema_config.configs.index.prefix": of("text", "required"),
  "schema_config.configs.index.period": of("duration", "required; 24h where retention is on"),
  "limits_config.retention_period": of("duration", "0s: kept for ever"),
  "limits_config.reject_old_samples_max_age": of("duration", "1w"),
  "limits_config.ingestion_rate_mb": of("count", "4"),
  "limits_config.ingestion_burst_size_mb": of("count", "6"),
  "limits_config.per_stream_rate_limit": of("bytes", "3MB"),
  "limits_config.per_stream_rate_limit_burst": of("bytes", "15MB"),
  "limits_config.max_line_size": of("bytes", "256KB"),
  "limits_config.max_line_size_truncate": of("flag", "false: the line is refused"),
  "limits_config.max_label_names_per_series": of("count", "15"),
  "limits_config.max_global_streams_per_user": of("count", "5000"),
  "limits_config.max_entries_limit_per_query": of("count", "5000"),
  "limits_config.query_timeout": of("duration", "1m"),
  "ingester.chunk_encoding": of("text", "gzip"),
  "ingester.wal.replay_memory_ceiling": of("bytes", "4GB"),
  "compactor.working_directory": of("text", "/var/loki/compactor"),
  "compactor.compaction_interval": of("duration", "10m"),
  "compactor.retention_enabled": of("flag", "false: nothing is ever removed"),
  "compactor.retention_delete_delay": of("duration", "2h"),
  "compactor.delete_request_store": of("text", "none; required where retention is on"),
  "querier.max_concurrent": of("count", "4"),
  "query_range.results_cache.cache.embedded_cache.enabled": of("flag", "false"),
  "query_range.results_cache.cache.embedded_cache.max_size_mb": of("count", "100"),
  "chunk_store_config.chunk_cache_config.embedded_cache.enabled": of("flag", "false"),
  "chunk_store_config.chunk_cache_config.embedded_cache.max_size_mb": of("count", "100"),
  "analytics.reporting_enabled": of("flag", "true"),
};

/** Elasticsearch 8.19 and 9: https://www.elastic.co/docs/reference/elasticsearch/configuration-reference */
export const elasticsearchReference: Record<string, Documented> = {
  "cluster.name": of("text", "elasticsearch; docker-cluster in the image"),
  "node.name": of("text", "the host's name"),
  "discovery.type": of("text", "multi-node"),
  "http.host": of("text", "network.host, which is the loopback address"),
  "transport.host": of("text", "network.host, which is the loopback address"),
  "xpack.license.self_generated.type": of("text", "basic"),
  "xpack.security.enabled": of("flag", "true"),
  "xpack.security.autoconfiguration.enabled": of("flag", "true"),
  "xpack.security.enrollment.enabled": of("flag", "false, and true where security configured itself"),
  "xpack.security.http.ssl.enabled": of("flag", "false, and true where security configured itself"),
  "cluster.routing.allocation.disk.watermark.low": of("bytes", "85 %; shares of use or sizes of free space"),
  "cluster.routing.allocation.disk.watermark.high": of("bytes", "90 %"),
  "cluster.routing.allocation.disk.watermark.flood_stage": of("bytes", "95 %"),
  "action.destructive_requires_name": of("flag", "true since 8"),
  "xpack.ml.enabled": of("flag", "true"),
  "ingest.geoip.downloader.enabled": of("flag", "true"),
};

/** Logstash 8.19 and 9: https://www.elastic.co/docs/reference/logstash/logstash-settings-file */
export const logstashReference: Record<string, Documented> = {
  "node.name": of("text", "the host's name"),
  "api.http.host": of("text", "127.0.0.1; 0.0.0.0 in the image"),
  "api.http.port": of("port", "the first free one from 9600 on"),
  "pipeline.ecs_compatibility": of("text", "v8"),
  "queue.type": of("text", "memory"),
  "queue.max_bytes": of("bytes", "1024mb"),
  "dead_letter_queue.enable": of("flag", "false"),
  "dead_letter_queue.max_bytes": of("bytes", "1024mb"),
  "dead_letter_queue.storage_policy": of("text", "drop_newer"),
};

/** Kibana 8.19 and 9: https://www.elastic.co/docs/reference/kibana/configuration-reference */
export const kibanaReference: Record<string, Documented> = {
  "server.name": of("text", "the host's name"),
  "server.host": of("text", "localhost; 0.0.0.0 in the image"),
  "server.port": of("port", "5601"),
  "server.publicBaseUrl": of("url", "none"),
  "xpack.security.secureCookies": of("flag", "false, and true where Kibana itself speaks TLS"),
  "elasticsearch.hosts": of("urls", "http://localhost:9200"),
  "elasticsearch.username": of("text", "none"),
  "telemetry.optIn": of("flag", "asked"),
  "telemetry.allowChangingOptInStatus": of("flag", "true"),
  "newsfeed.enabled": of("flag", "true"),
  "map.includeElasticMapsService": of("flag", "true"),
  "xpack.fleet.isAirGapped": of("flag", "false"),
};

/** Kibana's settings that stand in a secret. */
export const kibanaSecretReference: Record<string, Documented> = {
  "elasticsearch.password": of("text", "none"),
  "xpack.security.encryptionKey": of("text", "another one at each start; 32 characters at least"),
  "xpack.encryptedSavedObjects.encryptionKey": of("text", "none: what needs it is switched off"),
  "xpack.reporting.encryptionKey": of("text", "another one at each start"),
};

/** Blocks of Alloy 1.18 with the attributes of them that are used; `!` marks those that must be there. https://grafana.com/docs/alloy/latest/reference/ */
export const alloyReference: Record<string, string[]> = {
  logging: ["level"],
  "discovery.docker": ["host!", "refresh_interval"],
  "discovery.docker > filter": ["name!", "values!"],
  "discovery.relabel": ["targets!"],
  "discovery.relabel > rule": ["source_labels", "regex", "target_label", "replacement", "action"],
  "loki.source.docker": ["host!", "targets!", "forward_to!"],
  "loki.process": ["forward_to!"],
  "loki.process > stage.match": ["selector!"],
  "loki.process > stage.match > stage.multiline": ["firstline!", "max_wait_time", "max_lines"],
  "loki.process > stage.match > stage.json": ["expressions"],
  "loki.process > stage.match > stage.logfmt": ["mapping"],
  "loki.process > stage.match > stage.regex": ["expression!"],
  "loki.process > stage.drop": ["expression", "drop_counter_reason"],
  "loki.process > stage.template": ["source!", "template!"],
  "loki.process > stage.labels": ["values!"],
  "loki.process > stage.metrics": [],
  "loki.process > stage.metrics > metric.counter": [
    "name!",
    "description",
    "match_all",
    "action!",
    "max_idle_duration",
  ],
  "loki.write": [],
  "loki.write > endpoint": ["url!", "max_backoff_period", "max_backoff_retries"],
  "otelcol.receiver.loki": [],
  "otelcol.receiver.loki > output": ["logs"],
  "otelcol.processor.batch": ["timeout", "send_batch_size", "send_batch_max_size"],
  "otelcol.processor.batch > output": ["logs"],
  "otelcol.exporter.otlphttp": ["encoding"],
  "otelcol.exporter.otlphttp > client": ["endpoint!", "compression"],
  "otelcol.exporter.otlphttp > retry_on_failure": ["max_elapsed_time"],
  "otelcol.exporter.otlphttp > sending_queue": ["queue_size", "num_consumers", "block_on_overflow"],
};

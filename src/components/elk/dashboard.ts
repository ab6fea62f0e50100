import type { Dashboard } from "../../stack/monitoring.ts";
import { collectorName } from "../container-logs/collector.ts";

export function elkDashboard(key: string): Dashboard {
  const own = `{job="${key}"}`;
  const lines = `loki_process_custom_lines_total{job="${collectorName(key)}"}`;
  return {
    uid: key === "elk" ? "elk" : `elk-${key}`,
    title: "Elasticsearch",
    about: "Whether logs arrive, and how Elasticsearch copes; the lines themselves are in Kibana",
    panels: [
      {
        title: "Lines a second",
        kind: "timeseries",
        unit: "short",
        queries: [{ expr: `sum by (service) (rate(${lines}[5m]))`, legend: "{{service}}" }],
        stacked: true,
        width: 12,
        min: 0,
      },
      {
        title: "Waiting for Logstash",
        about: "Share of the collector's queue that is full.",
        kind: "timeseries",
        unit: "percentunit",
        queries: [
          {
            expr: `otelcol_exporter_queue_size{job="${collectorName(key)}"} / otelcol_exporter_queue_capacity{job="${collectorName(key)}"}`,
            legend: "queue",
          },
        ],
        thresholds: { critical: 0.8 },
        width: 12,
        min: 0,
        max: 1,
      },
      {
        title: "Heap",
        about: "Near its end Elasticsearch is busy with cleaning up alone.",
        kind: "timeseries",
        unit: "percentunit",
        queries: [
          {
            expr: `elasticsearch_jvm_memory_used_bytes{job="${key}",area="heap"} / elasticsearch_jvm_memory_max_bytes{job="${key}",area="heap"}`,
            legend: "used",
          },
        ],
        thresholds: { warning: 0.85, critical: 0.95 },
        min: 0,
        max: 1,
      },
      {
        title: "Free disk",
        kind: "timeseries",
        unit: "bytes",
        queries: [{ expr: `min by (job) (elasticsearch_filesystem_data_available_bytes${own})`, legend: "free" }],
        thresholds: { warning: 5 * 1024 ** 3, critical: 2 * 1024 ** 3, below: true },
        min: 0,
      },
      {
        title: "Kept logs",
        kind: "timeseries",
        unit: "bytes",
        queries: [{ expr: `sum by (job) (elasticsearch_indices_store_size_bytes${own})`, legend: "on disk" }],
        min: 0,
      },
    ],
  };
}

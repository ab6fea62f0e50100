import type { AlertRule } from "../../stack/monitoring.ts";
import { formatSize } from "../../support/units.ts";
import { collectorName } from "../container-logs/collector.ts";
import type { LokiOptions } from "./options.ts";

const minute = 60_000;

export function lokiRules(key: string, { size }: LokiOptions): AlertRule[] {
  return [
    {
      name: "LokiDown",
      expr: `up{job="${key}"} == 0`,
      for: 3 * minute,
      severity: "warning",
      about: key,
      cause: true,
      summary: "Loki does not answer: logs can be neither kept nor searched",
      meaning:
        "The apps are not affected. Lines wait in the containers' own logs and are brought when Loki is back; `./prod.sh logs` reads them there meanwhile.",
      command: `./prod.sh logs ${key}`,
    },
    {
      name: "LokiRefusesLines",
      // Lines that are older than what is kept come at a first start, and would be removed at once.
      expr: `sum by (job, reason) (increase(loki_discarded_samples_total{job="${key}",reason!="greater_than_max_sample_age"}[15m])) > 0`,
      for: 5 * minute,
      severity: "warning",
      about: key,
      summary: "Loki refuses log lines: {{ $labels.reason }}",
      meaning:
        "A service writes more than the limits allow (rate_limited, per_stream_rate_limit), or has too many kinds of lines (stream_limit). These lines are lost to the search; they are still in the container's own log.",
      command: `./prod.sh logs ${key}`,
    },
    {
      name: "LogLinesLost",
      expr: `sum by (job) (increase(loki_write_dropped_entries_total{job="${collectorName(key)}"}[15m])) > 0`,
      for: minute,
      severity: "warning",
      about: key,
      summary: "Log lines were given up after many attempts to bring them to Loki",
      meaning: "Loki refused them, or was away for hours. They are still in the containers' own logs for a while.",
      command: `./prod.sh logs ${collectorName(key)}`,
    },
    {
      name: "LogStoreLarge",
      expr: `create_stack_log_store_bytes{component="${key}"} > ${size}`,
      for: 30 * minute,
      severity: "warning",
      about: key,
      summary: `The kept logs take more than ${formatSize(size)} of the disk`,
      meaning:
        "Loki removes lines by their age alone. Keep them for a shorter time (retention: in stack.yaml), make the noisiest service say less, or allow more (size:).",
      command: "./prod.sh open grafana",
    },
  ];
}

import type { Dashboard } from "../../stack/monitoring.ts";
import { collectorName } from "../container-logs/collector.ts";

/** Who says how much, how much of it is errors, and the lines themselves. */
export function logsDashboard(key: string): Dashboard {
  const lines = 'loki_process_custom_lines_total{service=~"$service"}';
  const errors = 'loki_process_custom_lines_total{service=~"$service",level=~"error|critical"}';
  return {
    uid: key === "loki" ? "logs" : `logs-${key}`,
    title: "Logs",
    about: "Lines of every service, how many of them are errors, and whether all arrive",
    variables: [
      {
        name: "service",
        label: "Service",
        query: "label_values(loki_process_custom_lines_total, service)",
        several: true,
      },
    ],
    panels: [
      {
        title: "Errors a second",
        about: "Lines whose level is error or critical.",
        kind: "timeseries",
        unit: "short",
        queries: [{ expr: `sum by (service) (rate(${errors}[5m]))`, legend: "{{service}}" }],
        width: 12,
        min: 0,
      },
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
        title: "Errors",
        kind: "logs",
        queries: [{ expr: '{service=~"$service", level=~"error|critical"}' }],
        width: 24,
        height: 10,
      },
      {
        title: "All lines",
        about: 'Add `|= "text"` in Explore to find some of them, `| json` to filter by fields.',
        kind: "logs",
        queries: [{ expr: '{service=~"$service"}' }],
        width: 24,
        height: 14,
      },
      {
        title: "Lines by release",
        about: "A release that complains more than the one before shows here.",
        kind: "timeseries",
        unit: "short",
        queries: [
          {
            expr: `sum by (service, release) (rate(loki_process_custom_lines_total{service=~"$service",release!="",level=~"warn|error|critical"}[5m]))`,
            legend: "{{service}} {{release}}",
          },
        ],
        width: 12,
        min: 0,
      },
      {
        title: "Lines that did not arrive",
        about: "Refused by Loki's limits, or given up by the collector.",
        kind: "timeseries",
        unit: "short",
        queries: [
          {
            expr: `sum by (reason) (increase(loki_discarded_samples_total{job="${key}"}[5m]))`,
            legend: "{{reason}}",
          },
          {
            expr: `sum(increase(loki_write_dropped_entries_total{job="${collectorName(key)}"}[5m]))`,
            legend: "given up",
          },
        ],
        thresholds: { critical: 1 },
        width: 12,
        min: 0,
      },
    ],
  };
}

import type { Dashboard } from "../../stack/monitoring.ts";

const age = "time() - create_stack_backup_recovery_point_timestamp_seconds";

/** Whether the data would come back, and how much of it. */
export const backups: Dashboard = {
  uid: "backups",
  title: "Backups",
  about: "How much could be lost now, how long a restore takes, and whether anything failed",
  panels: [
    {
      title: "Could be lost now",
      about:
        "Age of the newest data that can be brought back, best destination of each source, against what may be lost.",
      kind: "bargauge",
      unit: "percentunit",
      queries: [
        {
          expr: `min by (source) (${age}) / on (source) max by (source) (create_stack_backup_recovery_point_objective_seconds)`,
          legend: "{{source}}",
        },
      ],
      thresholds: { warning: 0.8, critical: 1 },
      min: 0,
      max: 2,
    },
    {
      title: "Last drill",
      about: "Time since each source was restored on trial.",
      kind: "bargauge",
      unit: "s",
      queries: [{ expr: "time() - create_stack_backup_drill_timestamp_seconds", legend: "{{source}}" }],
      thresholds: { warning: 691_200, critical: 1_209_600 },
      min: 0,
    },
    {
      title: "Last copy that failed",
      about: "1: the last one of this type went well.",
      kind: "table",
      queries: [{ expr: "create_stack_backup_last_run_success" }],
    },
    {
      title: "Age at each destination",
      kind: "timeseries",
      unit: "s",
      queries: [{ expr: age, legend: "{{source}} at {{destination}}" }],
      min: 0,
      width: 12,
    },
    {
      title: "Time that a copy takes",
      kind: "timeseries",
      unit: "s",
      queries: [{ expr: "create_stack_backup_last_duration_seconds", legend: "{{source}} {{type}}" }],
      min: 0,
      width: 12,
    },
    {
      title: "Size of the newest copies",
      kind: "timeseries",
      unit: "bytes",
      queries: [{ expr: "create_stack_backup_snapshot_size_bytes", legend: "{{source}} {{type}}" }],
      min: 0,
    },
    {
      title: "Size of each destination",
      kind: "timeseries",
      unit: "bytes",
      queries: [{ expr: "create_stack_backup_destination_size_bytes", legend: "{{destination}}" }],
      min: 0,
    },
    {
      title: "Time that a restore took",
      about: "In the last drill of each source.",
      kind: "timeseries",
      unit: "s",
      queries: [{ expr: "create_stack_backup_drill_duration_seconds", legend: "{{source}}" }],
      min: 0,
    },
    {
      title: "Failures in a day",
      kind: "timeseries",
      unit: "short",
      queries: [
        { expr: "increase(create_stack_backup_source_failures_total[1d])", legend: "{{source}}" },
        { expr: "increase(create_stack_backup_delivery_failures_total[1d])", legend: "to {{destination}}" },
      ],
      min: 0,
      width: 12,
    },
    {
      title: "Not delivered yet",
      about: "Copies of this server that a destination has not got.",
      kind: "timeseries",
      unit: "short",
      queries: [{ expr: "create_stack_backup_destination_missing_snapshots", legend: "{{destination}}" }],
      min: 0,
      width: 12,
    },
  ],
};

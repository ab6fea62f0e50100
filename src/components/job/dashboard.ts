import type { Dashboard } from "../../stack/monitoring.ts";

const of = '{component=~"$job"}';

/** All jobs of the stack on one page. */
export const dashboard: Dashboard = {
  uid: "jobs",
  title: "Jobs",
  about: "What runs by the clock: whether it ran, how long it took, how often it failed.",
  variables: [{ name: "job", label: "Job", query: "label_values(create_stack_job_overdue, component)", several: true }],
  panels: [
    {
      title: "Last run",
      about: "1: it ended well.",
      kind: "stat",
      queries: [{ expr: `create_stack_job_last_success${of}`, legend: "{{component}}" }],
      thresholds: { critical: 0.5, below: true },
    },
    {
      title: "Last good run",
      kind: "stat",
      unit: "dateTimeFromNow",
      queries: [{ expr: `create_stack_job_last_success_timestamp_seconds${of} * 1000`, legend: "{{component}}" }],
    },
    {
      title: "Overdue",
      about: "1: its time has passed, and it has not run yet.",
      kind: "stat",
      queries: [{ expr: `create_stack_job_overdue${of}`, legend: "{{component}}" }],
      thresholds: { critical: 1 },
    },
    {
      title: "Duration of the last run",
      kind: "timeseries",
      unit: "s",
      width: 12,
      min: 0,
      queries: [{ expr: `create_stack_job_last_duration_seconds${of}`, legend: "{{component}}" }],
    },
    {
      title: "Failed runs in an hour",
      kind: "timeseries",
      width: 12,
      min: 0,
      queries: [{ expr: `increase(create_stack_job_failures_total${of}[1h])`, legend: "{{component}}" }],
    },
  ],
};

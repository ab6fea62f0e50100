import type { Dashboard } from "../../stack/monitoring.ts";

/** Whether a job ran, how long it took, how often it failed. */
export function dashboard(key: string): Dashboard {
  const of = `{component="${key}"}`;
  return {
    uid: `job-${key}`,
    title: `Job: ${key}`,
    about: "Whether it ran, how long it took, how often it failed.",
    panels: [
      {
        title: "Last run",
        about: "1: it ended well.",
        kind: "stat",
        queries: [{ expr: `create_stack_job_last_success${of}` }],
        thresholds: { critical: 0.5, below: true },
      },
      {
        title: "Last good run",
        kind: "stat",
        unit: "dateTimeFromNow",
        queries: [{ expr: `create_stack_job_last_success_timestamp_seconds${of} * 1000` }],
      },
      {
        title: "Overdue",
        about: "1: its time has passed, and it has not run yet.",
        kind: "stat",
        queries: [{ expr: `create_stack_job_overdue${of}` }],
        thresholds: { critical: 1 },
      },
      {
        title: "Duration of the last run",
        kind: "timeseries",
        unit: "s",
        width: 12,
        min: 0,
        queries: [{ expr: `create_stack_job_last_duration_seconds${of}` }],
      },
      {
        title: "Failed runs in an hour",
        kind: "timeseries",
        width: 12,
        min: 0,
        queries: [{ expr: `increase(create_stack_job_failures_total${of}[1h])` }],
      },
    ],
  };
}

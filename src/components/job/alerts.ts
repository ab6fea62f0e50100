import type { AlertRule } from "../../stack/monitoring.ts";

const minute = 60_000;

/** When somebody is told about a job; the supervisor writes these metrics. */
export function alertRules(key: string): AlertRule[] {
  const of = `{component="${key}"}`;
  return [
    {
      name: "JobFailed",
      expr: `max(create_stack_job_last_success${of}) == 0`,
      for: 0,
      severity: "warning",
      about: key,
      summary: `the last run of the job ${key} did not end well`,
      meaning:
        "It ended with another exit code than 0, was stopped because its time was over, or was missed. It runs again at its next time, and a run that ends well ends this.",
      command: `./prod.sh job logs ${key}`,
    },
    {
      name: "JobOverdue",
      expr: `max(create_stack_job_overdue${of}) == 1`,
      for: 5 * minute,
      severity: "warning",
      about: key,
      summary: `the job ${key} should have run and has not`,
      meaning:
        "Its time has passed more than a quarter of an hour ago. It waits for a service that it needs, or for a command that is at work on the stack.",
      command: `./prod.sh job list`,
    },
  ];
}

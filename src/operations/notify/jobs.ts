import { runText } from "../jobs/history.ts";
import type { JobView } from "../jobs/view.ts";
import type { Trouble } from "./trouble.ts";

/** Jobs whose newest run did not end well, and those that should have run and have not. */
export function jobTroubles(jobs: readonly JobView[]): Trouble[] {
  return jobs.flatMap((job) => [...failedTrouble(job), ...overdueTrouble(job)]);
}

function failedTrouble({ name, last }: JobView): Trouble[] {
  if (last === undefined || last.outcome === "ok") return [];
  const hasRun = last.outcome !== "missed";
  return [
    {
      key: `job/${name}`,
      name: "JobFailed",
      severity: "warning",
      component: name,
      title: `the job ${name} ${runText(last)}`,
      lines: hasRun ? [`What it printed: .stack/jobs/${name}/${last.id}.log`] : [],
      command: hasRun ? `./prod.sh job logs ${name}` : `./prod.sh job run ${name}`,
      holds: 0,
      clears: 0,
    },
  ];
}

function overdueTrouble({ name, overdueSince }: JobView): Trouble[] {
  if (overdueSince === undefined) return [];
  return [
    {
      key: `job/${name}/overdue`,
      name: "JobOverdue",
      severity: "warning",
      component: name,
      title: `the job ${name} should have run at ${overdueSince} and has not`,
      lines: [],
      command: "./prod.sh job list",
      holds: 0,
      clears: 0,
    },
  ];
}

import { formatAge } from "../support/units.ts";
import type { JobView } from "./jobs/view.ts";
import { jobTroubles } from "./notify/jobs.ts";
import { readScheduleMemory } from "./schedule/memory.ts";
import type { ServiceStatus, StatusProblem } from "./status-report.ts";

/** Milliseconds after which a schedule that was not called stands still: it is called every minute. */
const standsStill = 5 * 60_000;

/** What somebody is told of jobs, and that nothing begins them. */
export function jobProblems(
  directory: string,
  jobs: readonly JobView[],
  services: readonly Pick<ServiceStatus, "uptime">[],
  now: number,
): StatusProblem[] {
  const troubles = jobTroubles(jobs).map(({ title, command, component }) => ({
    subject: component ?? "jobs",
    message: title,
    hint: command ?? "./prod.sh job list",
  }));
  return [...troubles, ...(jobs.length === 0 ? [] : standingSchedule(directory, services, now))];
}

function standingSchedule(
  directory: string,
  services: readonly Pick<ServiceStatus, "uptime">[],
  now: number,
): StatusProblem[] {
  const { lastTick } = readScheduleMemory(directory);
  const since = lastTick ?? now - 1_000 * Math.max(0, ...services.map(({ uptime = 0 }) => uptime));
  if (now - since < standsStill) return [];
  const [words, hint] =
    lastTick === undefined
      ? ["nothing calls the schedule", "./prod.sh schedule install"]
      : [`the schedule was last called ${formatAge(now - lastTick)} ago`, "./prod.sh schedule show"];
  return [{ subject: "jobs", message: `jobs do not run: ${words}`, hint }];
}

import { formatAge } from "../../support/units.ts";
import type { Context } from "../context.ts";
import { jitterOf, nextTimes } from "./due.ts";
import type { SchedulerKind } from "./entry.ts";
import type { ScheduleHost } from "./host.ts";
import { installedKinds, isOutdated } from "./install.ts";
import { type ScheduledLane, scheduledLanes } from "./lanes.ts";
import { readScheduleMemory } from "./memory.ts";

/** A call every minute that has not come for so long is a schedule that stands still. */
const standsStill = 5 * 60_000;

export interface ScheduleReport {
  installed: { kind: SchedulerKind; outdated: boolean }[];
  timezone: string;
  lanes: { lane: ScheduledLane; cron: string; next: { at: string; there: string }[] }[];
  /** RFC 3339 of the last call; undefined: never called. */
  lastCall?: string;
  /** What is wrong, each with what to do. */
  problems: string[];
}

/** When which lane runs next, and whether anything will call it. */
export async function showSchedule(
  { directory, model, clock }: Pick<Context, "directory" | "model" | "clock">,
  host: ScheduleHost,
): Promise<ScheduleReport> {
  const { schedule } = model.backup;
  const now = clock.now();
  const kinds = await installedKinds({ directory, model }, host);
  const installed: ScheduleReport["installed"] = [];
  for (const kind of kinds) installed.push({ kind, outdated: await isOutdated(kind, { directory, model }, host) });
  const { lastTick } = readScheduleMemory(directory);
  return {
    installed,
    timezone: schedule.timezone,
    lanes: scheduledLanes.map((lane) => ({
      lane,
      cron: schedule[lane],
      next: nextTimes(schedule, lane, now, 2).map((due) => {
        const at = due + jitterOf(schedule, lane, due, model.name);
        return { at: new Date(at).toISOString().replace(/\.\d+/, ""), there: timeIn(schedule.timezone, at) };
      }),
    })),
    ...(lastTick !== undefined && { lastCall: new Date(lastTick).toISOString() }),
    problems: problemsOf(installed, lastTick, now),
  };
}

/** When each lane runs next, for `backup status`; nothing where no schedule is installed. Milliseconds since 1970. */
export async function nextRuns(
  { directory, model, clock }: Pick<Context, "directory" | "model" | "clock">,
  host: ScheduleHost,
): Promise<{ lane: string; at: number }[]> {
  if ((await installedKinds({ directory, model }, host)).length === 0) return [];
  const { schedule } = model.backup;
  return scheduledLanes.flatMap((lane) =>
    nextTimes(schedule, lane, clock.now(), 1).map((due) => ({
      lane,
      at: due + jitterOf(schedule, lane, due, model.name),
    })),
  );
}

function problemsOf(installed: ScheduleReport["installed"], lastTick: number | undefined, now: number): string[] {
  if (installed.length === 0)
    return ["not installed: backups run only by hand; install it: ./prod.sh schedule install"];
  const problems: string[] = [];
  for (const { kind, outdated } of installed)
    if (outdated)
      problems.push(`the entry of ${kind} is not as it would be made now; make it anew: ./prod.sh schedule install`);
  if (installed.length > 1) problems.push("installed more than once; make it one: ./prod.sh schedule install");
  const age = lastTick === undefined ? undefined : now - lastTick;
  if (age === undefined) problems.push("it was never called yet: it should be within a minute");
  else if (age > standsStill)
    problems.push(`it was last called ${formatAge(age)} ago: look whether cron or systemd runs, and at its log`);
  return problems;
}

/** `2026-11-22 02:00:14` in a time zone. */
function timeIn(timeZone: string, at: number): string {
  // The Swedish way to write a time is that of ISO 8601.
  return new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" }).format(at);
}

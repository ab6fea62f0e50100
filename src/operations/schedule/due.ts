import { createHash } from "node:crypto";
import type { BackupSchedule } from "../../stack/backup-settings.ts";
import { cronAt } from "./cron-times.ts";
import type { LaneMemory, ScheduledLane } from "./lanes.ts";

export interface Due {
  lane: ScheduledLane;
  due: number;
  /** 1 for the first. */
  attempt: number;
  only: string[];
}

/** A run that failed or was cut short is tried again so often, each time later: after 15, 30 minutes. */
const attempts = 3;
const retryAfter = 15 * 60_000;

/**
 * Whether a lane is to run now. However many due times passed since the last one was handled, it is one run. A lane
 * that was never handled is due at once where it is `full`, so that a new stack has a backup in its first minutes; the
 * others begin with their next time.
 */
export function dueNow(
  schedule: BackupSchedule,
  lane: ScheduledLane,
  memory: LaneMemory | undefined,
  now: number,
  seed: string,
): Due | undefined {
  // A time that is yet to come was noted by a clock that was wrong.
  const known = memory !== undefined && memory.due <= now && memory.triedAt <= now ? memory : undefined;
  if (known === undefined) return lane === "full" ? { lane, due: now, attempt: 1, only: [] } : undefined;
  const newest = newestDue(schedule, lane, known.due, now, seed);
  if (newest !== undefined) return { lane, due: newest, attempt: 1, only: [] };
  if (known.done || known.attempts >= attempts || now < known.triedAt + retryAfter * known.attempts) return undefined;
  return { lane, due: known.due, attempt: known.attempts + 1, only: known.failed };
}

/** What to remember of a lane that was never handled and is not due at once: everything before now is past. */
export function handledBefore(now: number): LaneMemory {
  return { due: now, triedAt: now, attempts: 0, done: true, failed: [] };
}

/** The newest time of a lane after `known` that has come, its jitter included. */
function newestDue(
  schedule: BackupSchedule,
  lane: ScheduledLane,
  known: number,
  now: number,
  seed: string,
): number | undefined {
  const cron = cronOf(schedule, lane);
  const next = cron.nextRun(new Date(known));
  if (next === null || next.getTime() > now) return undefined;
  // The library looks for times before a moment, to the second.
  for (let before = new Date(now + 1_000); ; ) {
    const [passed] = cron.previousRuns(1, before);
    if (passed === undefined || passed.getTime() <= known) return undefined;
    if (passed.getTime() + jitterOf(schedule, lane, passed.getTime(), seed) <= now) return passed.getTime();
    before = passed;
  }
}

/** The next times of a lane, without jitter. */
export function nextTimes(schedule: BackupSchedule, lane: ScheduledLane, now: number, count: number): number[] {
  return cronOf(schedule, lane)
    .nextRuns(count, new Date(now))
    .map((date) => date.getTime());
}

/** Up to `schedule.jitter` later, always the same for one stack and time. */
export function jitterOf({ jitter }: BackupSchedule, lane: ScheduledLane, due: number, seed: string): number {
  const hash = createHash("sha256").update(`${seed} ${lane} ${due}`).digest();
  return jitter <= 0 ? 0 : hash.readUInt32BE(0) % (jitter + 1);
}

function cronOf(schedule: BackupSchedule, lane: ScheduledLane) {
  return cronAt(schedule[lane], schedule.timezone);
}

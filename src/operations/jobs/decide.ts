import type { ObservedContainer } from "../../engine/engine.ts";
import type { Job } from "../../stack/model.ts";
import { newestTime, nextTime } from "../schedule/cron-times.ts";
import type { JobRun } from "./history.ts";
import type { JobMemory } from "./memory.ts";

/** Milliseconds that a container may take to appear after Compose was told to make it: whoever told it may be dead. */
const appearTime = 60_000;
/** Milliseconds after which a job that has not run is late: told where it is made up for, else given up. */
const lateAfter = 15 * 60_000;

/** What is to be done about a run that was begun. */
export type RunStep =
  | { kind: "nothing" }
  /** It is at work; nothing to be done now. */
  | { kind: "leave" }
  | { kind: "stop" }
  /** It has ended: its output is kept, its container goes. */
  | { kind: "settle" }
  /** It was made and never started. */
  | { kind: "remove" }
  /** There is nothing left of it. */
  | { kind: "write-off" };

/** What is to be done about the newest run of a job, and the container that carries the job's name. Pure. */
export function decideRun(
  job: Pick<Job, "timeout">,
  open: JobRun | undefined,
  container: Pick<ObservedContainer, "state" | "startedAt"> | undefined,
  now: number,
): RunStep {
  const begun = open === undefined ? undefined : Date.parse(open.startedAt);
  const isYoung = begun !== undefined && Math.abs(now - begun) < appearTime;
  if (container === undefined) {
    if (open === undefined) return { kind: "nothing" };
    return { kind: isYoung ? "leave" : "write-off" };
  }
  const { state, startedAt = begun ?? now } = container;
  if (state === "created") return { kind: isYoung ? "leave" : "remove" };
  if (!isAlive(container)) return { kind: "settle" };
  return { kind: open?.stopping !== undefined || now - startedAt >= job.timeout ? "stop" : "leave" };
}

export function isAlive({ state }: Pick<ObservedContainer, "state">): boolean {
  return state === "running" || state === "paused" || state === "restarting";
}

/** What is to be done about the newest time of a job. */
export type DueStep =
  | { kind: "nothing" }
  /** It cannot run now; a later call looks again. */
  | { kind: "wait"; due: number }
  | { kind: "start"; due: number }
  | { kind: "miss"; due: number; reason: string };

/**
 * Whether a job is to run now. However many of its times have passed since the last one that was handled, it is one run.
 * `hindrance`: why it cannot run now. Pure.
 */
export function decideDue(job: Job, memory: JobMemory, hindrance: string | undefined, now: number): DueStep {
  const due = newestTime(job.schedule, job.timezone, memory.handled, now);
  if (due === undefined) return { kind: "nothing" };
  const isLate = now - due > lateAfter;
  if (isLate && !job.catchUp)
    return { kind: "miss", due, reason: hindrance ?? "nothing called the schedule at that time" };
  return hindrance === undefined ? { kind: "start", due } : { kind: "wait", due };
}

/** What the next time of a job comes upon that is still at work. Pure. */
export function decideBusy(job: Job, memory: JobMemory, now: number): DueStep {
  const due = newestTime(job.schedule, job.timezone, memory.handled, now);
  return due === undefined ? { kind: "nothing" } : { kind: "miss", due, reason: "the run before it was still at work" };
}

/** Since when a job that should have run has not; undefined where all is well. Pure. */
export function overdueSince(job: Job, memory: JobMemory, now: number): number | undefined {
  return newestTime(job.schedule, job.timezone, memory.handled, now - lateAfter);
}

/** When it runs next. */
export function nextRunOf({ schedule, timezone }: Job, now: number): number | undefined {
  return nextTime(schedule, timezone, now);
}

import type { ObservedStack } from "../../engine/engine.ts";
import type { Job } from "../../stack/model.ts";
import type { Context } from "../context.ts";
import { tryLock, whileHeld } from "../lock.ts";
import { graceOf } from "../migrate-job.ts";
import { jobContainer } from "./container.ts";
import { isAlive } from "./decide.ts";
import { noteJobRun, readJobRuns } from "./history.ts";
import { jobLockFile, stopRun } from "./tend.ts";

/** Jobs with a run that is at work. */
export function jobsAtWork(model: Context["model"], observed: ObservedStack): Job[] {
  return model.jobs.filter((job) => {
    const container = jobContainer(model, job, observed);
    return container !== undefined && isAlive(container);
  });
}

/** Stops the runs of jobs, each with the time that it has to end in peace, because the stack stops. */
export async function interruptRuns(context: Context, jobs: readonly Job[]): Promise<void> {
  await Promise.all(jobs.map((job) => interruptRun(context, job)));
}

async function interruptRun(context: Context, job: Job): Promise<void> {
  const { directory, engine, model, clock, progress } = context;
  const container = jobContainer(model, job, await engine.observe(model.name));
  if (container === undefined) return;
  const open = readJobRuns(directory, job.name).findLast(({ outcome }) => outcome === "running");
  const stopping = open && { ...open, stopping: "interrupted" as const };
  progress.update(`job ${job.name}`, "working", "stopping");
  const lock = stopping && tryLock(directory, "stop", clock.now(), jobLockFile(job));
  if (stopping !== undefined && lock !== undefined && "release" in lock)
    await whileHeld(lock, () => stopRun(context, job, stopping, container));
  else {
    // On the disk before, for whoever has the run in hand and notes its end.
    if (stopping !== undefined) noteJobRun(directory, job.name, stopping);
    await engine.stop(container.id, graceOf(model, job.service));
  }
  progress.update(`job ${job.name}`, "done", "stopped");
}

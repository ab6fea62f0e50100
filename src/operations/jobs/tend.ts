import type { ObservedContainer } from "../../engine/engine.ts";
import type { Job } from "../../stack/model.ts";
import { messageOf } from "../../support/errors.ts";
import type { Context } from "../context.ts";
import { tryLock, whileHeld } from "../lock.ts";
import { graceOf } from "../migrate-job.ts";
import { beginRun, endRun, hindranceOf, type JobSight, jobContainer, settleRun } from "./container.ts";
import { type DueStep, decideBusy, decideDue, decideRun, type RunStep } from "./decide.ts";
import { type JobRun, newRunId, noteJobRun, readJobRuns, runText } from "./history.ts";
import { readJobMemory, writeJobMemory } from "./memory.ts";

/** What tending came to, in lines; none where there was nothing to tell. */
export interface TendResult {
  ok: boolean;
  lines: string[];
}

/**
 * Sees to all jobs, side by side: begins what is due, notes what has ended, stops what is out of time. No run is waited
 * for. Called every minute; a job that another process is at is left to that one.
 */
export async function tendJobs(context: Context): Promise<TendResult> {
  const { engine, model, signal } = context;
  if (model.jobs.length === 0) return { ok: true, lines: [] };
  const sight: JobSight = await engine.observe(model.name);
  const results = await Promise.all(
    model.jobs.map(async (job): Promise<TendResult> => {
      try {
        return await tendAlone(context, job, sight);
      } catch (error) {
        signal.throwIfAborted();
        return { ok: false, lines: [`${job.name}: FAILED: ${messageOf(error)}`] };
      }
    }),
  );
  return { ok: results.every(({ ok }) => ok), lines: results.flatMap(({ lines }) => lines) };
}

/** Name of the lock of a job in .stack: one process at a time has it in hand. One that died is succeeded. */
export function jobLockFile({ name }: Job): string {
  return `job-${name}.lock`;
}

async function tendAlone(context: Context, job: Job, sight: JobSight): Promise<TendResult> {
  const lock = tryLock(context.directory, "schedule run", context.clock.now(), jobLockFile(job));
  if (!("release" in lock)) return { ok: true, lines: [] };
  return await whileHeld(lock, async () => {
    const ended = await seeToRun(context, job, sight);
    const begun = await seeToTime(context, job, ended.busy, ended.sight);
    return { ok: ended.ok && begun.ok, lines: [...ended.lines, ...begun.lines] };
  });
}

/** What was begun earlier. `busy`: it is still at work. */
async function seeToRun(
  context: Context,
  job: Job,
  sight: JobSight,
): Promise<TendResult & { busy: boolean; sight: JobSight }> {
  const container = jobContainer(context.model, job, sight);
  const runs = readJobRuns(context.directory, job.name);
  const open = runs.findLast(({ outcome }) => outcome === "running");
  const { kind } = decideRun(job, open, container, context.clock.now());
  const nothing = { ok: true, lines: [] };
  if (kind === "nothing" || kind === "leave") return { ...nothing, busy: kind === "leave", sight };
  const ended =
    container === undefined
      ? open && endRun(context, job, open, "lost", { reason: "its container is gone, and nobody saw its end" })
      : await endSeen(context, job, kind, { container, open, runs });
  const others = { containers: sight.containers.filter((one) => one !== container) };
  return { ...(ended === undefined ? nothing : tellEnd(job, ended)), busy: false, sight: others };
}

interface SeenRun {
  container: ObservedContainer;
  open: JobRun | undefined;
  runs: readonly JobRun[];
}

/** Brings a run to its end in the history, and its container away; undefined where its end was noted already. */
async function endSeen(
  context: Context,
  job: Job,
  kind: RunStep["kind"],
  { container, open, runs }: SeenRun,
): Promise<JobRun | undefined> {
  const { engine } = context;
  if (kind === "settle" && open === undefined && isNoted(runs, container)) {
    await engine.remove(container.id, { unnamedVolumes: true });
    return undefined;
  }
  const run = open ?? unknownRun(container);
  if (kind === "stop") return stopRun(context, job, run, container);
  if (kind === "settle") return settleRun(context, job, run, container);
  await engine.remove(container.id, { unnamedVolumes: true });
  return endRun(context, job, run, "lost", { reason: "its container was never started" });
}

/** Stops a run for the reason that it bears, or because it is out of time, and notes its end. */
export async function stopRun(context: Context, job: Job, run: JobRun, { id }: ObservedContainer): Promise<JobRun> {
  const { directory, engine, model } = context;
  const why = run.stopping ?? "timed-out";
  // On the disk before: else, after a crash, the end of a run that was stopped would look like its own.
  const stopped: JobRun = { ...run, stopping: why };
  noteJobRun(directory, job.name, stopped);
  await engine.stop(id, graceOf(model, job.service));
  const ended = await engine.inspect(id);
  return ended === undefined ? endRun(context, job, stopped, why) : settleRun(context, job, stopped, ended);
}

/** Whoever noted its end died before its container was gone. */
function isNoted(runs: readonly JobRun[], { finishedAt }: ObservedContainer): boolean {
  return finishedAt !== undefined && runs.some((run) => Date.parse(run.finishedAt ?? "") === Math.floor(finishedAt));
}

/** A container of the job that no run is known of: its history was lost, or somebody made it under this name. */
function unknownRun({ startedAt = Date.now() }: ObservedContainer): JobRun {
  return {
    id: newRunId(startedAt),
    cause: "schedule",
    startedAt: new Date(startedAt).toISOString(),
    outcome: "running",
  };
}

/** What has become due. */
async function seeToTime(context: Context, job: Job, busy: boolean, sight: JobSight): Promise<TendResult> {
  const { directory, clock } = context;
  const now = clock.now();
  const memory = readJobMemory(directory, job, now);
  const step: DueStep = busy
    ? decideBusy(job, memory, now)
    : decideDue(job, memory, hindranceOf(context, job, sight), now);
  if (step.kind === "wait") return { ok: true, lines: [] };
  // Before anything is begun: what is cut off now is not begun a second time.
  writeJobMemory(directory, job, step.kind === "nothing" ? memory : { ...memory, handled: step.due });
  if (step.kind === "nothing") return { ok: true, lines: [] };
  const due = new Date(step.due).toISOString();
  if (step.kind === "miss") {
    const startedAt = new Date(now).toISOString();
    const missed: JobRun = { id: newRunId(now), cause: "schedule", due, startedAt, outcome: "running" };
    return tellEnd(job, endRun(context, job, missed, "missed", { reason: step.reason }));
  }
  const { run, container } = await beginRun(context, job, { cause: "schedule", due });
  return container === undefined ? tellEnd(job, run) : { ok: true, lines: [`${job.name}: begun (run ${run.id})`] };
}

function tellEnd(job: Job, run: JobRun): TendResult {
  const ok = run.outcome === "ok";
  return { ok, lines: [`${job.name}: ${ok ? "" : "FAILED: "}${runText(run)} (run ${run.id})`] };
}

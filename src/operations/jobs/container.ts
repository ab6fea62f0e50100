import type { ObservedContainer } from "../../engine/engine.ts";
import type { Job } from "../../stack/model.ts";
import type { Context } from "../context.ts";
import { lockHolder } from "../lock.ts";
import { unmetNeeds } from "../migrate-plan.ts";
import { redactorFor } from "../secret-values.ts";
import { isAlive } from "./decide.ts";
import { type JobOutcome, type JobRun, keepJobLog, newRunId, noteJobRun } from "./history.ts";
import { readJobMemory, writeJobMemory } from "./memory.ts";

/** Lines of a run's output that are read from the engine. */
export const mostLines = 20_000;

/** What a job is tended with: one look at the stack's containers. */
export interface JobSight {
  containers: readonly ObservedContainer[];
}

/**
 * The one container that a job may have. The engine gives a name to one container only: that is what keeps two runs of
 * a job apart, whatever dies.
 */
export function jobContainerName({ name }: Context["model"], { service }: Job): string {
  return `${name}-${service}-job`;
}

/** The container of a job's newest run, as long as it is there. */
export function jobContainer(
  model: Context["model"],
  job: Job,
  { containers }: JobSight,
): ObservedContainer | undefined {
  return containers.find(({ name }) => name === jobContainerName(model, job));
}

/** The hindrance that `start` ends. */
export const stackStopped = "the stack is stopped";

/** Why a job cannot run now; undefined where it can. */
export function hindranceOf(
  { directory, model }: Pick<Context, "directory" | "model">,
  job: Job,
  { containers }: JobSight,
): string | undefined {
  const holder = lockHolder(directory);
  if (holder !== undefined) return `\`${holder.command}\` is at work on the stack`;
  const standing = containers.filter(({ oneOff }) => !oneOff);
  const lasting = model.services.filter((service) => service.class === "long-running");
  if (lasting.length > 0 && !standing.some(isAlive)) return stackStopped;
  if (containers.some((one) => one.oneOff && one.service === job.service && isAlive(one)))
    return "it was started with docker compose run and is still at work";
  const [unmet] = unmetNeeds(job, model, containers);
  return unmet === undefined ? undefined : `${unmet.service} ${unmet.state}`;
}

/**
 * Begins a run: a container of its own that goes on by itself, whoever dies. That it was begun is on the disk before.
 * Resolves with the run and its container, or with the run as one that failed.
 */
export async function beginRun(
  context: Context,
  job: Job,
  begun: Pick<JobRun, "cause" | "due">,
): Promise<{ run: JobRun; container?: ObservedContainer }> {
  const { directory, engine, model, compose, clock } = context;
  const startedAt = new Date(clock.now()).toISOString();
  const run: JobRun = { id: newRunId(clock.now()), ...begun, startedAt, outcome: "running" };
  noteJobRun(directory, job.name, run);
  const name = jobContainerName(model, job);
  const { code, stderr } = await compose.run(["run", "-d", "--no-deps", "--name", name, job.service]);
  const container = (await engine.observe(model.name)).containers.find((found) => found.name === name);
  if (code === 0 && container !== undefined) return { run, container };
  const redact = redactorFor(directory, model);
  const said = redact(
    [container?.error ?? "", ...stderr.split("\n")].filter((line) => line.trim() !== "").at(-1) ?? "",
  );
  if (container !== undefined) await engine.remove(container.id, { unnamedVolumes: true });
  return { run: endRun(context, job, run, "failed", { reason: said.trim() || "it could not be started" }) };
}

/** Of a container that has ended: keeps its output, notes how it ended and removes it. */
export async function settleRun(
  context: Context,
  job: Job,
  run: JobRun,
  container: ObservedContainer,
): Promise<JobRun> {
  const { directory, engine, model } = context;
  const redact = redactorFor(directory, model);
  const lines = (await engine.logTail(container.id, mostLines)).map(redact);
  keepJobLog(directory, job.name, run.id, lines);
  const { exitCode, oomKilled, finishedAt, error } = container;
  const ended = endRun(context, job, run, run.stopping ?? outcomeOf(exitCode, oomKilled), {
    exitCode,
    ...(finishedAt !== undefined && { finishedAt: new Date(finishedAt).toISOString() }),
    ...(error !== "" && { reason: redact(error) }),
  });
  // Last: whoever dies before finds it once more, and notes the same.
  await engine.remove(container.id, { unnamedVolumes: true });
  return ended;
}

function outcomeOf(exitCode: number, oomKilled: boolean): JobOutcome {
  if (exitCode === 0) return "ok";
  return oomKilled ? "out-of-memory" : "failed";
}

/** Notes the end of a run, once: what is noted already is not counted again. */
export function endRun(
  { directory, clock }: Pick<Context, "directory" | "clock">,
  job: Job,
  { stopping: _, ...run }: JobRun,
  outcome: JobOutcome,
  more: Partial<JobRun> = {},
): JobRun {
  const ended: JobRun = { ...run, finishedAt: new Date(clock.now()).toISOString(), ...more, outcome };
  noteJobRun(directory, job.name, ended);
  if (outcome !== "ok") {
    const memory = readJobMemory(directory, job, clock.now());
    writeJobMemory(directory, job, { ...memory, failures: memory.failures + 1 });
  }
  return ended;
}

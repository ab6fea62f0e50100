import type { ObservedContainer } from "../../engine/engine.ts";
import type { Job } from "../../stack/model.ts";
import { StackError } from "../../support/errors.ts";
import type { Context } from "../context.ts";
import { withLock } from "../lock.ts";
import { endOf } from "../migrate-job.ts";
import { redactorFor } from "../secret-values.ts";
import { beginRun, hindranceOf, jobContainer, settleRun, stackStopped } from "./container.ts";
import { type JobRun, noteJobRun, readJobRuns, runText } from "./history.ts";
import { jobLockFile } from "./tend.ts";
import { jobNamed } from "./view.ts";

export interface RunNowOptions {
  /** A line that it has printed, without values of secrets. */
  onLine(line: string): void;
}

/**
 * Runs a job now and sees it to its end. Ctrl-C and its time limit stop it. A kill of this process does not: the
 * schedule sees to the run then. Throws where it does not end well, or runs already.
 */
export async function runJobNow(context: Context, name: string, { onLine }: RunNowOptions): Promise<JobRun> {
  const { directory, engine, model } = context;
  const job = jobNamed(model, name);
  const run = await withLock(context, { command: `job run ${name}`, file: jobLockFile(job) }, async () => {
    const sight = await engine.observe(model.name);
    const hindrance =
      jobContainer(model, job, sight) === undefined ? hindranceOf(context, job, sight) : "it is at work already";
    if (hindrance !== undefined) throw cannotRun(name, hindrance);
    const begun = await beginRun(context, job, { cause: "hand" });
    return begun.container === undefined ? begun.run : await follow(context, job, begun.run, begun.container, onLine);
  });
  if (run.outcome === "ok") return run;
  throw failed(directory, name, run);
}

async function follow(
  context: Context,
  job: Job,
  run: JobRun,
  container: ObservedContainer,
  onLine: (line: string) => void,
): Promise<JobRun> {
  const { directory, engine, model, clock } = context;
  const redact = redactorFor(directory, model);
  const following = engine.followLogs(container.id, (line) => onLine(redact(line)));
  // Awaited below; a rejection before that must not end the process.
  following.catch(() => {});
  const end = await endOf(context, container.id, (container.startedAt ?? clock.now()) + job.timeout, job);
  await following;
  // By us, or by a `stop` of the stack, which notes it.
  const stoppedBy = end.stoppedBy ?? readJobRuns(directory, job.name).find(({ id }) => id === run.id)?.stopping;
  const stopped: JobRun = stoppedBy === undefined ? run : { ...run, stopping: stoppedBy };
  if (stoppedBy !== undefined) noteJobRun(directory, job.name, stopped);
  return settleRun(context, job, stopped, (await engine.inspect(container.id)) ?? container);
}

function cannotRun(name: string, hindrance: string): StackError {
  return new StackError({
    code: "job-hindered",
    exit: "locked",
    message: `${name} cannot run now: ${hindrance}`,
    hint: `./prod.sh ${hindrance === stackStopped ? "start" : "job list"}; then: ./prod.sh job run ${name}`,
  });
}

function failed(directory: string, name: string, run: JobRun): StackError {
  return new StackError({
    code: `job-${run.outcome}`,
    exit: run.outcome === "interrupted" ? "interrupted" : "unhealthy",
    message: `${name} ${runText(run)}`,
    details: [`what it printed: ${directory}/.stack/jobs/${name}/${run.id}.log`],
    hint: mendHint(name, run),
  });
}

function mendHint(name: string, { outcome }: JobRun): string {
  const again = `./prod.sh job run ${name}`;
  if (outcome === "timed-out")
    return `raise timeout of ${name} in stack.yaml if it needs longer, then: ./prod.sh generate && ${again}`;
  if (outcome === "out-of-memory")
    return `raise limits: memory: of ${name} in stack.yaml if it needs more, then: ./prod.sh generate && ${again}`;
  return `put it right, then: ${again}`;
}

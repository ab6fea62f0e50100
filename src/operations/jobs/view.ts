import type { Job, StackModel } from "../../stack/model.ts";
import { StackError } from "../../support/errors.ts";
import { didYouMean } from "../../support/suggest.ts";
import type { Context } from "../context.ts";
import { redactorFor } from "../secret-values.ts";
import { jobContainer, mostLines } from "./container.ts";
import { nextRunOf, overdueSince } from "./decide.ts";
import { type JobRun, readJobLog, readJobRuns } from "./history.ts";
import { readJobMemory } from "./memory.ts";

/** A job, and how it has gone. Times are ISO 8601. */
export interface JobView {
  name: string;
  schedule: string;
  timezone: string;
  next?: string;
  /** At work now. */
  running?: JobRun;
  /** The newest that came to an end, missed ones included. */
  last?: JobRun;
  lastSuccess?: JobRun;
  /** The time that has passed without a run, though one may still come. */
  overdueSince?: string;
  /** Runs that did not end well, since the beginning. */
  failures: number;
}

/** All jobs of the stack. Reads files alone: it answers without an engine. */
export function viewJobs({ directory, model, clock }: Pick<Context, "directory" | "model" | "clock">): JobView[] {
  return model.jobs.map((job) => viewJob(directory, job, clock.now()));
}

function viewJob(directory: string, job: Job, now: number): JobView {
  const runs = readJobRuns(directory, job.name);
  const memory = readJobMemory(directory, job, now);
  const running = runs.findLast(({ outcome }) => outcome === "running");
  const last = runs.findLast(({ outcome }) => outcome !== "running");
  const lastSuccess = runs.findLast(({ outcome }) => outcome === "ok");
  const overdue = running === undefined ? overdueSince(job, memory, now) : undefined;
  const next = nextRunOf(job, now);
  return {
    name: job.name,
    schedule: job.schedule,
    timezone: job.timezone,
    ...(next !== undefined && { next: iso(next) }),
    ...(running && { running }),
    ...(last && { last }),
    ...(lastSuccess && { lastSuccess }),
    ...(overdue !== undefined && { overdueSince: iso(overdue) }),
    failures: memory.failures,
  };
}

function iso(time: number): string {
  return new Date(time).toISOString();
}

/** The job of this name; an error that names the others where there is none. */
export function jobNamed({ jobs }: Pick<StackModel, "jobs">, name: string): Job {
  const found = jobs.find((job) => job.name === name);
  if (found !== undefined) return found;
  const names = jobs.map((job) => job.name);
  throw new StackError({
    code: "unknown-job",
    exit: "invalidInput",
    message: names.length === 0 ? "This stack has no jobs" : `There is no job "${name}" in this stack`,
    hint: names.length === 0 ? "add one to stack.yaml: type: job, then ./prod.sh generate" : didYouMean(name, names),
  });
}

/** The runs of a job, newest first. */
export function jobHistory({ directory, model }: Pick<Context, "directory" | "model">, name: string): JobRun[] {
  return readJobRuns(directory, jobNamed(model, name).name).reverse();
}

/** What a run has printed: the newest one that is kept, or the one with this id; of one at work what there is by now. */
export async function jobLog(
  { directory, model, engine }: Pick<Context, "directory" | "model" | "engine">,
  name: string,
  id?: string,
): Promise<{ run: JobRun; text: string }> {
  const job = jobNamed(model, name);
  const runs = readJobRuns(directory, job.name);
  const ids = runs.filter(({ outcome }) => outcome !== "missed").map((run) => run.id);
  const run = runs.find((one) => one.id === (id ?? ids.at(-1)));
  if (run === undefined)
    throw new StackError({
      code: "unknown-run",
      exit: "invalidInput",
      message: id === undefined ? `${name} has not run yet` : `There is no run ${id} of ${name}`,
      hint: id === undefined ? `./prod.sh job run ${name}` : `./prod.sh job history ${name}`,
    });
  const kept = readJobLog(directory, job.name, run.id);
  if (kept !== undefined) return { run, text: kept };
  const container = run.outcome === "running" ? jobContainer(model, job, await engine.observe(model.name)) : undefined;
  if (container !== undefined) {
    const redact = redactorFor(directory, model);
    return { run, text: (await engine.logTail(container.id, mostLines)).map((line) => `${redact(line)}\n`).join("") };
  }
  throw new StackError({
    code: "no-output",
    exit: "invalidInput",
    message: `What run ${run.id} of ${name} printed is not kept${run.reason === undefined ? "" : `: ${run.reason}`}`,
    hint: `./prod.sh job history ${name}`,
  });
}

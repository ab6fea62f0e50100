import { closeSync, openSync, writeSync } from "node:fs";
import { relative } from "node:path";
import type { ObservedContainer } from "../engine/engine.ts";
import { StackError } from "../support/errors.ts";
import type { Redact } from "../support/redact.ts";
import { formatAge, formatSize } from "../support/units.ts";
import type { Context } from "./context.ts";
import { type JobRef, migrationContainerName } from "./migrate-plan.ts";
import {
  appendHistory,
  type MigrationOutcome,
  type MigrationRecord,
  migrationLogPath,
  newMigrationId,
  openMigrationsFolder,
} from "./migration-history.ts";

/** A run that has ended, with its last lines of output. */
export interface EndedRun {
  record: MigrationRecord;
  tail: string[];
  /** Bytes; 0 is no limit. */
  memoryLimit: number;
}

const keptTail = 15;

/**
 * Runs a job as a one-off container and sees it to its end. Detached, and read through the engine: output that travels
 * over an attached terminal can be cut short. Rejects only where the engine does; how the job ended is in the result.
 */
export async function runJob(context: Context, redact: Redact, job: JobRef, image: string): Promise<EndedRun> {
  const { directory, model, engine, compose, clock } = context;
  const id = newMigrationId(clock.now());
  const name = migrationContainerName(model.name, job.service, id);
  const record: MigrationRecord = {
    id,
    app: job.app,
    service: job.service,
    kind: job.kind,
    image,
    imageId: (await engine.image(image))?.id ?? "",
    startedAt: iso(clock.now()),
    outcome: "unfinished",
  };
  // On the disk before there is a container: whoever comes after a crash knows what to look for.
  appendHistory(directory, record);
  const started = await compose.run(["run", "-d", "--no-deps", "--name", name, job.service]);
  const { containers } = await engine.observe(model.name);
  const container = containers.find((found) => found.name === name);
  if (container === undefined || started.code !== 0) {
    if (container !== undefined) await engine.remove(container.id, { unnamedVolumes: true });
    const lines = [container?.error ?? "", ...started.stderr.split("\n")].map(redact);
    const outcome = context.signal.aborted ? "interrupted" : "failed";
    const tail = lines.filter((line) => line.trim() !== "").slice(-keptTail);
    return { record: finish(directory, record, clock.now(), outcome), tail, memoryLimit: 0 };
  }
  return watchJob(context, redact, job, container, { ...record, imageId: container.imageId });
}

/**
 * Follows a job's container to its end, keeps its output, writes the end into the history and removes the container.
 * Time-out and Ctrl-C stop it: first politely, then for good.
 */
export async function watchJob(
  context: Context,
  redact: Redact,
  job: JobRef,
  container: ObservedContainer,
  record: MigrationRecord,
): Promise<EndedRun> {
  const { directory, engine, clock, progress } = context;
  const kept = keepOutput(directory, record.id);
  const following = engine.followLogs(container.id, (raw) => {
    const line = redact(raw);
    kept.add(line);
    progress.line(`${job.service} | ${line}`);
  });
  // Awaited below; a rejection before that must not end the process.
  following.catch(() => {});
  try {
    // One that has ended already is only asked how; its time was up to whoever watched it.
    const begun = container.state === "exited" ? clock.now() : (container.startedAt ?? clock.now());
    const { end, stoppedBy } = await endOf(context, container.id, begun + job.timeout, job);
    await following;
    const outcome = stoppedBy ?? outcomeOf(end);
    const ended = finish(directory, record, clock.now(), outcome, end.exitCode);
    await engine.remove(container.id, { unnamedVolumes: true });
    return { record: ended, tail: kept.tail(), memoryLimit: container.memoryLimit };
  } finally {
    kept.close();
  }
}

type StoppedBy = "timed-out" | "interrupted";

/** Waits for the end of a run's container. Out of time, or interrupted, it is told to stop, and killed after its grace. */
export async function endOf(context: Context, id: string, deadline: number, job: Pick<JobRef, "service">) {
  const { engine, clock, signal, progress, model } = context;
  const exit = engine.waitForExit(id);
  const timer = new AbortController();
  const stopWith = (reason: StoppedBy) => () => reason;
  const timeout = clock
    .sleep(Math.max(0, deadline - clock.now()), timer.signal)
    .then(stopWith("timed-out"), () => undefined);
  const interruption = aborted(signal, timer.signal).then((was) => (was ? ("interrupted" as const) : undefined));
  try {
    const first = await Promise.race([exit, timeout, interruption]);
    if (typeof first !== "string") return { end: first ?? (await exit), stoppedBy: undefined };
    const grace = graceOf(model, job.service);
    const why = first === "timed-out" ? "out of time" : "interrupted";
    progress.line(`Stopping ${job.service} (${why}); it has ${grace}s to end by itself`);
    await engine.stop(id, grace);
    return { end: await exit, stoppedBy: first };
  } finally {
    timer.abort();
  }
}

/** Seconds that a service has to end by itself. */
export function graceOf({ services }: Context["model"], service: string): number {
  return Math.ceil((services.find(({ name }) => name === service)?.stopGracePeriod ?? 10_000) / 1_000);
}

/** Resolves with true when the signal is aborted, with false when nobody needs to know any more. */
function aborted(signal: AbortSignal, enough: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(true);
    const onAbort = () => resolve(true);
    signal.addEventListener("abort", onAbort, { once: true });
    enough.addEventListener("abort", () => {
      signal.removeEventListener("abort", onAbort);
      resolve(false);
    });
  });
}

function outcomeOf(end: { exitCode: number; oomKilled: boolean }): MigrationOutcome {
  if (end.exitCode === 0) return "ok";
  return end.oomKilled ? "out-of-memory" : "failed";
}

/** Writes the end of a run into the history. */
export function finish(
  directory: string,
  record: MigrationRecord,
  now: number,
  outcome: MigrationOutcome,
  exitCode?: number,
): MigrationRecord {
  const ended = { ...record, finishedAt: iso(now), outcome, ...(exitCode !== undefined && { exitCode }) };
  appendHistory(directory, ended);
  return ended;
}

function keepOutput(directory: string, id: string) {
  openMigrationsFolder(directory);
  // From the start, also when a run is taken over: the engine tells its output from the first line on.
  const file = openSync(migrationLogPath(directory, id), "w", 0o600);
  const last: string[] = [];
  return {
    add(line: string) {
      writeSync(file, `${line}\n`);
      if (last.push(line) > keptTail) last.shift();
    },
    tail: () => [...last],
    close: () => closeSync(file),
  };
}

function iso(time: number): string {
  return new Date(time).toISOString();
}

/** The error for a run that did not end well. `partial`: something before it in the same command did. */
export function failureOf(run: EndedRun, directory: string, partial: boolean): StackError {
  const { record, tail } = run;
  const log = relative(directory, migrationLogPath(directory, record.id));
  const took = formatAge(Date.parse(record.finishedAt ?? record.startedAt) - Date.parse(record.startedAt));
  const what = record.kind === "migrate" ? `The migration of ${record.app}` : `Seeding ${record.app}`;
  const [words, hint] = failureWords(run, took);
  const exit = record.outcome === "interrupted" ? "interrupted" : partial ? "partial" : "unhealthy";
  return new StackError({
    code: `migration-${record.outcome}`,
    exit,
    message: `${what} ${words}`,
    details: tail.length === 0 ? ["it printed nothing"] : [...tail, `all of its output: ${log}`],
    hint,
  });
}

function failureWords({ record, memoryLimit }: EndedRun, took: string): [words: string, hint: string] {
  const again = `./prod.sh migrate ${record.app}${record.kind === "seed" ? " --seed" : ""}`;
  const mend = `put it right, then: ${again}`;
  switch (record.outcome) {
    case "timed-out":
      return [
        `did not end within its time and was stopped after ${took}; what it had committed until then stays`,
        `raise ${record.kind}.timeout in stack.yaml if it needs longer, then: ./prod.sh generate && ${again}`,
      ];
    case "interrupted":
      return [`was stopped after ${took}; what it had committed until then stays`, again];
    case "out-of-memory": {
      const limit = memoryLimit > 0 ? ` (its limit is ${formatSize(memoryLimit)})` : "";
      return [
        `was killed because it ran out of memory${limit}`,
        `raise limits.memory of ${record.app} in stack.yaml, then: ./prod.sh generate && ${again}`,
      ];
    }
    default:
      if (record.exitCode === undefined) return ["could not be started", mend];
      if (record.exitCode === 127 || record.exitCode === 126)
        return [`failed with exit code ${record.exitCode}: its command cannot be run in this image`, mend];
      return [`failed with exit code ${record.exitCode} after ${took}`, mend];
  }
}

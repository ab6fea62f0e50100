import { randomBytes } from "node:crypto";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readIfExists, writeFileAtomic } from "../../support/files.ts";
import { formatAge } from "../../support/units.ts";
import { appendJsonLine, readJsonLines } from "../json-lines.ts";

/**
 * How a run came to its end. `running`: nobody has seen its end yet. `missed`: its time passed, and nothing was run.
 * `lost`: it was begun, and nobody knows what became of it.
 */
export type JobOutcome =
  | "ok"
  | "failed"
  | "out-of-memory"
  | "timed-out"
  | "interrupted"
  | "lost"
  | "missed"
  | "running";

/** One run of a job. Times are ISO 8601. */
export interface JobRun {
  id: string;
  cause: "schedule" | "hand";
  /** The time that the cron line said. */
  due?: string;
  startedAt: string;
  finishedAt?: string;
  exitCode?: number;
  outcome: JobOutcome;
  /** While it runs: it was told to stop, and why. */
  stopping?: "timed-out" | "interrupted";
  /** Why it was missed or could not be started. */
  reason?: string;
}

/** Runs whose output is kept. */
export const keptLogs = 20;
/** Lines that the history may have before the older half of its runs goes. */
const mostLines = 2_000;
const keptRuns = 500;
/** Characters of a run's output that are kept: the last ones. */
const mostOutput = 1024 ** 2;

/** An id that sorts by time. */
export function newRunId(now: number): string {
  const time = new Date(now)
    .toISOString()
    .replace(/[-:]|\.\d+/g, "")
    .toLowerCase();
  return `${time}-${randomBytes(2).toString("hex")}`;
}

/**
 * Adds what is known of a run. It stands in the history when it begins and again when its end is known, so that one
 * whose supervisor was killed is not forgotten.
 */
export function noteJobRun(directory: string, job: string, run: JobRun): void {
  const path = historyPath(directory, job);
  appendJsonLine(path, run);
  if (readJsonLines(path).length <= mostLines) return;
  const kept = readJobRuns(directory, job).slice(-keptRuns);
  writeFileAtomic(path, kept.map((one) => `${JSON.stringify(one)}\n`).join(""), 0o600);
}

/** The runs of a job in the order in which they began, each with the last that is known of it. */
export function readJobRuns(directory: string, job: string): JobRun[] {
  const runs = new Map<string, JobRun>();
  for (const run of readJsonLines<JobRun>(historyPath(directory, job)))
    if (typeof run.id === "string" && typeof run.startedAt === "string") runs.set(run.id, run as JobRun);
  return [...runs.values()];
}

/** Keeps what a run has printed, and of the job's runs the newest. */
export function keepJobLog(directory: string, job: string, id: string, lines: readonly string[]): void {
  const text = lines.map((line) => `${line}\n`).join("");
  const cut = text.length > mostOutput;
  const end = cut ? text.slice(text.indexOf("\n", text.length - mostOutput) + 1) : text;
  writeFileAtomic(logPath(directory, job, id), cut ? `(what came before was too much to be kept)\n${end}` : end, 0o600);
  const logs = readdirSync(jobFolder(directory, job)).filter((name) => name.endsWith(".log"));
  for (const name of logs.sort().slice(0, -keptLogs)) rmSync(join(jobFolder(directory, job), name), { force: true });
}

/** What a run has printed; undefined where it is not kept (any more). */
export function readJobLog(directory: string, job: string, id: string): string | undefined {
  return readIfExists(logPath(directory, job, id));
}

function logPath(directory: string, job: string, id: string): string {
  return join(jobFolder(directory, job), `${id}.log`);
}

function historyPath(directory: string, job: string): string {
  return join(jobFolder(directory, job), "history.jsonl");
}

/** Where a job's history and output are: `.stack/jobs/<name>`. */
function jobFolder(directory: string, job: string): string {
  return join(directory, ".stack", "jobs", job);
}

/** How a run ended, or how long it has been at work, in words. */
export function runText(run: JobRun, now = Date.now()): string {
  const { outcome, exitCode, startedAt, finishedAt, due, reason } = run;
  const took = formatAge(
    Math.max(0, (finishedAt === undefined ? now : Date.parse(finishedAt)) - Date.parse(startedAt)),
  );
  const why = reason === undefined ? "" : `: ${reason}`;
  switch (outcome) {
    case "ok":
      return `ended well after ${took}`;
    case "running":
      return `has been at work for ${took}`;
    case "timed-out":
      return `took longer than it may and was stopped after ${took}`;
    case "out-of-memory":
      return `was killed after ${took} because it ran out of memory`;
    case "interrupted":
      return `was interrupted after ${took}`;
    case "missed":
      return `missed its time ${due ?? ""}${why}`;
    case "lost":
      return `was lost${why}`;
    default:
      return `failed${exitCode === undefined ? "" : ` with exit code ${exitCode} after ${took}`}${why}`;
  }
}

import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Job } from "../../stack/model.ts";
import { readIfExists, writeFileAtomic } from "../../support/files.ts";

/** What is remembered of a job from one look to the next. */
export interface JobMemory {
  /** The cron line and its zone that the times belong to: another line begins anew. */
  line: string;
  /** The newest due time that was run, missed, or lies before the job was known. Milliseconds since 1970. */
  handled: number;
  /** Runs that did not end well, since the beginning. */
  failures: number;
}

/** Reads it; of a job that is new, or has a new line, everything before `now` is past. */
export function readJobMemory(directory: string, job: Job, now: number): JobMemory {
  const line = `${job.schedule} ${job.timezone}`;
  const { failures = 0, ...known } = readIfAny(directory, job.name);
  const isKnown = known.line === line && known.handled !== undefined && known.handled <= now;
  return { line, failures, handled: isKnown ? (known.handled ?? now) : now };
}

/** Writes it where it is another than before: once a minute nothing has changed. */
export function writeJobMemory(directory: string, { name }: Job, memory: JobMemory): void {
  const path = pathOf(directory, name);
  const { line, handled, failures = 0 } = readIfAny(directory, name);
  if (line === memory.line && handled === memory.handled && failures === memory.failures) return;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileAtomic(path, `${JSON.stringify({ format: 1, ...memory })}\n`, 0o600);
}

function readIfAny(directory: string, name: string): Partial<JobMemory> {
  try {
    const found = JSON.parse(readIfExists(pathOf(directory, name)) ?? "{}") as Partial<JobMemory>;
    return {
      ...(typeof found.line === "string" && { line: found.line }),
      ...(typeof found.handled === "number" && { handled: found.handled }),
      ...(typeof found.failures === "number" && { failures: found.failures }),
    };
  } catch {
    return {};
  }
}

function pathOf(directory: string, name: string): string {
  return join(directory, ".stack", "jobs", name, "memory.json");
}

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";

/** A command to be timed. */
export interface Subject {
  name: string;
  argv: readonly string[];
  cwd?: string;
  /** Exit codes that are as good as 0: `status` ends with 4 where something is amiss. */
  accepted?: readonly number[];
  /** Runs before each round, untimed. */
  before?(): void;
}

export interface Measured {
  /** Milliseconds, one per round. */
  times: number[];
  median: number;
  /** Most memory that it and its children held at once, in bytes; undefined where the system cannot tell. */
  memory?: number;
}

/** For a volume of several gigabytes on a busy machine. */
const longest = 900_000;

/** Times the subjects in turn, so that what else the machine does meets all of them alike. The first round only warms up. */
export function measure(subjects: readonly Subject[], rounds: number): Map<string, Measured> {
  const times = new Map<string, number[]>(subjects.map(({ name }) => [name, []]));
  for (let round = -1; round < rounds; round += 1) {
    // Every other round the other way round: the one that comes first is not always the same.
    for (const subject of round % 2 === 0 ? subjects : [...subjects].reverse()) {
      const time = timeOf(subject);
      if (round >= 0) times.get(subject.name)?.push(time);
    }
  }
  return new Map(
    subjects.map((subject) => {
      const list = times.get(subject.name) ?? [];
      const memory = memoryOf(subject);
      return [subject.name, { times: list, median: median(list), ...(memory !== undefined && { memory }) }];
    }),
  );
}

/** Milliseconds of one run. Throws where the command fails: a time of a failure says nothing. */
export function timeOf(subject: Subject): number {
  subject.before?.();
  const started = performance.now();
  runOnce(subject, subject.argv);
  return performance.now() - started;
}

function runOnce(subject: Subject, [program = "", ...rest]: readonly string[]): void {
  const run = spawnSync(program, rest, { cwd: subject.cwd, encoding: "utf8", timeout: longest });
  if (run.error) throw run.error;
  if (!(subject.accepted ?? [0]).includes(run.status ?? -1))
    throw new Error(`${subject.name} ended with ${run.status ?? run.signal}:\n${run.stdout}${run.stderr}`);
}

/** One run of a command that takes too long for several: its time and its memory. */
export function measureOnce(subject: Subject): Measured {
  const started = performance.now();
  const memory = memoryOf(subject);
  // Without GNU time nothing has run yet.
  const time = memory === undefined ? timeOf(subject) : performance.now() - started;
  return { times: [time], median: time, ...(memory !== undefined && { memory }) };
}

const gnuTime = "/usr/bin/time";

function memoryOf(subject: Subject): number | undefined {
  if (!existsSync(gnuTime) || process.platform !== "linux") return undefined;
  subject.before?.();
  const report = join(tmpdir(), `create-stack-bench-${process.pid}.memory`);
  runOnce(subject, [gnuTime, "-f", "%M", "-o", report, ...subject.argv]);
  const kilobytes = Number(readFileSync(report, "utf8").trim().split("\n").at(-1));
  rmSync(report);
  return Number.isFinite(kilobytes) ? kilobytes * 1024 : undefined;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

import { join } from "node:path";
import { readIfExists, writeFileAtomic } from "../../support/files.ts";
import { outcomeOf, type RunResult } from "./result.ts";
import { backupStateFolder } from "./stores.ts";

/** What reports count from run to run. */
export interface ReportMemory {
  /** Failures since the beginning, by source and by destination. */
  sourceFailures: Record<string, number>;
  deliveryFailures: Record<string, number>;
  /** Hooks that did not work, by name. */
  hookFailures: Record<string, number>;
  /** Milliseconds of the newest snapshot, by `source/type`. */
  durations: Record<string, number>;
  /** How the log was shipped last: what is done every minute is told of only when that changes. */
  lastLog?: string;
  /** When metrics were written last. Milliseconds since 1970. */
  writtenAt?: number;
}

const empty = (): ReportMemory => ({ sourceFailures: {}, deliveryFailures: {}, hookFailures: {}, durations: {} });

/** Reads it; what was lost is counted from zero again, as counters may. */
export function readReportMemory(directory: string): ReportMemory {
  try {
    return { ...empty(), ...(JSON.parse(readIfExists(pathIn(directory)) ?? "{}") as Partial<ReportMemory>) };
  } catch {
    return empty();
  }
}

export function writeReportMemory(directory: string, memory: ReportMemory): void {
  writeFileAtomic(pathIn(directory), `${JSON.stringify({ format: 1, ...memory }, null, 1)}\n`, 0o600);
}

/** Counts what failed in a run, and says whether its outcome is another than that of the run before. */
export function countRun(memory: ReportMemory, result: RunResult): { changed: boolean } {
  for (const { source, type, outcome, took } of result.sources) {
    const failed = outcome === "failed" ? 1 : 0;
    memory.sourceFailures[source] = (memory.sourceFailures[source] ?? 0) + failed;
    if (failed === 0) memory.durations[`${source}/${type}`] = took;
  }
  for (const { destination, outcome } of result.deliveries)
    memory.deliveryFailures[destination] = (memory.deliveryFailures[destination] ?? 0) + (outcome === "failed" ? 1 : 0);
  const outcome = outcomeOf(result);
  const changed = result.lane !== "log" || outcome !== (memory.lastLog ?? "ok");
  if (result.lane === "log") memory.lastLog = outcome;
  return { changed };
}

function pathIn(directory: string): string {
  return join(backupStateFolder(directory), "report.json");
}

import { join } from "node:path";
import { readIfExists, writeFileAtomic } from "../../support/files.ts";
import { type Counts, noCounts } from "./counts.ts";
import type { LogStoreSizes } from "./log-stores.ts";

/** What the writer of metrics remembers from one look to the next. */
export interface MetricsMemory {
  counts: Counts;
  logStores?: LogStoreSizes;
  /** Milliseconds since 1970 when metrics were written last. */
  writtenAt?: number;
  /** Milliseconds since 1970 when the schedule called last, also where it found another call at work. */
  scheduledAt?: number;
}

/** Reads it. What is missing or makes no sense is counted from zero again, as counters may. */
export function readMetricsMemory(directory: string): MetricsMemory {
  try {
    const { counts, ...rest } = JSON.parse(readIfExists(pathIn(directory)) ?? "{}") as Partial<MetricsMemory>;
    return { ...rest, counts: { ...noCounts(), ...counts } };
  } catch {
    return { counts: noCounts() };
  }
}

export function writeMetricsMemory(directory: string, memory: MetricsMemory): void {
  writeFileAtomic(pathIn(directory), `${JSON.stringify({ format: 1, ...memory })}\n`, 0o600);
}

function pathIn(directory: string): string {
  return join(directory, ".stack", "metrics.json");
}

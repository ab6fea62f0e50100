import { join } from "node:path";
import { readIfExists, writeFileAtomic } from "../../support/files.ts";

/** What the watch has done about a service lately. Times are milliseconds since 1970. */
export interface Attended {
  /** How often it was restarted in this row of troubles. */
  restarts: number;
  /** When it was restarted last. */
  restartedAt: number;
  /** When it was seen unhealthy last. */
  unhealthyAt: number;
}

/** What the watch remembers when it is started again. */
export interface WatchMemory {
  /** By service. */
  services: Record<string, Attended>;
  /** Containers that were seen healthy, by id, with the start after which they were. */
  healthy: Record<string, number>;
  /** All restarts since the beginning, by service. */
  restarts: Record<string, number>;
  /** When it looked last. */
  lookedAt?: number;
}

export function noWatchMemory(): WatchMemory {
  return { services: {}, healthy: {}, restarts: {} };
}

/** Reads it. What is missing or makes no sense is empty: then a service is restarted once too early. */
export function readWatchMemory(directory: string): WatchMemory {
  try {
    return { ...noWatchMemory(), ...(JSON.parse(readIfExists(pathIn(directory)) ?? "{}") as Partial<WatchMemory>) };
  } catch {
    return noWatchMemory();
  }
}

export function writeWatchMemory(directory: string, memory: WatchMemory): void {
  writeFileAtomic(pathIn(directory), `${JSON.stringify({ format: 1, ...memory })}\n`, 0o600);
}

function pathIn(directory: string): string {
  return join(directory, ".stack", "watch.json");
}

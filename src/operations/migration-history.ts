import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { appendJsonLine, readJsonLines } from "./json-lines.ts";

/** How a migration ended. `unfinished`: begun, and nobody has seen its end yet. */
export type MigrationOutcome = "ok" | "failed" | "out-of-memory" | "timed-out" | "interrupted" | "lost" | "unfinished";

/** One run of a migration or seed. Times are ISO 8601. */
export interface MigrationRecord {
  id: string;
  app: string;
  service: string;
  kind: "migrate" | "seed";
  /** Image that the container was made from. */
  image: string;
  imageId: string;
  startedAt: string;
  finishedAt?: string;
  exitCode?: number;
  outcome: MigrationOutcome;
}

/** An id that sorts by time and can stand in a container's name. */
export function newMigrationId(now: number): string {
  const time = new Date(now)
    .toISOString()
    .replace(/[-:]|\.\d+/g, "")
    .toLowerCase();
  return `${time}-${randomBytes(2).toString("hex")}`;
}

/** Where the output of a run is kept. */
export function migrationLogPath(directory: string, id: string): string {
  return join(migrationsFolder(directory), `${id}.log`);
}

/** Makes the folder for logs and history. */
export function openMigrationsFolder(directory: string): string {
  const folder = migrationsFolder(directory);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/**
 * Adds a line to the history; it is on the disk when this returns. A run stands in it twice, when it begins and when
 * its end is known, so that a run whose supervisor was killed is not forgotten.
 */
export function appendHistory(directory: string, record: MigrationRecord): void {
  appendJsonLine(historyPath(directory), record);
}

/** All runs in the order in which they began, each with the last that is known of it. */
export function readHistory(directory: string): MigrationRecord[] {
  const runs = new Map<string, MigrationRecord>();
  for (const record of readJsonLines<MigrationRecord>(historyPath(directory)))
    if (typeof record.id === "string" && typeof record.app === "string") runs.set(record.id, record as MigrationRecord);
  return [...runs.values()];
}

/** The newest run of an app's migration. */
export function lastMigration(history: readonly MigrationRecord[], app: string): MigrationRecord | undefined {
  return history.filter((record) => record.app === app && record.kind === "migrate").at(-1);
}

function migrationsFolder(directory: string): string {
  return join(directory, ".stack", "migrations");
}

function historyPath(directory: string): string {
  return join(migrationsFolder(directory), "history.jsonl");
}

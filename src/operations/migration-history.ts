import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { readIfExists, syncFolder } from "../support/files.ts";

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
  const folder = openMigrationsFolder(directory);
  const path = historyPath(directory);
  const torn = !(readIfExists(path) ?? "\n").endsWith("\n");
  const file = openSync(path, "a", 0o600);
  try {
    writeSync(file, `${torn ? "\n" : ""}${JSON.stringify(record)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  syncFolder(folder);
}

/** All runs in the order in which they began, each with the last that is known of it. */
export function readHistory(directory: string): MigrationRecord[] {
  const runs = new Map<string, MigrationRecord>();
  for (const line of (readIfExists(historyPath(directory)) ?? "").split("\n")) {
    const record = parseRecord(line);
    if (record !== undefined) runs.set(record.id, record);
  }
  return [...runs.values()];
}

/** The newest run of an app's migration. */
export function lastMigration(history: readonly MigrationRecord[], app: string): MigrationRecord | undefined {
  return history.filter((record) => record.app === app && record.kind === "migrate").at(-1);
}

/** A line that was cut short when the machine stopped says nothing. */
function parseRecord(line: string): MigrationRecord | undefined {
  if (line === "") return undefined;
  try {
    const record = JSON.parse(line) as Partial<MigrationRecord>;
    return typeof record.id === "string" && typeof record.app === "string" ? (record as MigrationRecord) : undefined;
  } catch {
    return undefined;
  }
}

function migrationsFolder(directory: string): string {
  return join(directory, ".stack", "migrations");
}

function historyPath(directory: string): string {
  return join(migrationsFolder(directory), "history.jsonl");
}

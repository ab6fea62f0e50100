import { appendFileSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { writeFileAtomic } from "../../support/files.ts";
import { backupStateFolder } from "../backup/stores.ts";
import type { TickEvent } from "./tick.ts";

/** Bytes that the log may have; then the older half goes. */
const limit = 1024 ** 2;

/** What scheduled runs did, a line each, for whoever comes later. Cron keeps nothing of it. */
export function scheduleLogPath(directory: string): string {
  return join(backupStateFolder(directory), "schedule.log");
}

/** Adds what a call did to the log of the schedule. A log that cannot be written stops no backup. */
export function noteTick(directory: string, now: number, events: readonly TickEvent[]): void {
  const time = new Date(now).toISOString().replace(/\.\d+/, "");
  const lines = events.flatMap((event) => event.lines.map((line) => `${time} ${line}\n`));
  if (lines.length === 0) return;
  const path = scheduleLogPath(directory);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    appendFileSync(path, lines.join(""), { mode: 0o600 });
    if (statSync(path).size > limit) halve(path);
  } catch {
    // A full disk: the run itself has told of it.
  }
}

function halve(path: string): void {
  const text = readFileSync(path, "utf8");
  const half = text.slice(-limit / 2);
  writeFileAtomic(path, half.slice(half.indexOf("\n") + 1), 0o600);
}

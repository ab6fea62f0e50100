import { randomBytes } from "node:crypto";
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../../support/files.ts";
import { backupStateFolder } from "./stores.ts";

/** Several, as a disk can also run out of files; together they hold a lock, a journal and what is remembered. */
const files = 8;
const bytes = 64 * 1024;

/**
 * Keeps room on the stack's disk for a prune: the command that makes room could not even take its lock on a full one.
 * What a disk that is full already does not take is left for the next call.
 */
export function keepReserve(directory: string): void {
  try {
    for (const path of pathsIn(directory)) {
      // Random: a file system that compresses would keep no room for zeros.
      if (statSync(path, { throwIfNoEntry: false })?.size !== bytes) writeFileAtomic(path, randomBytes(bytes), 0o600);
    }
  } catch {
    // Whatever keeps it from being written: the command that was called is worth more, and says itself what it cannot write.
  }
}

/** Gives that room to whoever writes next. */
export function giveUpReserve(directory: string): void {
  try {
    for (const path of pathsIn(directory)) rmSync(path, { force: true });
  } catch {
    // A folder that may not be written: the lock says so, with what to do.
  }
}

function pathsIn(directory: string): string[] {
  return Array.from({ length: files }, (_, number) => join(backupStateFolder(directory), "reserve", `${number}`));
}

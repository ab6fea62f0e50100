import { createHash } from "node:crypto";
import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { syncFolder } from "../../support/files.ts";

/**
 * What tar remembers of a volume, one file for each snapshot: an increment builds on that of its parent, and a snapshot
 * that was not published leaves one that nobody asks for.
 */
function pathOf(memory: string, id: string): string {
  return join(memory, `${id}.snar`);
}

/** Takes over what the container has left, durably, and forgets all but `kept`. Returns its SHA-256. */
export function remember(memory: string, id: string, from: string, kept: readonly string[]): string {
  const path = pathOf(memory, id);
  const temporary = `${path}.tmp`;
  copyFileSync(from, temporary);
  const file = openSync(temporary, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  const names = [id, ...kept].map((one) => `${one}.snar`);
  for (const name of readdirSync(memory)) if (!names.includes(name)) rmSync(join(memory, name), { force: true });
  syncFolder(memory);
  return hashOf(readFileSync(path));
}

/** Lays what is remembered of a snapshot into `to`; false where it is not there or not what it was. */
export function recall(memory: string, id: string, sha256: string, to: string): boolean {
  const path = pathOf(memory, id);
  if (!existsSync(path) || hashOf(readFileSync(path)) !== sha256) return false;
  copyFileSync(path, to);
  return true;
}

function hashOf(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

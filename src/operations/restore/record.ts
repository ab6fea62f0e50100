import { join } from "node:path";
import { readIfExists, writeFileAtomic } from "../../support/files.ts";
import { backupStateFolder } from "../backup/stores.ts";

/** A restore that swapped volumes: what is needed to swap them back. */
export interface RestoreRecord {
  id: string;
  /** Milliseconds since 1970. */
  at: number;
  /** Engine's names; `restored` holds now what was there before. */
  pairs: { restored: string; replaces: string }[];
  stops: string[];
  /** Swapped back since. */
  undone?: true;
}

/** The restores of this host, oldest first. */
export function readRestores(directory: string): RestoreRecord[] {
  try {
    const list: unknown = JSON.parse(readIfExists(pathIn(directory)) ?? "[]");
    return Array.isArray(list) ? (list as RestoreRecord[]) : [];
  } catch {
    return [];
  }
}

/** Remembers a restore, or what has become of it. */
export function noteRestore(directory: string, record: RestoreRecord): void {
  const others = readRestores(directory).filter(({ id }) => id !== record.id);
  writeFileAtomic(pathIn(directory), `${JSON.stringify([...others, record].slice(-50), null, 1)}\n`);
}

function pathIn(directory: string): string {
  return join(backupStateFolder(directory), "restores.json");
}

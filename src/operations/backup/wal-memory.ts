import { join } from "node:path";
import { isDiskFull } from "../../support/disk.ts";
import { readIfExists, writeFileAtomic } from "../../support/files.ts";
import { backupStateFolder } from "./stores.ts";

/**
 * What is known to be at a destination, so that not every run lists it (a month of log is 40,000 objects). Losing it
 * costs one listing.
 */
export interface WalMemory {
  /** By name of the store. */
  stores: Record<string, { listedAt: number; keys: string[] }>;
}

export function readWalMemory(directory: string, source: string): WalMemory {
  try {
    const memory = JSON.parse(readIfExists(pathOf(directory, source)) ?? "") as WalMemory;
    return typeof memory.stores === "object" && memory.stores !== null ? memory : { stores: {} };
  } catch {
    return { stores: {} };
  }
}

/** A full disk costs the memory, and not the account of what was shipped. */
export function writeWalMemory(directory: string, source: string, memory: WalMemory): void {
  try {
    writeFileAtomic(pathOf(directory, source), JSON.stringify(memory), 0o600);
  } catch (error) {
    if (!isDiskFull(error)) throw error;
  }
}

function pathOf(directory: string, source: string): string {
  return join(backupStateFolder(directory), "wal", `${source}.json`);
}

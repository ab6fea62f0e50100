import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { StoreContext } from "../../src/operations/backup/store-views.ts";
import { silentProgress } from "../../src/operations/progress.ts";
import type { SnapshotStore, StoredObject } from "../../src/snapshots/store.ts";
import type { StackModel } from "../../src/stack/model.ts";
import { model } from "./models.ts";
import { noon } from "./snapshots.ts";

/** The directory of a stack that only its stores are looked at of, with a clock of its own; gone when the test ends. */
export interface BackupStack {
  context: StoreContext;
  directory: string;
  /** Milliseconds since 1970. */
  time: { now: number };
}

export function backupStack(parts: Partial<StackModel> = {}): BackupStack {
  const directory = mkdtempSync(join(tmpdir(), "backup-stack-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  mkdirSync(join(directory, "secrets"));
  const time = { now: noon };
  const context: StoreContext = {
    directory,
    model: model([], parts),
    clock: { now: () => time.now, sleep: async () => {} },
    progress: silentProgress,
    signal: new AbortController().signal,
  };
  return { context, directory, time };
}

/** Everything in a store. */
export async function listed(store: SnapshotStore, prefix = ""): Promise<StoredObject[]> {
  const found: StoredObject[] = [];
  for await (const object of store.list(prefix)) found.push(object);
  return found;
}

export async function keysIn(store: SnapshotStore, prefix = ""): Promise<string[]> {
  return (await listed(store, prefix)).map(({ key }) => key);
}

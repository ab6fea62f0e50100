import { createHash } from "node:crypto";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { SnapshotStore, StoredObject } from "../../snapshots/store.ts";
import { isStoreAway } from "../../snapshots/store-errors.ts";
import { formatSize } from "../../support/units.ts";
import type { Context } from "../context.ts";
import { runContainer, toolbox } from "./container.ts";
import { backupsFolder } from "./stores.ts";

/** What was found of the objects that stand beside the folders of snapshots: the log, and objects that snapshots share. */
export interface VerifiedShared {
  store: string;
  objects: number;
  bytes: number;
  /** Keys that are not what was stored, or cannot be read. */
  damaged: string[];
  /** Objects of which nobody knows what they should be: stored by another program. */
  unknown: number;
}

/**
 * Reads every object below `wal/` and `objects/` and compares it with the hash that the store keeps with it, with its
 * own name, or with the checksum inside its zstd frame.
 */
export async function verifyShared(context: Context, store: SnapshotStore): Promise<VerifiedShared> {
  const { progress, signal } = context;
  const result: VerifiedShared = { store: store.name, objects: 0, bytes: 0, damaged: [], unknown: 0 };
  const title = `${store.name}: shared objects`;
  const frames: string[] = [];
  for await (const object of sharedOf(store, signal)) {
    signal.throwIfAborted();
    result.objects += 1;
    result.bytes += object.bytes;
    const verdict = await lookAt(store, object, signal);
    if (verdict === "damaged") result.damaged.push(object.key);
    else if (verdict === "frame") frames.push(object.key);
    else if (verdict === "unknown") result.unknown += 1;
    if (result.objects % 100 === 0) progress.update(title, "working", formatSize(result.bytes));
  }
  result.damaged.push(...(await brokenFrames(context, frames)));
  const found = `${result.objects} read, ${formatSize(result.bytes)}`;
  if (result.damaged.length === 0) progress.update(title, "done", found);
  else progress.update(title, "failed", `${found}, ${result.damaged.length} damaged`);
  return result;
}

async function* sharedOf(store: SnapshotStore, signal: AbortSignal): AsyncIterable<StoredObject> {
  for (const prefix of ["objects/", "wal/"]) yield* store.list(prefix, signal);
}

/** `frame`: only the checksum inside the file can tell. */
async function lookAt(
  store: SnapshotStore,
  object: StoredObject,
  signal: AbortSignal,
): Promise<"ok" | "damaged" | "frame" | "unknown"> {
  const expected = await expectedHash(store, object);
  if (expected === undefined) return !store.offHost && object.key.endsWith(".zst") ? "frame" : "unknown";
  const found = await hashOf(store, object.key, signal).catch((error) => {
    signal.throwIfAborted();
    if (isStoreAway(error)) throw error;
    return undefined;
  });
  return found === expected ? "ok" : "damaged";
}

async function expectedHash(store: SnapshotStore, object: StoredObject): Promise<string | undefined> {
  const kept = object.sha256 ?? (store.offHost ? (await store.head(object.key))?.sha256 : undefined);
  if (kept !== undefined) return kept;
  // Shared objects are named by the hash of their plain content.
  const [, name] = /^objects\/[^/]+\/[0-9a-f]{2}\/([0-9a-f]{64})$/.exec(object.key) ?? [];
  return name;
}

async function hashOf(store: SnapshotStore, key: string, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(await store.get(key, undefined, signal), hash, { signal });
  return hash.digest("hex");
}

/** Files of the local store whose zstd frame is broken; its checksum covers the content. */
async function brokenFrames(context: Context, keys: readonly string[]): Promise<string[]> {
  if (keys.length === 0) return [];
  const broken: string[] = [];
  // A list of arguments has an end; a thousand names are far from it.
  for (let first = 0; first < keys.length; first += 1_000) {
    const { exitCode, output } = await runContainer(context, {
      purpose: "verify-log",
      image: await toolbox(context),
      user: "0:0",
      capabilities: ["DAC_READ_SEARCH"],
      entrypoint: ["sh"],
      command: [
        "-c",
        'for file in "$@"; do zstd -tq "/store/$file" 2>/dev/null || echo "broken $file"; done; echo complete',
        "sh",
        ...keys.slice(first, first + 1_000),
      ],
      binds: [{ source: join(backupsFolder(context.directory)), target: "/store", readOnly: true }],
    });
    if (exitCode !== 0 || !output.includes("complete")) return [...keys.slice(first)];
    broken.push(...output.flatMap((line) => (line.startsWith("broken ") ? [line.slice("broken ".length)] : [])));
  }
  return broken;
}

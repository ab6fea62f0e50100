import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { checkKey, checkPrefix, compareKeys } from "../../src/snapshots/object-key.ts";
import type { SnapshotStore, StoredObject } from "../../src/snapshots/store.ts";
import { storeError } from "../../src/snapshots/store-errors.ts";

/** A store that keeps its objects in memory, for tests of what uses stores. Held to the others by the contract suite. */
export interface MemoryStore extends SnapshotStore {
  readonly objects: Map<string, { bytes: Buffer; modifiedAt: number }>;
}

export interface MemoryStoreOptions {
  name?: string;
  offHost?: boolean;
  /** Removal is refused, as with credentials that may only add. */
  appendOnly?: boolean;
  now?: () => number;
}

export function memoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  const { name = "memory", offHost = true, appendOnly = false, now = Date.now } = options;
  const objects: MemoryStore["objects"] = new Map();
  const described = (key: string): StoredObject | undefined => {
    const found = objects.get(key);
    return found && { key, bytes: found.bytes.length, modifiedAt: found.modifiedAt };
  };
  return {
    name,
    offHost,
    objects,
    async put(key, source, { signal, onProgress } = {}) {
      checkKey(key);
      signal?.throwIfAborted();
      const bytes = Buffer.from(await source.read(0, source.size));
      signal?.throwIfAborted();
      objects.set(key, { bytes, modifiedAt: now() });
      onProgress?.(bytes.length);
      return { bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
    },
    async get(key, range, signal) {
      checkKey(key);
      signal?.throwIfAborted();
      const bytes = objects.get(key)?.bytes;
      if (bytes === undefined)
        throw storeError("store-absent", `destination ${name}: cannot read ${key}: it is not there`);
      const { offset, length } = range ?? { offset: 0, length: bytes.length };
      if (offset + length > bytes.length) throw storeError("store-damaged", `destination ${name}: ${key} is shorter`);
      return Readable.from([bytes.subarray(offset, offset + length)], { objectMode: false });
    },
    async head(key) {
      checkKey(key);
      return described(key);
    },
    async *list(prefix, signal) {
      checkPrefix(prefix);
      signal?.throwIfAborted();
      for (const key of [...objects.keys()].filter((each) => each.startsWith(prefix)).sort(compareKeys)) {
        const found = described(key);
        if (found) yield found;
      }
    },
    async remove(key) {
      checkKey(key);
      if (!objects.has(key)) return "absent";
      if (appendOnly) return "refused";
      objects.delete(key);
      return "removed";
    },
    sweep: async () => 0,
    probe: async () => ({ checks: [], appendOnly, objectLock: false, clockSkew: 0 }),
    clockSkew: () => 0,
  };
}

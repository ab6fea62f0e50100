import { readIfExists, writeFileAtomic } from "../support/files.ts";
import type { StoredObject } from "./store.ts";

/** Manifests of one store, remembered on this host: they never change, and a remote store charges for each look. */
export interface ManifestCache {
  /** The text of a manifest whose listing has not changed since. */
  find(object: StoredObject): string | undefined;
  remember(object: StoredObject, text: string): void;
  /** Writes what was learnt, without what is not in the store any more. A cache that cannot be written is none. */
  save(present: readonly string[]): void;
}

interface Remembered {
  bytes: number;
  modifiedAt: number;
  text: string;
}

/** Opens the cache in this file; without one nothing is remembered. A file that makes no sense is an empty cache. */
export function openManifestCache(path: string | undefined): ManifestCache {
  const known = path === undefined ? new Map<string, Remembered>() : read(path);
  let changed = false;
  return {
    find({ key, bytes, modifiedAt }) {
      const found = known.get(key);
      return found?.bytes === bytes && found.modifiedAt === modifiedAt ? found.text : undefined;
    },
    remember({ key, bytes, modifiedAt }, text) {
      if (known.get(key)?.text === text && known.get(key)?.modifiedAt === modifiedAt) return;
      known.set(key, { bytes, modifiedAt, text });
      changed = true;
    },
    save(present) {
      const keep = new Set(present);
      for (const key of known.keys()) {
        if (keep.has(key)) continue;
        known.delete(key);
        changed = true;
      }
      if (!changed || path === undefined) return;
      try {
        writeFileAtomic(path, JSON.stringify({ format: 1, manifests: Object.fromEntries(known) }), 0o600);
      } catch {
        // Next time they are read from the store again.
      }
    },
  };
}

function read(path: string): Map<string, Remembered> {
  try {
    const { format, manifests } = JSON.parse(readIfExists(path) ?? "{}") as { format?: number; manifests?: object };
    if (format !== 1 || typeof manifests !== "object" || manifests === null) return new Map();
    const entries = Object.entries(manifests) as [string, Partial<Remembered>][];
    return new Map(
      entries.flatMap(([key, { bytes, modifiedAt, text }]) =>
        typeof bytes === "number" && typeof modifiedAt === "number" && typeof text === "string"
          ? [[key, { bytes, modifiedAt, text }] as const]
          : [],
      ),
    );
  } catch {
    return new Map();
  }
}

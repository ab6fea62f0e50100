import type { Readable } from "node:stream";
import type { ByteSource } from "./byte-source.ts";

/** One object in a store. */
export interface StoredObject {
  /** Path with forward slashes, relative to the store: `snapshots/postgres/20261121T020000Z-3f9a1c/manifest.json`. */
  key: string;
  bytes: number;
  /** Milliseconds since 1970, by the store's clock. */
  modifiedAt: number;
  /** Hex, of the stored bytes, where the store keeps it. */
  sha256?: string;
}

export interface PutOptions {
  signal?: AbortSignal;
  /** Called with the bytes that have arrived so far, resumed ones included. */
  onProgress?: (bytes: number) => void;
}

/** What a store can do, found out by trying. */
export interface StoreReport {
  /** Each thing that was tried, in order. */
  checks: { name: string; ok: boolean; detail: string }[];
  /** Removal is refused: expiry is left to the bucket's own rules. A normal case, no failure. */
  appendOnly: boolean;
  objectLock: boolean;
  /** Milliseconds that the store's clock is ahead of ours. */
  clockSkew: number;
}

/**
 * Where snapshots live. Every implementation passes test/contract/store-suite.ts. Keys are relative, with forward
 * slashes, without `.` and `..`. Rejects with a StackError (`store-…`, exit `backupFailed`) that names the store and
 * the key; its message never holds a credential.
 */
export interface SnapshotStore {
  /** Name in stack.yaml; `local` for the folder in the stack's directory. */
  readonly name: string;
  /** False for the folder on this host. Only what is off the host counts towards the recovery point. */
  readonly offHost: boolean;
  /**
   * Stores an object under a new key. All or nothing: it is seen in full when this resolves, and not at all when it
   * rejects or this process dies before. Storing the same again is fine (a run that goes on after a crash) and goes on
   * where an earlier attempt ended, where the store can do that. The hash is that of the bytes that were sent, and the
   * store has confirmed length and checksum of what it holds.
   */
  put(key: string, source: ByteSource, options?: PutOptions): Promise<{ bytes: number; sha256: string }>;
  /** The object's bytes, or `length` of them from `offset`. A stream that ends early is an error, never a shorter object. */
  get(key: string, range?: { offset: number; length: number }, signal?: AbortSignal): Promise<Readable>;
  /** Undefined where there is no such object. */
  head(key: string): Promise<StoredObject | undefined>;
  /** Every object whose key begins with the prefix, which ends in `/` or is empty; ordered by key. */
  list(prefix: string, signal?: AbortSignal): AsyncIterable<StoredObject>;
  /** Removes exactly this key. `refused`: this store's credentials may not remove, or a lock holds the object. */
  remove(key: string): Promise<"removed" | "absent" | "refused">;
  /** Clears what interrupted writes older than `age` milliseconds left behind; says how many. Never touches an object. */
  sweep(age: number): Promise<number>;
  /** Tries everything with a small object of its own and takes it away again. Never rejects for what it finds. */
  probe(): Promise<StoreReport>;
  /** Milliseconds that the store's clock is ahead of ours, as last seen; undefined where it was not seen yet. */
  clockSkew(): number | undefined;
}

/** The whole text of a small object (a manifest), or undefined where there is none. */
export async function readText(store: SnapshotStore, key: string, signal?: AbortSignal): Promise<string | undefined> {
  if ((await store.head(key)) === undefined) return undefined;
  const pieces: Buffer[] = [];
  for await (const piece of await store.get(key, undefined, signal)) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString("utf8");
}

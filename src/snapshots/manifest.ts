import { withOwnHash } from "./manifest-hash.ts";

/** What a snapshot holds of its source. */
export type SnapshotType =
  /** Everything; restorable by itself. */
  | "full"
  /** What changed since `parent`; restorable with its parents. */
  | "incremental"
  /** Physical copy of a database server, the start of a restore to any moment after it. */
  | "base"
  /** Logical copy: single databases and tables, other versions of the server. */
  | "dump";

/** How an object was made unreadable for others. The name of a stored object ends in `.age` or `.gpg` accordingly. */
export type Encryption = "none" | "age" | "gpg";

/** How far a snapshot has been looked at. Each level includes those before it. */
export type CheckLevel =
  /** Stored bytes have the length and hash of the manifest. */
  | "hash"
  /** The server's own checker, or the archive's, finds nothing wrong. */
  | "structure"
  /** Restored into a throw-away container and looked at there. */
  | "drill";

export interface Part {
  /** File name as the producer made it: `base.tar.zst`. */
  name: string;
  /** What the producer wrote: counted and hashed in its own container. */
  content: { bytes: number; sha256: string };
  /** The object in this store, under the snapshot's folder. Equal to `content` where nothing is encrypted. */
  stored: { name: string; bytes: number; sha256: string };
}

/**
 * One complete backup of one source in one store. Written last: where there is no manifest there is no backup. Never
 * changed afterwards. Holds no secret.
 */
export interface SnapshotManifest {
  format: 1;
  /** `20261121T020000Z-3f9a1c`: sorts by time, unique, the same in every store. */
  id: string;
  /** What was made in one call of `backup run` has one run id. */
  run: string;
  stack: string;
  source: { name: string; kind: string; component: string; service: string };
  type: SnapshotType;
  /** Id of the snapshot of the same source that this one builds on. */
  parent?: string;
  /** RFC 3339 in UTC. */
  startedAt: string;
  finishedAt: string;
  /** The moment of the data that a restore of this alone brings back. RFC 3339 in UTC. */
  pointInTime: string;
  /** Version of create-stack. */
  tool: string;
  /** The image whose container made it, by id and digests: what a restore wants to use. */
  image?: { reference: string; id: string; digests: string[] };
  encryption: Encryption;
  parts: Part[];
  /** Objects of the store beside this snapshot's folder that it needs, exact keys (`objects/minio/ab/…`). In the part of this name (`objects.txt.gz`), one key a line, gzip. */
  objectsPart?: string;
  /** What the kind of source wants to know again: system identifier, log positions, key counts, row counts. */
  facts: Record<string, unknown>;
  /** Looked at before it was published. */
  checks: { level: CheckLevel; at: string; ok: boolean; detail: string }[];
  /** What was odd but did not spoil it: a file that changed while it was read. */
  warnings: string[];
}

/** Names of the objects of a store. The layout is documented for people in the stack's RUNBOOK.md. */
export const manifestName = "manifest.json";

/** Folder of one snapshot, ending in a slash. */
export function snapshotFolder(source: string, id: string): string {
  return `snapshots/${source}/${id}/`;
}

/** A new id: time to the second and six random hex digits. */
export function snapshotId(now: number, random: string): string {
  return `${new Date(now).toISOString().replace(/[-:]/g, "").replace(/\.\d+/, "")}-${random}`;
}

const idShape = /^\d{8}T\d{6}Z-[0-9a-f]{6}$/;

/** True for text that can be the id of a snapshot or run. */
export function isSnapshotId(text: string): boolean {
  return idShape.test(text);
}

/** Milliseconds since 1970 that an id was made at. */
export function timeOfId(id: string): number {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/.exec(id) ?? [];
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

/** The text of a manifest, with the hash of that text in it. */
export function printManifest(manifest: SnapshotManifest): string {
  return withOwnHash(`${JSON.stringify(manifest, null, 1)}\n`);
}

import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";

/** What a client of the server has set on an object beside its bytes. */
export interface ObjectHeaders {
  contentType?: string;
  cacheControl?: string;
  contentDisposition?: string;
  contentEncoding?: string;
  contentLanguage?: string;
  /** As it was set: HTTP's form of a date. */
  expires?: string;
  metadata?: Record<string, string>;
  tags?: Record<string, string>;
  /** Until when nobody may remove it. RFC 3339. */
  retention?: { mode: "GOVERNANCE" | "COMPLIANCE"; until: string };
  legalHold?: true;
}

/** A version as the server lists it. */
export interface ListedVersion {
  bucket: string;
  key: string;
  /** `null` where it came about without versioning. */
  version: string;
  latest: boolean;
  /** Milliseconds since 1970. */
  modified: number;
  /** A delete marker has none of these. */
  etag?: string;
  size?: number;
}

/** A version in the index of a snapshot. */
export interface IndexedVersion extends ListedVersion, ObjectHeaders {
  /** Of its bytes, hex; undefined for a delete marker. */
  sha256?: string;
}

/** A bucket with what is set for it. */
export interface BucketSettings {
  bucket: string;
  versioning?: "Enabled" | "Suspended";
  /** JSON, as the server gives it. */
  policy?: string;
  /** Rules, as the library has them. */
  lifecycle?: object[];
  tags?: Record<string, string>;
  /** Present where objects can be locked; with the default retention where there is one. */
  lock?: { rule?: object };
}

/** Everything that a server held at one moment: the content of `index.jsonl.gz`. */
export interface ObjectIndex {
  buckets: BucketSettings[];
  versions: IndexedVersion[];
}

export const indexPart = "index.jsonl.gz";
export const objectsPart = "objects.txt.gz";

/** One line of JSON for each bucket, then one for each version: readable with `zcat` and `jq`. */
export function printIndex({ buckets, versions }: ObjectIndex): Buffer {
  const lines = [...buckets.map((line) => JSON.stringify(line)), ...versions.map((line) => JSON.stringify(line))];
  return gzipSync(lines.map((line) => `${line}\n`).join(""));
}

/** Reads what `printIndex` wrote. Throws where a line makes no sense. */
export function parseIndex(bytes: Buffer): ObjectIndex {
  const index: ObjectIndex = { buckets: [], versions: [] };
  const lines = gunzipSync(bytes).toString("utf8").split("\n");
  if (lines.pop() !== "") throw new Error("the last line is cut short");
  for (const [number, line] of lines.entries()) {
    const entry = JSON.parse(line) as Partial<IndexedVersion>;
    if (typeof entry.bucket !== "string") throw new Error(`line ${number + 1} names no bucket`);
    if (entry.key === undefined) index.buckets.push(entry as BucketSettings);
    else if (isVersion(entry)) index.versions.push(entry as IndexedVersion);
    else throw new Error(`line ${number + 1} is no version of an object`);
  }
  return index;
}

function isVersion({ key, version, modified, etag, size, sha256 }: Partial<IndexedVersion>): boolean {
  const named = typeof key === "string" && typeof version === "string" && typeof modified === "number";
  if (!named) return false;
  if (etag === undefined) return sha256 === undefined;
  return typeof size === "number" && typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256);
}

/** Where the bytes of this hash are in every store. */
export function objectKeyOf(source: string, sha256: string): string {
  return `objects/${source}/${sha256.slice(0, 2)}/${sha256}`;
}

/** Keys of everything that an index refers to, each once, sorted. */
export function keysOfIndex(source: string, { versions }: ObjectIndex): string[] {
  const hashes = new Set(versions.flatMap(({ sha256 }) => (sha256 === undefined ? [] : [sha256])));
  return [...hashes].sort().map((sha256) => objectKeyOf(source, sha256));
}

/** By what a version is known again: the same, with the same bytes. */
export function identityOf({ bucket, key, version, etag = "", size = 0, modified }: ListedVersion): string {
  return createHash("sha1")
    .update(JSON.stringify([bucket, key, version, etag, size, modified]))
    .digest("base64");
}

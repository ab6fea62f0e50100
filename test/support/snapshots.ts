import { createHash } from "node:crypto";
import { bytesOf } from "../../src/snapshots/byte-source.ts";
import type { CatalogueEntry } from "../../src/snapshots/catalogue.ts";
import {
  manifestName,
  printManifest,
  type SnapshotManifest,
  snapshotFolder,
  snapshotId,
  timeOfId,
} from "../../src/snapshots/manifest.ts";
import type { SnapshotStore } from "../../src/snapshots/store.ts";
import { type WalObject, walObject } from "../../src/snapshots/wal-chain.ts";

export const minute = 60_000;
export const hour = 60 * minute;
export const day = 24 * hour;

/** Noon of a day on which nothing special happens. */
export const noon = Date.UTC(2026, 10, 21, 12);

export interface SnapshotParts extends Partial<Omit<SnapshotManifest, "source">> {
  /** Milliseconds since 1970. */
  at?: number;
  source?: string;
  /** Content of its one part. */
  content?: string;
}

/** The id that a snapshot made at this moment has; the number tells those of one second apart. */
export function idAt(at: number, number = 0): string {
  return snapshotId(at, number.toString(16).padStart(6, "0"));
}

/** A manifest of a snapshot with one part, checked and good unless said otherwise. */
export function manifest(parts: SnapshotParts = {}): SnapshotManifest {
  const { at = noon, source = "files", content = "content", ...more } = parts;
  const time = new Date(at).toISOString();
  const stored = { bytes: Buffer.byteLength(content), sha256: known(content) };
  const id = more.id ?? idAt(at);
  return {
    format: 1,
    id,
    run: id,
    stack: "shop",
    source: { name: source, kind: "volume", component: "app", service: "app" },
    type: "full",
    startedAt: time,
    finishedAt: time,
    pointInTime: time,
    tool: "1.0.0",
    encryption: "none",
    parts: [{ name: "archive.tar.zst", content: stored, stored: { name: "archive.tar.zst", ...stored } }],
    facts: {},
    checks: [{ level: "structure", at: time, ok: true, detail: "looked at" }],
    warnings: [],
    ...more,
  };
}

const hashes = new Map<string, string>();

/** Random histories ask for the same few contents again and again. */
function known(content: string): string {
  const hash = hashes.get(content) ?? sha256(content);
  hashes.set(content, hash);
  return hash;
}

/** The check of a snapshot that was found bad. */
export function badCheck(at: number): SnapshotManifest["checks"] {
  return [{ level: "structure", at: new Date(at).toISOString(), ok: false, detail: "broken" }];
}

/** A snapshot as the catalogue shows it. */
export function entry(parts: SnapshotParts & { problems?: string[] } = {}): CatalogueEntry {
  const { problems = [], ...more } = parts;
  return entryOf(manifest(more), problems);
}

export function entryOf(described: SnapshotManifest, problems: string[] = []): CatalogueEntry {
  const folder = snapshotFolder(described.source.name, described.id);
  const modifiedAt = timeOfId(described.id);
  const parts = described.parts.map(({ stored }) => ({
    key: `${folder}${stored.name}`,
    bytes: stored.bytes,
    modifiedAt,
  }));
  return { key: `${folder}${manifestName}`, manifest: described, bytes: 1_000, parts, problems };
}

/** Facts of a base that begins and ends in these segments. */
export function baseFacts(start: string, end = start, systemId = "7312345678901234567"): Record<string, unknown> {
  return { systemId, timeline: Number.parseInt(start.slice(0, 8), 16), startSegment: start, endSegment: end };
}

/** Name of a segment: timeline and number, as with segments of 16 MiB. */
export function segment(number: number, timeline = 1): string {
  const parts = [timeline, Math.floor(number / 256), number % 256];
  return parts.map((part) => part.toString(16).toUpperCase().padStart(8, "0")).join("");
}

/** A file of the write-ahead log in a store. */
export function wal(file: string, at = noon, source = "postgres", systemId = "7312345678901234567"): WalObject {
  const found = walObject({ key: `wal/${source}/${systemId}/${file}.zst`, bytes: 100, modifiedAt: at });
  if (found === undefined) throw new Error(`${file} is no file of the log`);
  return found;
}

/** Puts a snapshot into a store: its part, then its manifest. */
export async function putSnapshot(
  store: SnapshotStore,
  described: SnapshotManifest,
  content = "content",
): Promise<void> {
  const folder = snapshotFolder(described.source.name, described.id);
  for (const { stored } of described.parts) await store.put(`${folder}${stored.name}`, bytesOf(content));
  await store.put(`${folder}${manifestName}`, bytesOf(printManifest(described)));
}

export function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

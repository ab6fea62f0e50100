import type { SnapshotManifest } from "../../snapshots/manifest.ts";
import { type BaseWal, baseWal, findGaps, type WalGap, type WalObject } from "../../snapshots/wal-chain.ts";
import { formatSize } from "../../support/units.ts";
import type { ArchiverState } from "./wal-archiver.ts";
import type { Spool } from "./wal-spool.ts";

/** How far the log is in one store. Times in milliseconds since 1970. */
export interface WalAtStore {
  store: string;
  offHost: boolean;
  /** Files and bytes that arrived in this run. */
  delivered: number;
  bytes: number;
  /** Files that the local store has and this one lacks. */
  waiting: number;
  /** The last segment before the first that is missing here, and the time of the last change in it. */
  newest?: { file: string; at: number };
  /** Up to when every change of the server is in this store. */
  until?: number;
  /** Milliseconds from then to now: what would be lost if only this store were left. */
  lag?: number;
  error?: string;
}

/** A hole in the log after the newest base: from `since` on no moment can be restored until there is a newer base. */
export interface WalHole extends WalGap {
  systemId: string;
  timeline: number;
  since: number;
}

/** What shipping the log of one source came to. */
export interface WalReport {
  source: string;
  at: number;
  /** Of the newest file; undefined where there is none yet. */
  systemId?: string;
  /** Files that were taken over from the spool. */
  moved: number;
  /** The local store first. */
  stores: WalAtStore[];
  holes: WalHole[];
  spool: {
    /** Files and bytes of the log that some destination still lacks. */
    waiting: number;
    bytes: number;
    /** Of the disk that the spool and pg_wal share, 0 to 1; undefined where it cannot be seen. */
    diskUsed?: number;
    level: "ok" | "warn" | "critical";
  };
  /** Undefined: the server does not run, or did not answer. */
  archiver?: ArchiverState;
  /** The newest change of the server's data, and up to when that is known: an idle server is not stale. */
  changes?: { lastChangeAt: number; seenAt: number };
  /** Why a base backup is to be made now. */
  baseWanted?: string;
  /** What is wrong, in lines for people. */
  problems: string[];
}

/** The newest base of the cluster whose log came last. */
export function newestBase(
  bases: readonly SnapshotManifest[],
  systemId: string | undefined,
): { base: BaseWal; manifest: SnapshotManifest } | undefined {
  const known = bases.flatMap((manifest) => {
    const base = baseWal(manifest);
    return base === undefined ? [] : [{ base, manifest }];
  });
  const own = known.filter(({ base }) => systemId === undefined || base.systemId === systemId);
  return own.sort((a, b) => a.base.finishedAt - b.base.finishedAt).at(-1);
}

/** The cluster whose log was written last. */
export function newestSystem(wal: readonly WalObject[]): string | undefined {
  return newestOf(wal)?.systemId;
}

function newestOf(wal: readonly WalObject[]): WalObject | undefined {
  let newest: WalObject | undefined;
  for (const object of wal) if (newest === undefined || object.modifiedAt > newest.modifiedAt) newest = object;
  return newest;
}

/** Holes behind a base: on its own timeline from its start, on later ones from their first segment. */
export function holesAfter(base: BaseWal, wal: readonly WalObject[]): WalHole[] {
  const segments = segmentsAfter(base, wal);
  const times = new Map(segments.map(({ file, modifiedAt }) => [file, modifiedAt]));
  const timelines = [...new Set(segments.map(({ timeline }) => timeline))].sort((a, b) => a - b);
  return timelines.flatMap((timeline) => {
    const files = segments.filter((segment) => segment.timeline === timeline).map(({ file }) => file);
    const first = timeline === base.timeline ? base.startSegment : [...files].sort()[0];
    const gaps = first === undefined ? [] : findGaps(files, first, base.segmentSize);
    return gaps.map((gap) => {
      const before = files.filter((file) => file < gap.from).sort();
      const since = times.get(before.at(-1) ?? "") ?? base.finishedAt;
      return { ...gap, systemId: base.systemId, timeline, since };
    });
  });
}

function segmentsAfter(base: BaseWal, wal: readonly WalObject[]): WalObject[] {
  return wal.filter(
    ({ kind, systemId, timeline, position }) =>
      kind === "segment" &&
      systemId === base.systemId &&
      timeline >= base.timeline &&
      position >= base.startSegment.slice(8),
  );
}

/** The last segment of the newest cluster before the first that a store lacks. */
export function newestAt(wal: readonly WalObject[], missing: ReadonlySet<string>): WalAtStore["newest"] {
  const systemId = newestSystem(wal);
  let newest: WalAtStore["newest"];
  const segments = wal.filter((object) => object.kind === "segment" && object.systemId === systemId);
  for (const { key, file, modifiedAt } of [...segments].sort((a, b) => (a.file < b.file ? -1 : 1))) {
    if (missing.has(key)) break;
    // Of two timelines the one that was written to last, which after a restore that was taken back is the earlier one.
    if (newest === undefined || modifiedAt >= newest.at) newest = { file, at: modifiedAt };
  }
  return newest;
}

/** Replaying more than this takes longer than a new base does. */
const muchLog = 8 * 1024 ** 3;

/** Why there should be a new base at once. */
export function whyBase(
  found: ReturnType<typeof newestBase>,
  wal: readonly WalObject[],
  holes: readonly WalHole[],
  dropped: Spool["dropped"],
  timeline?: number,
): string | undefined {
  if (found === undefined) return wal.length === 0 ? undefined : "there is no base backup of this cluster";
  const { base, manifest } = found;
  const [hole] = holes;
  if (hole !== undefined) return `the log is missing from ${hole.from} to ${hole.to}`;
  const lost = dropped.find(({ systemId, file }) => systemId === base.systemId && isAfter(base, file));
  if (lost !== undefined) return `the disk was full, and ${lost.file} of the log was not kept`;
  const segments = segmentsAfter(base, wal);
  // What the server says counts: a restore that was taken back leads to a smaller number again.
  const newest = timeline ?? Math.max(base.timeline, ...segments.map((segment) => segment.timeline));
  if (newest !== base.timeline) return `the server went on on timeline ${newest}`;
  const bytes = segments.length * base.segmentSize;
  const databases = Object.values((manifest.facts.databases ?? {}) as Record<string, number>);
  const limit = Math.max(muchLog, databases.reduce((sum, size) => sum + size, 0) / 4);
  return bytes > limit ? `${formatSize(bytes)} of log have come since the last one` : undefined;
}

function isAfter({ timeline, startSegment }: BaseWal, file: string): boolean {
  return Number.parseInt(file.slice(0, 8), 16) >= timeline && file.slice(8, 24) >= startSegment.slice(8);
}

const warnAt = 0.8;
const criticalAt = 0.95;

/** How full the disk is that the log shares with the database. */
export function spoolLevel(diskUsed: number | undefined): WalReport["spool"]["level"] {
  if (diskUsed === undefined || diskUsed <= warnAt) return "ok";
  return diskUsed > criticalAt ? "critical" : "warn";
}

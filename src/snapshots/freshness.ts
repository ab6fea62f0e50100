import type { Catalogue, CatalogueEntry } from "./catalogue.ts";
import { timeOfId } from "./manifest.ts";
import { chainsOf } from "./retention-chains.ts";
import { baseWal, reachableWindows, type WalObject } from "./wal-chain.ts";

/** How good a recovery point is: against what may be lost at most, half of it is a warning and four fifths an alarm. */
export type Freshness = "ok" | "warn" | "critical";

const warnAt = 0.5;
const criticalAt = 0.8;
const clockTolerance = 5 * 60_000;

/** A source as freshness asks for it. Times in milliseconds since 1970, spans in milliseconds. */
export interface WatchedSource {
  name: string;
  /** How much may be lost at most. */
  rpo: number;
  /** The newest change of its data, and when that was asked: an idle server is not stale. */
  changes?: { lastChangeAt: number; seenAt: number };
}

/** The newest moment of one source that one store can bring back. */
export interface RecoveryPoint {
  source: string;
  store: string;
  /** Milliseconds since 1970. Undefined: nothing that can be restored is there. */
  at?: number;
  /** Milliseconds of work that would be lost now; undefined like `at`. */
  age?: number;
  /** The snapshot that a restore would begin with. */
  snapshot?: string;
  state: Freshness;
  /** False for the copy on this host where there are others: it is lost with the host. */
  counts: boolean;
}

/** Where the write-ahead log of a base can be followed to. */
export interface LogWindow {
  /** Id of the snapshot that it begins with. */
  base: string;
  source: string;
  store: string;
  /** Milliseconds since 1970. */
  from: number;
  to: number;
  timeline: number;
  /** Segments that are missing, where the log ends before its end. */
  gap?: { from: string; to: string };
}

/** What one store has, as freshness asks for it. */
export interface WatchedStore {
  catalogue: Catalogue;
  offHost: boolean;
}

export interface FreshnessInput {
  now: number;
  sources: readonly WatchedSource[];
  stores: readonly WatchedStore[];
  /** Contents of Postgres's history files by file name, where they were read. */
  histories?: ReadonlyMap<string, string>;
}

/**
 * How much would be lost if this host were gone now, for each source and store. A snapshot counts when it and what it
 * builds on are verified; the log counts as far as it follows a base without a hole.
 */
export function recoveryPoints(input: FreshnessInput): RecoveryPoint[] {
  const { now, sources, stores } = input;
  const anyOffHost = stores.some(({ offHost }) => offHost);
  const windows = logWindows(input);
  return sources.flatMap((source) =>
    stores.map(({ catalogue, offHost }) => {
      const found = newestPoint(now, source.name, catalogue, windows);
      const counts = offHost || !anyOffHost;
      if (found === undefined)
        return { source: source.name, store: catalogue.store, state: "critical", counts } as const;
      const age = lossNow(now, found.at, source);
      return {
        source: source.name,
        store: catalogue.store,
        ...found,
        age,
        state: freshnessOf(age, source.rpo),
        counts,
      };
    }),
  );
}

/** The state of an age against what may be lost at most. */
export function freshnessOf(age: number, rpo: number): Freshness {
  if (age >= criticalAt * rpo) return "critical";
  return age >= warnAt * rpo ? "warn" : "ok";
}

/** Nothing is lost that was not changed: up to when that is known. */
function lossNow(now: number, at: number, { changes }: WatchedSource): number {
  const idleUntil = changes !== undefined && at >= changes.lastChangeAt ? changes.seenAt : at;
  return Math.max(0, now - Math.max(at, idleUntil));
}

function newestPoint(
  now: number,
  source: string,
  catalogue: Catalogue,
  windows: readonly LogWindow[],
): { at: number; snapshot: string } | undefined {
  let newest: { at: number; snapshot: string } | undefined;
  const offer = (at: number, snapshot: string) => {
    if (at <= now + clockTolerance && (newest === undefined || at > newest.at)) newest = { at, snapshot };
  };
  for (const { manifest } of restorable(catalogue, source, now)) offer(Date.parse(manifest.pointInTime), manifest.id);
  for (const window of windows)
    if (window.source === source && window.store === catalogue.store) offer(window.to, window.base);
  return newest;
}

function restorable({ snapshots }: Catalogue, source: string, now: number): CatalogueEntry[] {
  const own = snapshots.filter(({ manifest }) => manifest.source.name === source);
  const chains = chainsOf(own);
  return own.filter((entry) => timeOfId(entry.manifest.id) <= now + clockTolerance && chains.isRestorable(entry));
}

/**
 * The stretches of time that can be restored with the log, in each store; newest first. A segment counts from when any
 * store first had it: one that was delivered late holds no later changes.
 */
export function logWindows({ now, sources, stores, histories }: FreshnessInput): LogWindow[] {
  const archivedAt = firstSeen(stores.flatMap(({ catalogue }) => catalogue.wal));
  const windows = stores.flatMap(({ catalogue }) => {
    const wal = catalogue.wal.map((object) => ({
      ...object,
      modifiedAt: archivedAt.get(walName(object)) ?? object.modifiedAt,
    }));
    const entries = sources.flatMap(({ name }) => restorable(catalogue, name, now));
    const bases = entries.flatMap(({ manifest }) => (manifest.type === "base" ? (baseWal(manifest) ?? []) : []));
    return reachableWindows(bases, wal, histories).map(({ base, source, from, to, timeline, gap }) => ({
      base,
      source,
      store: catalogue.store,
      from,
      to,
      timeline,
      ...(gap !== undefined && { gap }),
    }));
  });
  return windows.sort((a, b) => b.to - a.to || b.from - a.from);
}

function firstSeen(wal: readonly WalObject[]): Map<string, number> {
  const times = new Map<string, number>();
  for (const object of wal) {
    const name = walName(object);
    times.set(name, Math.min(times.get(name) ?? object.modifiedAt, object.modifiedAt));
  }
  return times;
}

function walName({ source, systemId, file }: WalObject): string {
  return `${source}/${systemId}/${file}`;
}

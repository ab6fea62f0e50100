import { join } from "node:path";
import type { CatalogueEntry } from "../../snapshots/catalogue.ts";
import type { SnapshotManifest, SnapshotType } from "../../snapshots/manifest.ts";
import { nameOf } from "../../snapshots/retention-chains.ts";
import { hasJumped, type LastRun } from "../../snapshots/retention-guards.ts";
import { readIfExists, writeFileAtomic } from "../../support/files.ts";
import { tryLock } from "../lock.ts";

/** How the newest attempt at something ended. Milliseconds since 1970. */
export interface Attempt {
  lastRunAt: number;
  lastOutcome: "ok" | "failed";
  lastSuccessAt?: number;
  /** Why it failed. */
  message?: string;
}

/** The newest trial restore of a source. */
export interface Drill {
  at: number;
  ok: boolean;
  /** Id of the snapshot. */
  snapshot: string;
  /** Milliseconds from nothing to a checked server. */
  took: number;
  detail: string;
}

/** What the newest prune of a store came to. */
export interface PruneNote {
  at: number;
  removed: number;
  /** Removals that the store did not allow. */
  refused: number;
  bytes: number;
  /** Why nothing was removed, or of which sources. */
  held: string[];
}

/**
 * What this host remembers of backups beyond what the stores hold. Losing it costs no backup: what is in a store is read
 * from there, and without a last look at the clock the next one is the first.
 */
export interface BackupState {
  /** What the clock said when it was last looked at, and when it was last seen to jump. */
  lastSeenNow?: number;
  jumpedAt?: number;
  /** By store. */
  lastPrune: Record<string, PruneNote>;
  /** By source and type of snapshot; `log` is Postgres's write-ahead log. */
  sources: Record<string, Partial<Record<SnapshotType | "log", Attempt>>>;
  /** By destination. */
  deliveries: Record<string, Attempt>;
  /** Checks after a snapshot was published, by `<store>/<source>/<id>`. */
  checks: Record<string, SnapshotManifest["checks"]>;
  /** By source. */
  drills: Record<string, Drill>;
  /** By source: until when its data is known not to have changed since a moment, as a server told that was asked. */
  changes: Record<string, { lastChangeAt: number; seenAt: number }>;
  /** Folders whose manifest a prune takes away, by store: one that was killed is finished by the next. */
  pruning: Record<string, string[]>;
}

/** Reads it. What is missing or makes no sense is empty: a state that was lost must not keep backups from being made. */
export function readBackupState(directory: string): BackupState {
  const found = parse(readIfExists(pathIn(directory)));
  return {
    ...number(found, "lastSeenNow"),
    ...number(found, "jumpedAt"),
    lastPrune: records(found.lastPrune, (note) => typeof note.at === "number" && Array.isArray(note.held)),
    sources: records(found.sources, (types) => Object.values(types).every(isAttempt)),
    deliveries: records(found.deliveries, isAttempt),
    checks: lists(found.checks, (check) => isRecord(check) && typeof check.level === "string"),
    drills: records(found.drills, (drill) => typeof drill.at === "number" && typeof drill.took === "number"),
    changes: records(found.changes, (seen) => typeof seen.lastChangeAt === "number" && typeof seen.seenAt === "number"),
    pruning: lists(found.pruning, (folder) => typeof folder === "string"),
  };
}

/**
 * Changes it on the disk, all or nothing. Copies and the shipping of a log may run at the same time: who changes it waits
 * for the other, which takes a moment.
 */
export function changeBackupState(directory: string, change: (state: BackupState) => void): BackupState {
  const release = waitForLock(directory);
  try {
    const state = readBackupState(directory);
    change(state);
    writeFileAtomic(pathIn(directory), `${JSON.stringify({ format: 1, ...state }, null, 1)}\n`, 0o600);
    return state;
  } finally {
    release();
  }
}

const triesForLock = 100;

/** After a few seconds without the lock it goes on all the same: what would be lost is a note, and no backup. */
function waitForLock(directory: string): () => void {
  for (let tries = 0; tries < triesForLock; tries += 1) {
    const lock = tryLock(directory, "noting", Date.now(), "state.lock");
    if ("release" in lock) return lock.release;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
  return () => {};
}

/** Remembers how the newest attempt ended; a success before it stays known. */
export function attempt(
  before: Attempt | undefined,
  now: number,
  outcome: { ok: true } | { ok: false; message: string },
): Attempt {
  const lastSuccessAt = outcome.ok ? now : before?.lastSuccessAt;
  return {
    lastRunAt: now,
    lastOutcome: outcome.ok ? "ok" : "failed",
    ...(lastSuccessAt !== undefined && { lastSuccessAt }),
    ...(!outcome.ok && { message: outcome.message }),
  };
}

/** Notes how an attempt at one snapshot, or at the log, of a source ended. */
export function noteSourceRun(
  state: BackupState,
  source: string,
  type: SnapshotType | "log",
  now: number,
  outcome: { ok: true } | { ok: false; message: string },
): void {
  const types = state.sources[source] ?? {};
  state.sources[source] = { ...types, [type]: attempt(types[type], now, outcome) };
}

/** Notes how an attempt to deliver to a destination ended. */
export function noteDelivery(
  state: BackupState,
  destination: string,
  now: number,
  outcome: { ok: true } | { ok: false; message: string },
): void {
  state.deliveries[destination] = attempt(state.deliveries[destination], now, outcome);
}

/** Notes a look at a snapshot after it was published. The newest of each level is kept. */
export function noteCheck(
  state: BackupState,
  store: string,
  name: string,
  check: SnapshotManifest["checks"][number],
): void {
  const key = `${store}/${name}`;
  const others = (state.checks[key] ?? []).filter(({ level }) => level !== check.level);
  state.checks[key] = [...others, check];
}

/** Notes a look at the clock. Call it in every run, so that a leap is seen when it happens. */
export function noteClock(state: BackupState, now: number): void {
  if (hasJumped(now, state.lastSeenNow)) state.jumpedAt = now;
  state.lastSeenNow = now;
}

/** Entries of a store with the checks that were made after they were published. */
export function withLaterChecks(
  state: BackupState,
  store: string,
  entries: readonly CatalogueEntry[],
): CatalogueEntry[] {
  return entries.map((entry) => {
    const laterChecks = state.checks[`${store}/${nameOf(entry)}`];
    return laterChecks === undefined ? entry : { ...entry, laterChecks };
  });
}

/** How the newest runs ended, as retention asks for it. */
export function lastRunsOf(state: BackupState): LastRun[] {
  return Object.entries(state.sources).flatMap(([source, types]) =>
    Object.entries(types).flatMap(([type, { lastRunAt, lastOutcome }]) =>
      type === "log" ? [] : [{ source, type: type as SnapshotType, at: lastRunAt, outcome: lastOutcome }],
    ),
  );
}

function pathIn(directory: string): string {
  return join(directory, ".stack", "backup", "state.json");
}

type Fields = Record<string, unknown>;

function parse(text: string | undefined): Fields {
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isAttempt(value: unknown): boolean {
  return isRecord(value) && typeof value.lastRunAt === "number" && ["ok", "failed"].includes(String(value.lastOutcome));
}

function number<Key extends string>(fields: Fields, key: Key): { [Name in Key]?: number } {
  const value = fields[key];
  return (typeof value === "number" ? { [key]: value } : {}) as { [Name in Key]?: number };
}

function records<Item>(value: unknown, makesSense: (item: Fields) => boolean): Record<string, Item> {
  if (!isRecord(value)) return {};
  return Object.fromEntries(Object.entries(value).filter(([, item]) => isRecord(item) && makesSense(item))) as Record<
    string,
    Item
  >;
}

function lists<Item>(value: unknown, makesSense: (item: unknown) => boolean): Record<string, Item[]> {
  if (!isRecord(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter(([, items]) => Array.isArray(items) && items.every(makesSense)),
  ) as Record<string, Item[]>;
}

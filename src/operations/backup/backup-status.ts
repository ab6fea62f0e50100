import type { Catalogue } from "../../snapshots/catalogue.ts";
import {
  type LogWindow,
  logWindows,
  type RecoveryPoint,
  recoveryPoints,
  type WatchedStore,
} from "../../snapshots/freshness.ts";
import { type CheckLevel, type SnapshotType, timeOfId } from "../../snapshots/manifest.ts";
import type { SnapshotStore } from "../../snapshots/store.ts";
import type { ExitCause } from "../../support/errors.ts";
import { problemsOf } from "./backup-status-problems.ts";
import { undelivered } from "./deliver.ts";
import { deepestCheck } from "./list.ts";
import { policyFor } from "./prune.ts";
import type { Failure } from "./result.ts";
import { type Attempt, type BackupState, type Drill, type PruneNote, readBackupState } from "./state.ts";
import { lookAtStores, type StoreContext, type StoreView } from "./store-views.ts";

export interface BackupStatusOptions {
  /** When each lane runs next, where the schedule is installed. Milliseconds since 1970. */
  nextRuns?: { lane: string; at: number }[];
}

/** The newest snapshot of one type of a source, in the first store that has it. */
export interface NewestSnapshot {
  type: SnapshotType;
  id: string;
  store: string;
  /** Milliseconds since it was begun. */
  age: number;
  bytes: number;
  checked?: { level: CheckLevel; at: string };
}

export interface SourceBackupStatus {
  source: string;
  /** Milliseconds: how much may be lost at most. */
  rpo: number;
  newest: NewestSnapshot[];
  /** How the newest runs ended, by type. */
  runs: Partial<Record<SnapshotType | "log", Attempt>>;
  points: RecoveryPoint[];
  /** Stretches that can be restored to any moment; the newest of each store. */
  windows: LogWindow[];
  drill?: Drill;
}

export interface StoreBackupStatus {
  store: string;
  offHost: boolean;
  snapshots: number;
  /** Bytes of snapshots and log. */
  bytes: number;
  incomplete: number;
  unreadable: number;
  /** Snapshots of this host that it has not got yet. */
  missing: number;
  lastDelivery?: Attempt;
  lastPrune?: PruneNote;
  error?: Failure;
}

/** A thing to be told first. */
export interface BackupProblem {
  /** The same as long as the problem lasts: `late/postgres/offsite`. Its first word is what kind of problem it is. */
  id: string;
  /** A source, or a store. */
  subject: string;
  severity: "warn" | "critical";
  message: string;
  hint: string;
}

/** Everything that `backup status` knows, as printed by `--json`. Times are milliseconds since 1970. */
export interface BackupStatusReport {
  stack: string;
  at: number;
  healthy: boolean;
  problems: BackupProblem[];
  sources: SourceBackupStatus[];
  stores: StoreBackupStatus[];
  /** Milliseconds: how long a restore may take at most. */
  rto: number;
  unprotected: { name: string; reason: string }[];
  nextRuns: { lane: string; at: number }[];
}

/** With which cause `backup status` ends. */
export function exitOfBackupStatus({ healthy }: Pick<BackupStatusReport, "healthy">): ExitCause {
  return healthy ? "done" : "unhealthy";
}

/** The stack's own files change by hand and are copied once a day: a warning after 30 hours, an alarm after two days. */
const stackRpo = 60 * 3_600_000;

/** Says how well the stack could be brought back now. Changes nothing. */
export async function runBackupStatus(
  context: StoreContext,
  stores: readonly SnapshotStore[],
  options: BackupStatusOptions = {},
): Promise<BackupStatusReport> {
  const state = readBackupState(context.directory);
  const views = await lookAtStores(context, stores, state);
  return reportOf(context, state, views, options);
}

/** The report of what was seen. Pure but for the clock. */
export function reportOf(
  { model, clock }: Pick<StoreContext, "model" | "clock">,
  state: BackupState,
  views: readonly StoreView[],
  { nextRuns = [] }: BackupStatusOptions = {},
): BackupStatusReport {
  const now = clock.now();
  const sources = [
    { name: "stack", rpo: Math.max(stackRpo, model.backup.rpo) },
    ...model.dataSources.map(({ name }) => ({ name, rpo: model.backup.rpo })),
  ].map((source) => ({ ...source, ...(state.changes[source.name] && { changes: state.changes[source.name] }) }));
  // A store that does not answer has nothing as far as anybody can tell.
  const watched: WatchedStore[] = views.map(({ store, catalogue }) => ({
    catalogue: catalogue ?? emptyCatalogue(store.name),
    offHost: store.offHost,
  }));
  const points = recoveryPoints({ now, sources, stores: watched });
  const windows = logWindows({ now, sources, stores: watched });
  const report = {
    stack: model.name,
    at: now,
    sources: sources.map(({ name, rpo }) => ({
      source: name,
      rpo,
      newest: newestOf(name, views, now),
      runs: state.sources[name] ?? {},
      points: points.filter(({ source }) => source === name),
      windows: newestWindows(windows.filter(({ source }) => source === name)),
      ...(state.drills[name] && { drill: state.drills[name] }),
    })),
    stores: views.map((view) => storeStatus(model, state, views, view, now)),
    rto: model.backup.rto,
    unprotected: model.unprotected.map(({ name, reason }) => ({ name, reason })),
    nextRuns,
  };
  const problems = problemsOf(report);
  return { ...report, problems, healthy: !problems.some(({ severity }) => severity === "critical") };
}

function emptyCatalogue(store: string): Catalogue {
  return { store, snapshots: [], unreadable: [], incomplete: [], wal: [], objects: undefined, foreign: [] };
}

function newestOf(source: string, views: readonly StoreView[], now: number): NewestSnapshot[] {
  const newest = new Map<SnapshotType, NewestSnapshot>();
  for (const { store, catalogue } of views) {
    for (const entry of catalogue?.snapshots ?? []) {
      const { id, type } = entry.manifest;
      if (entry.manifest.source.name !== source || id <= (newest.get(type)?.id ?? "")) continue;
      const checked = deepestCheck(entry);
      const { bytes } = entry;
      newest.set(type, {
        type,
        id,
        store: store.name,
        age: Math.max(0, now - timeOfId(id)),
        bytes,
        ...(checked && { checked }),
      });
    }
  }
  return [...newest.values()];
}

/** Windows come newest first. */
function newestWindows(windows: readonly LogWindow[]): LogWindow[] {
  return windows.filter((window, index) => windows.findIndex(({ store }) => store === window.store) === index);
}

function storeStatus(
  model: StoreContext["model"],
  state: BackupState,
  views: readonly StoreView[],
  { store, catalogue, error }: StoreView,
  now: number,
): StoreBackupStatus {
  const { keepFor } = policyFor(model.backup, store.name);
  const local = views.find((view) => !view.store.offHost)?.catalogue;
  const there = catalogue ?? emptyCatalogue(store.name);
  const missing = store.offHost && local !== undefined ? undelivered({ local, there, keepFor }, now).length : 0;
  return {
    store: store.name,
    offHost: store.offHost,
    snapshots: there.snapshots.length,
    bytes: [...there.snapshots, ...there.wal].reduce((total, { bytes }) => total + bytes, 0),
    incomplete: there.incomplete.length,
    unreadable: there.unreadable.length,
    missing,
    ...(state.deliveries[store.name] && { lastDelivery: state.deliveries[store.name] }),
    ...(state.lastPrune[store.name] && { lastPrune: state.lastPrune[store.name] }),
    ...(error !== undefined && { error }),
  };
}

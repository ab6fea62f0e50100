import type { CatalogueEntry } from "../../snapshots/catalogue.ts";
import { planRetention, type RetentionPlan, type RetentionPolicy } from "../../snapshots/retention.ts";
import { nameOf } from "../../snapshots/retention-chains.ts";
import { renderRetention } from "../../snapshots/retention-render.ts";
import type { SnapshotStore } from "../../snapshots/store.ts";
import type { BackupSettings } from "../../stack/backup-settings.ts";
import type { Journal } from "../journal.ts";
import { aloneWithBackups, journalled } from "../operation.ts";
import { redactorFor } from "../secret-values.ts";
import { undelivered } from "./deliver.ts";
import { failureOf } from "./failure.ts";
import { applyRetention, type Removed } from "./prune-apply.ts";
import { type ObjectRemoval, planObjects } from "./prune-objects.ts";
import { checkRemovedSource, planRemoval, type RemovedSource, removedSources } from "./prune-removed.ts";
import { giveUpReserve, keepReserve } from "./prune-reserve.ts";
import { forgetReferences } from "./references.ts";
import type { Failure } from "./result.ts";
import {
  type BackupState,
  changeBackupState,
  lastRunsOf,
  noteClock,
  type PruneNote,
  readBackupState,
} from "./state.ts";
import { lookAtStores, type StoreContext, type StoreView } from "./store-views.ts";

export interface PruneOptions {
  /** Only decide and tell. */
  dryRun?: boolean;
  /** Remove more at once than a quarter of a source's sets, also after a set that is suspiciously small. */
  force?: boolean;
  /** Only in these stores. All of `stores` are looked at in any case. */
  on?: readonly string[];
  /** Remove all that lies of this source, which stack.yaml does not name any more, and nothing else. */
  source?: string;
  /** Milliseconds to wait for another backup. */
  wait?: number;
}

/** What a prune came to in one store. */
export interface StorePrune {
  store: string;
  /** Why nothing was removed here: the clock is not to be trusted. */
  refused?: string;
  /** Why nothing is ever removed here, by the user's own will: a normal case. */
  skipped?: string;
  held: { source: string; reason: string }[];
  /** The decision, in lines for people. */
  plan: string[];
  /** What no rule lets go. */
  removedSources?: RemovedSource[];
  /** Undefined with `dryRun` and where nothing was tried. */
  removed?: Removed;
  error?: Failure;
}

export interface PruneResult {
  dryRun: boolean;
  stores: StorePrune[];
}

/**
 * Removes what the retention rules let go, store by store. First the manifest of a set, then its parts, so that a set is
 * whole or not there; a prune that is killed is finished by the next. A store that refuses removals is no failure, and
 * one that does not answer keeps no other from being pruned. `stores` are all that the stack has, the local one first.
 * Works on a full disk too, once a backup or a prune has run before that was full.
 */
export async function runPrune(
  context: StoreContext,
  stores: readonly SnapshotStore[],
  options: PruneOptions = {},
): Promise<PruneResult> {
  if (options.dryRun === true) {
    const state = readBackupState(context.directory);
    const views = await lookAtStores(context, stores, state);
    if (options.source !== undefined) checkRemovedSource(context, views, options.source);
    return {
      dryRun: true,
      stores: await inTurn(wanted(views, options), (view) => decide(context, views, view, state, options)),
    };
  }
  giveUpReserve(context.directory);
  try {
    return await aloneWithBackups(context, "backup prune", options.wait, () =>
      journalled(context, "prune", async (journal) => {
        const state = readBackupState(context.directory);
        const views = await lookAtStores(context, stores, state);
        if (options.source !== undefined) checkRemovedSource(context, views, options.source);
        const results = await inTurn(wanted(views, options), (view) =>
          pruneStore(context, journal, views, view, state, options),
        );
        finish(context, views, results);
        return { dryRun: false, stores: results };
      }),
    );
  } finally {
    keepReserve(context.directory);
  }
}

function wanted(views: readonly StoreView[], { on = [] }: PruneOptions): StoreView[] {
  return views.filter(({ store }) => on.length === 0 || on.includes(store.name));
}

async function inTurn<Item, Result>(items: readonly Item[], work: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}

interface Decision extends StorePrune {
  retention?: RetentionPlan;
  objects?: ObjectRemoval[];
}

/** What goes from one store. Changes nothing. */
async function decide(
  context: StoreContext,
  views: readonly StoreView[],
  view: StoreView,
  state: BackupState,
  options: PruneOptions,
): Promise<Decision> {
  const { store, catalogue, error } = view;
  const base: StorePrune = { store: store.name, held: [], plan: [] };
  if (catalogue === undefined) return { ...base, ...(error !== undefined && { error }) };
  if (isAppendOnly(context, store))
    return { ...base, skipped: "skipped by policy: its own rules remove what is old (appendOnly)" };
  if (options.source !== undefined) {
    const { retention, objects } = await planRemoval(store, catalogue, options.source);
    const plan = [...renderRetention(retention), ...objects.map(({ line }) => line)];
    return { ...base, held: retention.held, plan, retention, objects };
  }
  const now = context.clock.now();
  const { arriving, waiting } = underWay(context, views, view, now);
  const skew = clockSkew(views, view);
  const retention = planRetention({
    now,
    policy: policyFor(context.model.backup, store.name),
    entries: catalogue.snapshots,
    incomplete: catalogue.incomplete,
    unreadable: catalogue.unreadable,
    wal: catalogue.wal,
    lastRuns: lastRunsOf(state),
    clock: {
      ...(state.lastSeenNow !== undefined && { lastSeenNow: state.lastSeenNow }),
      ...(state.jumpedAt !== undefined && { jumpedAt: state.jumpedAt }),
      ...(skew !== undefined && { storeSkew: skew }),
    },
    undelivered: waiting,
    arriving,
    abandoned: new Set(state.pruning[store.name] ?? []),
    ...(options.force !== undefined && { force: options.force }),
  });
  const objects =
    retention.refused === undefined ? await planObjects(context, { views, view, retention, arriving, now }) : [];
  return {
    ...base,
    ...(retention.refused !== undefined && { refused: retention.refused }),
    held: retention.held,
    plan: [...renderRetention(retention), ...objects.map(({ line }) => line)],
    removedSources: removedSources(context, catalogue),
    retention,
    objects,
  };
}

async function pruneStore(
  context: StoreContext,
  journal: Journal,
  views: readonly StoreView[],
  view: StoreView,
  state: BackupState,
  options: PruneOptions,
): Promise<StorePrune> {
  const { store } = view;
  context.progress.update(store.name, "working", "looking");
  let told: StorePrune = { store: store.name, held: [], plan: [] };
  try {
    const { retention, objects = [], ...decision } = await decide(context, views, view, state, options);
    told = decision;
    if (retention === undefined || retention.refused !== undefined) {
      context.progress.update(
        store.name,
        decision.error ? "failed" : "done",
        decision.error?.message ?? decision.refused ?? decision.skipped ?? "",
      );
      return decision;
    }
    const removed = await applyRetention(context, journal, {
      store,
      retention,
      objects,
      stores: views.map((each) => each.store),
    });
    context.progress.update(store.name, "done", `removed ${removed.sets} of ${view.catalogue?.snapshots.length} sets`);
    return { ...decision, removed };
  } catch (error) {
    context.signal.throwIfAborted();
    const failure = failureOf(error, redactorFor(context.directory, context.model));
    context.progress.update(store.name, "failed", failure.message);
    return { ...told, error: failure };
  }
}

function isAppendOnly({ model }: StoreContext, { name }: SnapshotStore): boolean {
  return model.backup.destinations.some((destination) => destination.name === name && destination.appendOnly);
}

/** How long a store keeps: its own time, or that of its sort. */
export function policyFor({ keep, destinations }: BackupSettings, store: string): RetentionPolicy {
  const destination = destinations.find(({ name }) => name === store);
  const keepFor = store === "local" ? keep.local : (destination?.keep ?? keep.remote);
  return { keepFor, atLeast: keep.atLeast, frequentFor: keep.frequent };
}

/**
 * What is still to be delivered to this store (`arriving`), and what this store has that another lacks (`waiting`):
 * everything, where the other cannot be asked.
 */
function underWay(
  { model }: StoreContext,
  views: readonly StoreView[],
  view: StoreView,
  now: number,
): { arriving: CatalogueEntry[]; waiting: Set<string> } {
  const local = views.find(({ store }) => !store.offHost)?.catalogue;
  const lacking = ({ store, catalogue }: StoreView) => {
    if (local === undefined) return [];
    if (catalogue === undefined) return local.snapshots;
    return undelivered({ local, there: catalogue, keepFor: policyFor(model.backup, store.name).keepFor }, now);
  };
  if (view.store.offHost) return { arriving: lacking(view), waiting: new Set() };
  const others = views.filter(({ store }) => store.offHost);
  return { arriving: [], waiting: new Set(others.flatMap(lacking).map(nameOf)) };
}

/** How far this host's clock is off: by this store, or by any that is not on this host. */
function clockSkew(views: readonly StoreView[], view: StoreView): number | undefined {
  const judges = [view, ...views].filter(({ store }) => store.offHost);
  return judges.map(({ store }) => store.clockSkew()).find((skew) => skew !== undefined);
}

/** Notes what came of it; forgets what belonged to sets that are nowhere any more. */
function finish(context: StoreContext, views: readonly StoreView[], results: readonly StorePrune[]): void {
  const now = context.clock.now();
  const complete = views.every(({ catalogue }) => catalogue !== undefined);
  const present = new Set(views.flatMap(({ catalogue }) => catalogue?.snapshots.map(nameOf) ?? []));
  changeBackupState(context.directory, (state) => {
    noteClock(state, now);
    for (const result of results) if (result.error === undefined) state.lastPrune[result.store] = noteOf(result, now);
    if (complete) forgetChecks(state, present);
  });
  if (complete) forgetReferences(context.directory, present);
}

function noteOf({ removed, refused, held }: StorePrune, at: number): PruneNote {
  const reasons = refused === undefined ? held.map(({ source, reason }) => `${source}: ${reason}`) : [refused];
  return {
    at,
    removed: removed?.sets ?? 0,
    refused: removed?.refused ?? 0,
    bytes: removed?.bytes ?? 0,
    held: reasons,
  };
}

/** Checks are noted by `<store>/<source>/<id>`. */
function forgetChecks(state: BackupState, present: ReadonlySet<string>): void {
  for (const key of Object.keys(state.checks)) {
    if (!present.has(key.slice(key.indexOf("/") + 1))) delete state.checks[key];
  }
}

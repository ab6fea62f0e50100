import type { CatalogueEntry } from "../../snapshots/catalogue.ts";
import type { RetentionPlan } from "../../snapshots/retention.ts";
import { nameOf } from "../../snapshots/retention-chains.ts";
import type { SnapshotStore } from "../../snapshots/store.ts";
import { messageOf } from "../../support/errors.ts";
import type { Journal } from "../journal.ts";
import { noted } from "../operation.ts";
import type { ObjectRemoval } from "./prune-objects.ts";
import { referencesOf } from "./references.ts";
import { changeBackupState } from "./state.ts";
import type { StoreContext } from "./store-views.ts";

/** What was removed from one store. */
export interface Removed {
  sets: number;
  /** Folders without manifest, and unfinished uploads. */
  leftovers: number;
  /** Files of the write-ahead log. */
  log: number;
  /** Objects that sets shared. */
  objects: number;
  bytes: number;
  /** Removals that the store did not allow: skipped by its policy, no failure. */
  refused: number;
}

export interface RetentionWork {
  store: SnapshotStore;
  retention: RetentionPlan;
  objects: readonly ObjectRemoval[];
  /** All stores of the stack. */
  stores: readonly SnapshotStore[];
}

/** So many refusals in a row, and the rest is not tried: the store does not let this host remove anything. */
const patience = 10;
const concurrency = 8;

/** Longer than the longest upload that is still gone on with, milliseconds. */
const graceForUploads = 3 * 86_400_000;

/**
 * Removes what the plan says, and nothing else: sets, what dead runs left, the log, shared objects, in this order. Where
 * the store keeps one set of a source, all that it builds on, its log and its objects stay with it.
 */
export async function applyRetention(context: StoreContext, journal: Journal, work: RetentionWork): Promise<Removed> {
  const { store, retention } = work;
  const removed: Removed = { sets: 0, leftovers: 0, log: 0, objects: 0, bytes: 0, refused: 0 };
  const erase = eraserFor(context, store, removed);
  const kept = new Set<string>();
  rememberFolders(context, work);
  for (const { entry } of retention.remove) {
    const source = entry.manifest.source.name;
    if (kept.has(source)) continue;
    await noted(journal, "remove", `${store.name}/${nameOf(entry)}`, async () => {
      if (await removeSet(context, work, entry, erase)) removed.sets += 1;
      else kept.add(source);
    });
  }
  for (const { folder } of retention.sweep) {
    await noted(journal, "sweep", `${store.name}/${folder.folder}`, async () => {
      if ((await removeAll(folder.objects, erase)) === folder.objects.length) removed.leftovers += 1;
    });
  }
  for (const { source, systemId, objects } of retention.wal.filter((each) => !kept.has(each.source))) {
    await noted(journal, "remove-log", `${store.name}/${source}/${systemId}`, async () => {
      removed.log += await removeAll(objects, erase);
    });
  }
  for (const { source, objects } of work.objects.filter((each) => !kept.has(each.source) && each.objects.length > 0)) {
    await noted(journal, "remove-objects", `${store.name}/${source}`, async () => {
      removed.objects += await removeAll(objects, erase);
    });
  }
  changeBackupState(context.directory, (state) => {
    delete state.pruning[store.name];
  });
  removed.leftovers += await sweepUploads(context, store);
  return removed;
}

/** What uploads left that nobody goes on with. A store that does not let this host look for it is no failure. */
async function sweepUploads({ progress, signal }: StoreContext, store: SnapshotStore): Promise<number> {
  try {
    return await store.sweep(graceForUploads);
  } catch (error) {
    signal.throwIfAborted();
    progress.line(`${store.name}: unfinished uploads stay: ${messageOf(error)}`);
    return 0;
  }
}

/** The manifest first: from then on it is no set any more, whatever happens. False where the store keeps it. */
async function removeSet(
  context: StoreContext,
  { stores }: RetentionWork,
  entry: CatalogueEntry,
  erase: Eraser,
): Promise<boolean> {
  // A list of objects that goes from this host is wanted as long as a destination has the set.
  if (entry.manifest.objectsPart !== undefined) await referencesOf(context.directory, entry, stores);
  const bytes = entry.bytes - entry.parts.reduce((total, part) => total + part.bytes, 0);
  if (!(await erase({ key: entry.key, bytes }))) return false;
  await removeAll(entry.parts, erase);
  return true;
}

/** Before the first manifest goes: which folders the next prune may clear if this one dies. */
function rememberFolders({ directory }: StoreContext, { store, retention }: RetentionWork): void {
  const folders = [
    ...retention.remove.map(({ entry }) => entry.key.slice(0, entry.key.lastIndexOf("/") + 1)),
    ...retention.sweep.map(({ folder }) => folder.folder),
  ];
  if (folders.length === 0) return;
  changeBackupState(directory, (state) => {
    state.pruning[store.name] = folders;
  });
}

type Eraser = (object: { key: string; bytes: number }) => Promise<boolean>;

/** Removes one key; false where the store refuses. */
function eraserFor({ signal }: StoreContext, store: SnapshotStore, removed: Removed): Eraser {
  let refusals = 0;
  return async ({ key, bytes }) => {
    signal.throwIfAborted();
    if (refusals >= patience) return false;
    const outcome = await store.remove(key);
    refusals = outcome === "refused" ? refusals + 1 : 0;
    if (outcome === "refused") removed.refused += 1;
    if (outcome === "removed") removed.bytes += bytes;
    return outcome !== "refused";
  };
}

/** How many of these are gone now. */
async function removeAll(objects: readonly { key: string; bytes: number }[], erase: Eraser): Promise<number> {
  let count = 0;
  for (let index = 0; index < objects.length; index += concurrency) {
    const outcomes = await Promise.all(objects.slice(index, index + concurrency).map(erase));
    count += outcomes.filter((gone) => gone).length;
  }
  return count;
}

import type { Catalogue, CatalogueEntry, IncompleteFolder, UnreadableSnapshot } from "../../snapshots/catalogue.ts";
import type { CheckLevel, SnapshotType } from "../../snapshots/manifest.ts";
import { chainsOf, isVerified, nameOf } from "../../snapshots/retention-chains.ts";
import type { SnapshotStore } from "../../snapshots/store.ts";
import { unknownSource } from "./kinds-unknown.ts";
import type { Failure } from "./result.ts";
import { readBackupState } from "./state.ts";
import { lookAtStores, type StoreContext } from "./store-views.ts";

export interface ListOptions {
  /** Only of this source. */
  source?: string;
}

/** A snapshot, wherever it is. */
export interface ListedSnapshot {
  id: string;
  source: string;
  type: SnapshotType;
  parent?: string;
  /** RFC 3339: the moment of the data. */
  pointInTime: string;
  /** Bytes in the first store that has it. */
  bytes: number;
  stores: SnapshotCopy[];
}

/** A snapshot in one store. */
export interface SnapshotCopy {
  store: string;
  bytes: number;
  /** It and all that it builds on are there and were found good. */
  restorable: boolean;
  /** The deepest look that found nothing wrong, and when. */
  checked?: { level: CheckLevel; at: string };
  /** What is wrong with it. */
  problems: string[];
}

/** Something in a store that is no snapshot. */
export interface ListedLeftover {
  store: string;
  source: string;
  id: string;
  bytes: number;
  reason: string;
}

export interface ListResult {
  /** Newest last. */
  snapshots: ListedSnapshot[];
  incomplete: ListedLeftover[];
  /** Stores that could not be read. */
  failed: { store: string; error: Failure }[];
}

/** What is in the stores, each snapshot once. */
export async function runList(
  context: StoreContext,
  stores: readonly SnapshotStore[],
  { source }: ListOptions = {},
): Promise<ListResult> {
  const state = readBackupState(context.directory);
  const views = await lookAtStores(context, stores, state);
  const wanted = (name: string) => source === undefined || name === source;
  const snapshots = new Map<string, ListedSnapshot>();
  for (const { catalogue } of views) if (catalogue !== undefined) collect(snapshots, catalogue);
  const result = {
    snapshots: [...snapshots.values()].filter((each) => wanted(each.source)).sort(byTime),
    incomplete: views.flatMap(({ catalogue }) => leftoversOf(catalogue)).filter((each) => wanted(each.source)),
    failed: views.flatMap(({ store, error }) => (error === undefined ? [] : [{ store: store.name, error }])),
  };
  if (source !== undefined) refuseUnknown(context, source, result);
  return result;
}

/** A name with a typing mistake is no source without copies. One that stack.yaml names no more may still have some. */
function refuseUnknown({ model }: StoreContext, source: string, { snapshots, incomplete, failed }: ListResult): void {
  const names = ["stack", ...model.dataSources.map(({ name }) => name)];
  if (names.includes(source) || snapshots.length + incomplete.length + failed.length > 0) return;
  throw unknownSource(source, names);
}

function collect(snapshots: Map<string, ListedSnapshot>, catalogue: Catalogue): void {
  const chains = chainsOf(catalogue.snapshots);
  for (const entry of catalogue.snapshots) {
    const { manifest, bytes } = entry;
    const { id, source, type, parent, pointInTime } = manifest;
    const listed = snapshots.get(nameOf(entry)) ?? {
      id,
      source: source.name,
      type,
      ...(parent !== undefined && { parent }),
      pointInTime,
      bytes,
      stores: [],
    };
    listed.stores.push(copyOf(entry, catalogue.store, chains.isRestorable(entry)));
    snapshots.set(nameOf(entry), listed);
  }
}

function copyOf(entry: CatalogueEntry, store: string, restorable: boolean): SnapshotCopy {
  const checked = deepestCheck(entry);
  return {
    store,
    bytes: entry.bytes,
    restorable,
    ...(checked !== undefined && { checked }),
    problems: [...entry.problems, ...failedChecks(entry), ...(restorable || !isVerified(entry) ? [] : [brokenChain])],
  };
}

const brokenChain = "what it builds on is not there, or is not good";
const levels: readonly CheckLevel[] = ["hash", "structure", "drill"];

function checksOf({ manifest, laterChecks = [] }: CatalogueEntry) {
  return [...manifest.checks, ...laterChecks];
}

/** The deepest look whose newest result is good. */
export function deepestCheck(entry: CatalogueEntry): { level: CheckLevel; at: string } | undefined {
  for (const level of [...levels].reverse()) {
    const newest = checksOf(entry)
      .filter((check) => check.level === level)
      .at(-1);
    if (newest?.ok) return { level, at: newest.at };
  }
  return undefined;
}

function failedChecks(entry: CatalogueEntry): string[] {
  return levels.flatMap((level) => {
    const newest = checksOf(entry)
      .filter((check) => check.level === level)
      .at(-1);
    return newest === undefined || newest.ok ? [] : [`${level} check failed: ${newest.detail}`];
  });
}

function leftoversOf(catalogue: Catalogue | undefined): ListedLeftover[] {
  if (catalogue === undefined) return [];
  const told = ({ source, id, bytes }: IncompleteFolder, reason: string) => ({
    store: catalogue.store,
    source,
    id,
    bytes,
    reason,
  });
  return [
    ...catalogue.unreadable.map((each: UnreadableSnapshot) =>
      told(each, `its manifest cannot be read: ${each.reason}`),
    ),
    ...catalogue.incomplete.map((each) =>
      told(each, `no manifest: a backup is at work or died, ${new Date(each.newestAt).toISOString()}`),
    ),
  ];
}

function byTime(a: ListedSnapshot, b: ListedSnapshot): number {
  const [left, right] = [`${a.id} ${a.source}`, `${b.id} ${b.source}`];
  return left < right ? -1 : left > right ? 1 : 0;
}

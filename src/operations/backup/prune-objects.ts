import type { CatalogueEntry } from "../../snapshots/catalogue.ts";
import type { RetentionPlan } from "../../snapshots/retention.ts";
import { isUnreferenced } from "../../snapshots/retention-objects.ts";
import { formatSize } from "../../support/units.ts";
import { referencesOf } from "./references.ts";
import type { StoreContext, StoreView } from "./store-views.ts";

export interface ObjectsInput {
  views: readonly StoreView[];
  view: StoreView;
  retention: RetentionPlan;
  /** Snapshots that are on their way to this store. */
  arriving: readonly CatalogueEntry[];
  now: number;
}

/** Shared objects of one source that go, and the line that says so; or only the line that says why none goes. */
export interface ObjectRemoval {
  source: string;
  objects: { key: string; bytes: number }[];
  line: string;
}

/**
 * Shared objects that no snapshot needs which stays in this store, or comes to it. Where one list of what is needed
 * cannot be read, or a manifest of the source, all of the source's objects stay.
 */
export async function planObjects(context: StoreContext, input: ObjectsInput): Promise<ObjectRemoval[]> {
  const { retention, arriving } = input;
  const needing = [...retention.keep.map(({ entry }) => entry), ...arriving].filter(
    ({ manifest }) => manifest.objectsPart !== undefined,
  );
  const held = retention.held.map(({ source }) => source);
  const sources = [...new Set(needing.map(({ manifest }) => manifest.source.name))].filter(
    (name) => !held.includes(name),
  );
  const removals: ObjectRemoval[] = [];
  for (const source of sources.sort()) {
    const own = needing.filter(({ manifest }) => manifest.source.name === source);
    const removal = await planSource(context, input, source, own);
    if (removal !== undefined) removals.push(removal);
  }
  return removals;
}

async function planSource(
  context: StoreContext,
  input: ObjectsInput,
  source: string,
  needing: readonly CatalogueEntry[],
): Promise<ObjectRemoval | undefined> {
  const { view, now } = input;
  const unreadable = view.catalogue?.unreadable.some((each) => each.source === source);
  const referenced = unreadable ? "a manifest of it cannot be read" : await allReferences(context, input, needing);
  if (typeof referenced === "string")
    return { source, objects: [], line: `keep all objects of ${source}: ${referenced}` };
  const objects: ObjectRemoval["objects"] = [];
  for await (const object of view.store.list(`objects/${source}/`, context.signal)) {
    if (isUnreferenced(object, referenced, now)) objects.push({ key: object.key, bytes: object.bytes });
  }
  if (objects.length === 0) return undefined;
  const size = formatSize(objects.reduce((total, { bytes }) => total + bytes, 0));
  const line = `remove ${objects.length} objects of ${source} (${size}): no set that stays refers to them`;
  return { source, objects, line };
}

async function allReferences(
  { directory, signal }: StoreContext,
  { views }: ObjectsInput,
  entries: readonly CatalogueEntry[],
): Promise<ReadonlySet<string> | string> {
  const all = new Set<string>();
  for (const entry of entries) {
    signal.throwIfAborted();
    const stores = views.map(({ store }) => store);
    const keys = await referencesOf(directory, entry, stores);
    if (keys === undefined) return `what ${entry.manifest.id} refers to is not known on this host`;
    for (const key of keys) all.add(key);
  }
  return all;
}

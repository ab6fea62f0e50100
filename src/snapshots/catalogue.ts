import { join } from "node:path";
import { messageOf, StackError } from "../support/errors.ts";
import { sortedBy } from "../support/order.ts";
import { inParallel } from "../support/parallel.ts";
import { isSnapshotId, manifestName, type SnapshotManifest, timeOfId } from "./manifest.ts";
import { openManifestCache } from "./manifest-cache.ts";
import { ownHash } from "./manifest-hash.ts";
import { isPlainName, parseManifest } from "./manifest-parse.ts";
import { readText, type SnapshotStore, type StoredObject } from "./store.ts";
import { type WalObject, walObject } from "./wal-chain.ts";

/** A snapshot in a store: its manifest was read and makes sense. */
export interface CatalogueEntry {
  /** Key of the manifest. */
  key: string;
  manifest: SnapshotManifest;
  /** Bytes of everything in its folder. */
  bytes: number;
  /** Everything in its folder but the manifest, as listed. */
  parts: StoredObject[];
  /** What the listing says against it: a part that is missing, or of another size. None: it is whole. */
  problems: string[];
  /** Its manifest has no hash of its own: an earlier version wrote it. */
  unsealed?: true;
  /** Looked at after it was published, as remembered on this host. */
  laterChecks?: SnapshotManifest["checks"];
}

/** A folder of a snapshot that cannot be used. */
export interface IncompleteFolder {
  source: string;
  id: string;
  /** Ends in a slash. */
  folder: string;
  objects: StoredObject[];
  bytes: number;
  /** Milliseconds since 1970, by the store's clock. */
  newestAt: number;
}

/** A manifest that is there and cannot be read. Never counted as a snapshot and never removed. */
export interface UnreadableSnapshot extends IncompleteFolder {
  /** What is wrong with the manifest. */
  reason: string;
}

/** What is in a store. */
export interface Catalogue {
  /** The store's name. */
  store: string;
  /** Oldest first. */
  snapshots: CatalogueEntry[];
  unreadable: UnreadableSnapshot[];
  /** Folders without manifest: a run that is at work, or one that died. */
  incomplete: IncompleteFolder[];
  wal: WalObject[];
  /** Objects that snapshots share; undefined where they were not asked for. */
  objects: { count: number; bytes: number } | undefined;
  /** Keys below `snapshots/` and `wal/` that are not of this layout. They are somebody else's and never touched. */
  foreign: string[];
}

export interface CatalogueOptions {
  /** Folder of this host in which manifests are remembered: they never change. */
  cacheFolder?: string;
  /** Also count what is below `objects/`: a listing that may be long. */
  countObjects?: boolean;
  /** Manifests that are read at the same time. */
  concurrency?: number;
  signal?: AbortSignal;
}

const largestManifest = 64 * 1024 ** 2;

/**
 * Reads what is in a store: one listing, and the manifests that are not known yet. A manifest that makes no sense or
 * cannot be fetched is told of and spoils nothing else; rejects where the store cannot be listed.
 */
export async function readCatalogue(store: SnapshotStore, options: CatalogueOptions = {}): Promise<Catalogue> {
  const { signal, countObjects = false, concurrency = 8 } = options;
  const foreign: string[] = [];
  const [folders, wal, objects] = await Promise.all([
    listFolders(store, foreign, signal),
    listWal(store, foreign, signal),
    countObjects ? count(store, "objects/", signal) : undefined,
  ]);
  const cache = openManifestCache(options.cacheFolder && join(options.cacheFolder, `${store.name}.json`));
  const read = (folder: Folder) => readFolder(store, folder, cache, signal);
  const results = await inParallel(folders, concurrency, read);
  cache.save(folders.flatMap(({ manifest }) => (manifest === undefined ? [] : [manifest.key])));
  return {
    store: store.name,
    snapshots: sortedBy(
      results.flatMap((result) => ("entry" in result ? [result.entry] : [])),
      ({ manifest }) => `${manifest.id} ${manifest.source.name}`,
    ),
    unreadable: results.flatMap((result) => ("unreadable" in result ? [result.unreadable] : [])),
    incomplete: results.flatMap((result) => ("incomplete" in result ? [result.incomplete] : [])),
    wal,
    objects,
    foreign,
  };
}

interface Folder {
  source: string;
  id: string;
  folder: string;
  manifest?: StoredObject;
  objects: StoredObject[];
}

async function listFolders(store: SnapshotStore, foreign: string[], signal?: AbortSignal): Promise<Folder[]> {
  const folders = new Map<string, Folder>();
  for await (const object of store.list("snapshots/", signal)) {
    const [, folder = "", source = "", id = "", name = ""] =
      /^(snapshots\/([^/]+)\/([^/]+)\/)([^/]+)$/.exec(object.key) ?? [];
    if (!isPlainName(source) || !isSnapshotId(id) || Number.isNaN(timeOfId(id))) {
      foreign.push(object.key);
      continue;
    }
    const known = folders.get(folder) ?? { source, id, folder, objects: [] };
    if (name === manifestName) known.manifest = object;
    else known.objects.push(object);
    folders.set(folder, known);
  }
  return [...folders.values()];
}

async function listWal(store: SnapshotStore, foreign: string[], signal?: AbortSignal): Promise<WalObject[]> {
  const found: WalObject[] = [];
  for await (const object of store.list("wal/", signal)) {
    const wal = walObject(object);
    if (wal === undefined) foreign.push(object.key);
    else found.push(wal);
  }
  return found;
}

async function count(
  store: SnapshotStore,
  prefix: string,
  signal?: AbortSignal,
): Promise<{ count: number; bytes: number }> {
  const total = { count: 0, bytes: 0 };
  for await (const { bytes } of store.list(prefix, signal)) {
    total.count += 1;
    total.bytes += bytes;
  }
  return total;
}

type FolderResult =
  | { entry: CatalogueEntry }
  | { unreadable: UnreadableSnapshot }
  | { incomplete: IncompleteFolder }
  /** It was removed between the listing and the reading. */
  | { gone: true };

async function readFolder(
  store: SnapshotStore,
  folder: Folder,
  cache: ReturnType<typeof openManifestCache>,
  signal?: AbortSignal,
): Promise<FolderResult> {
  const { manifest: object } = folder;
  if (object === undefined) return { incomplete: incompleteOf(folder) };
  try {
    const text = cache.find(object) ?? (await fetchManifest(store, object, signal));
    if (text === undefined) return { gone: true };
    const manifest = parseManifest(text, object.key);
    cache.remember(object, text);
    const entry = entryOf(manifest, object, folder.objects);
    return { entry: ownHash(text) === "unknown" ? { ...entry, unsealed: true } : entry };
  } catch (error) {
    signal?.throwIfAborted();
    const reason = messageOf(error).replace(`The manifest ${object.key} cannot be read: `, "");
    return { unreadable: { ...incompleteOf(folder), reason } };
  }
}

async function fetchManifest(
  store: SnapshotStore,
  { key, bytes }: StoredObject,
  signal?: AbortSignal,
): Promise<string | undefined> {
  if (bytes > largestManifest)
    throw new StackError({
      code: "manifest-invalid",
      exit: "backupFailed",
      message: `The manifest ${key} cannot be read: it has ${bytes} bytes`,
      hint: "./prod.sh backup list",
    });
  return readText(store, key, signal);
}

function incompleteOf({ source, id, folder, manifest, objects }: Folder): IncompleteFolder {
  const all = manifest === undefined ? objects : [...objects, manifest];
  return { source, id, folder, objects: all, bytes: sum(all), newestAt: newest(all) };
}

function sum(objects: readonly StoredObject[]): number {
  return objects.reduce((total, { bytes }) => total + bytes, 0);
}

function newest(objects: readonly StoredObject[]): number {
  return objects.reduce((latest, { modifiedAt }) => Math.max(latest, modifiedAt), 0);
}

/** Compares what the manifest promises with what the listing shows. */
function entryOf(manifest: SnapshotManifest, object: StoredObject, parts: StoredObject[]): CatalogueEntry {
  const folder = object.key.slice(0, -manifestName.length);
  const listed = new Map(parts.map((part) => [part.key.slice(folder.length), part]));
  const problems = manifest.parts.flatMap(({ stored }) => {
    const found = listed.get(stored.name);
    if (found === undefined) return [`${stored.name} is missing`];
    if (found.bytes !== stored.bytes) return [`${stored.name} has ${found.bytes} bytes instead of ${stored.bytes}`];
    if (found.sha256 !== undefined && found.sha256 !== stored.sha256) return [`${stored.name} has another checksum`];
    return [];
  });
  return { key: object.key, manifest, bytes: sum(parts) + object.bytes, parts, problems };
}

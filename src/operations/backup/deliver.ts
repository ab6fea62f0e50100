import { readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { bytesOf, openFile } from "../../snapshots/byte-source.ts";
import type { Catalogue, CatalogueEntry } from "../../snapshots/catalogue.ts";
import {
  manifestName,
  type Part,
  printManifest,
  type SnapshotManifest,
  snapshotFolder,
} from "../../snapshots/manifest.ts";
import { plainKey } from "../../snapshots/object-key.ts";
import type { Sealer, SealState } from "../../snapshots/seal.ts";
import type { SnapshotStore } from "../../snapshots/store.ts";
import { messageOf, StackError } from "../../support/errors.ts";
import { readIfExists, writeFileAtomic } from "../../support/files.ts";
import { inParallel } from "../../support/parallel.ts";
import { formatSize } from "../../support/units.ts";
import type { Context } from "../context.ts";
import { startPace } from "../progress-pace.ts";
import { backupStateFolder, backupsFolder } from "./stores.ts";

export interface DeliveryRequest {
  store: SnapshotStore;
  /** What the local store holds. */
  local: Catalogue;
  /** What the destination holds. */
  there: Catalogue;
  sealer: Sealer;
  /** Snapshots older than this would be removed there again at once. Milliseconds. */
  keepFor: number;
}

export interface Delivered {
  snapshots: number;
  bytes: number;
  /** Ids that are not there, because something went wrong on the way. */
  missing: string[];
}

/** Snapshots that a destination lacks, oldest first, so that whatever an increment builds on is there before it. */
export function undelivered(
  { local, there, keepFor }: Omit<DeliveryRequest, "store" | "sealer">,
  now: number,
): CatalogueEntry[] {
  const present = new Set(
    there.snapshots.filter(({ problems }) => problems.length === 0).map(({ manifest }) => manifest.id),
  );
  return local.snapshots.filter(
    ({ manifest, problems }) =>
      problems.length === 0 && !present.has(manifest.id) && now - Date.parse(manifest.finishedAt) < keepFor,
  );
}

/**
 * Brings every snapshot that a destination lacks from the local store to it, encrypted on the way. After an outage this
 * makes up for all of it. Throws at the first that does not arrive: the next would not either, and what is there stays.
 */
export async function deliver(context: Context, request: DeliveryRequest): Promise<Delivered> {
  const { store, sealer } = request;
  const { directory, clock, progress, signal } = context;
  const waiting = undelivered(request, clock.now());
  const delivered: Delivered = { snapshots: 0, bytes: 0, missing: waiting.map(({ manifest }) => manifest.id) };
  const shared = await sharedThere(store, waiting, signal);
  for (const { manifest } of waiting) {
    signal.throwIfAborted();
    const objectKeys = sharedKeys(directory, manifest).filter((key) => !shared.has(key));
    const carry = carrier(context, store, manifest, objectKeys);
    const objects = await carryShared(directory, objectKeys, sealer, shared, carry);
    const { parts, bytes } = await carryParts(directory, manifest, sealer, carry);
    const encryption = manifest.encryption === "none" ? sealer.encryption : manifest.encryption;
    const key = `${snapshotFolder(manifest.source.name, manifest.id)}${manifestName}`;
    await store.put(key, bytesOf(printManifest({ ...manifest, encryption, parts })));
    forget(directory, store.name, manifest.id);
    delivered.snapshots += 1;
    delivered.bytes += objects + bytes;
    delivered.missing.shift();
    progress.update(titleOf(store, manifest), "done", formatSize(objects + bytes));
  }
  return delivered;
}

function titleOf(store: SnapshotStore, manifest: SnapshotManifest): string {
  return `${store.name} <- ${manifest.source.name}`;
}

/** Stores one file of a snapshot; `sealer` undefined where it is encrypted already. */
type Carry = (
  key: string,
  path: string,
  name: string,
  sealer: Sealer | undefined,
) => Promise<{ bytes: number; sha256: string }>;

function carrier(
  context: Context,
  store: SnapshotStore,
  manifest: SnapshotManifest,
  objectKeys: readonly string[],
): Carry {
  const { clock, directory, progress } = context;
  const sizes = [
    ...manifest.parts.map(({ stored }) => stored.bytes),
    ...objectKeys.map((key) => sizeOf(directory, key)),
  ];
  const pace = startPace(
    clock,
    sizes.reduce((sum, bytes) => sum + bytes, 0),
  );
  const arrived = new Map<string, number>();
  let all = 0;
  const onProgress = (key: string, bytes: number) => {
    all += bytes - (arrived.get(key) ?? 0);
    arrived.set(key, bytes);
    progress.update(titleOf(store, manifest), "working", pace.moved(all));
  };
  return (key, path, name, sealer) =>
    put(context, { store, sealer, key, path, name, id: manifest.id, onProgress: (bytes) => onProgress(key, bytes) });
}

function sizeOf(directory: string, key: string): number {
  return statSync(join(backupsFolder(directory), key), { throwIfNoEntry: false })?.size ?? 0;
}

/** Objects that this snapshot needs and that are not there yet; says how many bytes. */
async function carryShared(
  directory: string,
  waiting: readonly string[],
  sealer: Sealer,
  there: Set<string>,
  carry: Carry,
): Promise<number> {
  let total = 0;
  const carryOne = async (key: string) => {
    const path = join(backupsFolder(directory), key);
    total += (await carry(`${key}${sealer.suffix}`, path, key.replaceAll("/", "-"), sealer)).bytes;
    there.add(key);
  };
  const isSmall = (key: string) => sizeOf(directory, key) <= smallObject;
  await inParallel(waiting.filter(isSmall), smallAtOnce, carryOne);
  for (const key of waiting) if (!there.has(key)) await carryOne(key);
  return total;
}

/** Bytes. Small objects wait for answers, not for the line, so many go at once; the parts of a large one do so by themselves. */
const smallObject = 1024 ** 2;
const smallAtOnce = 12;

async function carryParts(directory: string, manifest: SnapshotManifest, sealer: Sealer, carry: Carry) {
  const folder = snapshotFolder(manifest.source.name, manifest.id);
  const parts: Part[] = [];
  for (const part of manifest.parts) {
    const plain = manifest.encryption === "none";
    const name = plain ? `${part.name}${sealer.suffix}` : part.stored.name;
    const path = join(backupsFolder(directory), folder, part.stored.name);
    const stored = await carry(`${folder}${name}`, path, name, plain ? sealer : undefined);
    parts.push({ ...part, stored: { name, ...stored } });
  }
  return { parts, bytes: parts.reduce((sum, { stored }) => sum + stored.bytes, 0) };
}

interface Carried {
  store: SnapshotStore;
  /** Undefined: the file is encrypted already. */
  sealer: Sealer | undefined;
  key: string;
  path: string;
  /** Of the object, unique in its snapshot. */
  name: string;
  id: string;
  onProgress(bytes: number): void;
}

/**
 * Stores one file. The key of its encryption is on this host until the whole snapshot has arrived, so that an upload that
 * was cut short goes on with the same bytes.
 */
async function put(context: Context, carried: Carried): Promise<{ bytes: number; sha256: string }> {
  const { directory, signal } = context;
  const { store, sealer, key, path, name, id, onProgress } = carried;
  const statePath = join(sealFolder(directory, store.name, id), `${name}.json`);
  const source = await openSealedFile(sealer, path, statePath, signal);
  try {
    return await store.put(key, source, { signal, onProgress });
  } finally {
    await source.close();
  }
}

async function openSealedFile(sealer: Sealer | undefined, path: string, statePath: string, signal: AbortSignal) {
  if (sealer === undefined || sealer.encryption === "none") return openFile(path);
  const earlier = readIfExists(statePath);
  try {
    const sealed = await sealer.seal(
      path,
      earlier === undefined ? undefined : (JSON.parse(earlier) as SealState),
      signal,
    );
    // It holds the key of this one file; the file itself lies beside it in plain.
    if (earlier === undefined) writeFileAtomic(statePath, JSON.stringify(sealed.state), 0o600);
    return sealed;
  } catch (error) {
    if (!(error instanceof StackError && error.code === "backup-state-stale") && !(error instanceof SyntaxError))
      throw error;
    rmSync(statePath, { force: true });
    const sealed = await sealer.seal(path, undefined, signal);
    writeFileAtomic(statePath, JSON.stringify(sealed.state), 0o600);
    return sealed;
  }
}

function sealFolder(directory: string, store: string, id: string): string {
  return join(backupStateFolder(directory), "seals", store, id);
}

function forget(directory: string, store: string, id: string): void {
  rmSync(sealFolder(directory, store, id), { recursive: true, force: true });
}

/** Keys of the objects beside its folder that a snapshot of the local store needs. */
export function sharedKeys(directory: string, manifest: SnapshotManifest): string[] {
  const { objectsPart } = manifest;
  if (objectsPart === undefined) return [];
  const path = join(backupsFolder(directory), snapshotFolder(manifest.source.name, manifest.id), objectsPart);
  try {
    return gunzipSync(readFileSync(path))
      .toString("utf8")
      .split("\n")
      .filter((key) => key !== "");
  } catch (error) {
    throw new StackError({
      code: "backup-damaged",
      exit: "backupFailed",
      message: `The list of objects of snapshot ${manifest.id} cannot be read: ${messageOf(error)}`,
      hint: `./prod.sh backup verify ${manifest.id}`,
    });
  }
}

/** Which shared objects are at the destination already, by their key without the suffix of encryption. */
async function sharedThere(store: SnapshotStore, waiting: readonly CatalogueEntry[], signal: AbortSignal) {
  const keys = new Set<string>();
  const sources = new Set(
    waiting.flatMap(({ manifest }) => (manifest.objectsPart === undefined ? [] : [manifest.source.name])),
  );
  for (const source of sources)
    for await (const { key } of store.list(`objects/${source}/`, signal)) keys.add(plainKey(key));
  return keys;
}

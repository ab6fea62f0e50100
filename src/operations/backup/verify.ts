import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import {
  type Catalogue,
  type CatalogueEntry,
  readCatalogue,
  type UnreadableSnapshot,
} from "../../snapshots/catalogue.ts";
import { printManifest, snapshotFolder } from "../../snapshots/manifest.ts";
import type { Identities } from "../../snapshots/recipients.ts";
import type { SnapshotStore } from "../../snapshots/store.ts";
import { isStoreAway } from "../../snapshots/store-errors.ts";
import { StackError } from "../../support/errors.ts";
import { formatSize } from "../../support/units.ts";
import type { Context } from "../context.ts";
import type { Journal } from "../journal.ts";
import { aloneWithBackups, journalled } from "../operation.ts";
import { identitiesFrom } from "../restore/identities.ts";
import { loadSnapshot, originsOf } from "../restore/load.ts";
import { type Chosen, chainOf } from "../restore/select.ts";
import { redactorFor } from "../secret-values.ts";
import { catalogueOf } from "./catalogue-of.ts";
import { failureOf } from "./failure.ts";
import type { AnySource, Checked } from "./kinds.ts";
import { kindOf } from "./kinds-table.ts";
import type { Failure } from "./result.ts";
import { sourcesOf } from "./run.ts";
import { changeBackupState, noteCheck } from "./state.ts";
import { backupsFolder, openStores } from "./stores.ts";
import { type VerifiedShared, verifyShared } from "./verify-shared.ts";

export interface VerifyOptions {
  /** Ids of snapshots or runs; none: the newest of each source and type. */
  ids?: readonly string[];
  all?: boolean;
  /** Restore each into a throw-away container and look at it there. */
  deep?: boolean;
  /** Only in this store. */
  on?: string;
  /** File with private keys: what is encrypted can then be looked into, not only compared with its hash. */
  key?: string;
  wait?: number;
}

/** How one snapshot in one store was found. */
export interface Verified {
  source: string;
  id: string;
  type: string;
  store: string;
  level: "hash" | "structure" | "drill";
  ok: boolean;
  details: string[];
  /** Milliseconds. */
  took: number;
  error?: Failure;
}

export interface VerifyResult {
  ok: boolean;
  snapshots: Verified[];
  /** With `all`: the log and the objects that snapshots share. */
  shared: VerifiedShared[];
  /** Stores that could not be read, or not to their end. */
  unread: { store: string; error: Failure }[];
}

/**
 * Looks at snapshots that are stored: reads every byte and compares its hash, has the server's own checker look at what
 * can be read, and with `deep` restores it into a container without network. One that is damaged stops no other.
 */
export async function runVerify(context: Context, options: VerifyOptions = {}): Promise<VerifyResult> {
  const stores = openStores(context, options.on === undefined ? [] : [options.on]);
  const identities = identitiesFrom(options.key);
  return aloneWithBackups(context, "backup verify", options.wait, () =>
    journalled(context, "verify", async (journal) => {
      const result: VerifyResult = { ok: true, snapshots: [], shared: [], unread: [] };
      for (const store of stores) {
        try {
          await verifyStore(context, journal, { store, stores, identities }, options, result);
        } catch (error) {
          context.signal.throwIfAborted();
          const failure = failureOf(error, redactorFor(context.directory, context.model));
          result.unread.push({ store: store.name, error: failure });
          context.progress.update(store.name, "failed", failure.message);
        }
      }
      const { snapshots, shared, unread } = result;
      if (snapshots.length === 0 && unread.length === 0) throw nothingFound(options);
      const sound = snapshots.every(({ ok }) => ok) && shared.every(({ damaged }) => damaged.length === 0);
      return { ...result, ok: sound && unread.length === 0 };
    }),
  );
}

/** Adds what is found in one store to the result as it is found: a store that fails later loses nothing of it. */
async function verifyStore(
  context: Context,
  journal: Journal,
  where: Pick<VerifyRequest, "store" | "stores" | "identities">,
  options: VerifyOptions,
  result: VerifyResult,
): Promise<void> {
  const { store } = where;
  const catalogue = await readAfresh(context, store);
  for (const entry of chosenOf(catalogue, options)) {
    context.signal.throwIfAborted();
    const request = { ...where, catalogue, entry, deep: options.deep === true };
    result.snapshots.push(await verifyOne(context, journal, request));
  }
  result.snapshots.push(...catalogue.unreadable.filter(isWanted(options)).map((entry) => unreadable(store, entry)));
  if (options.all) result.shared.push(await verifyShared(context, store));
}

/**
 * What is in the store, not what is remembered of it: a bit that turns on a disk changes neither the length nor the time
 * of a manifest. Where both are the same and the text is not, that is damage.
 */
async function readAfresh(context: Context, store: SnapshotStore): Promise<Catalogue> {
  const remembered = await catalogueOf(context, store);
  const texts = new Map(remembered.snapshots.map(({ key, manifest }) => [key, printManifest(manifest)]));
  const found = await readCatalogue(store, { signal: context.signal });
  const isAsBefore = ({ key, manifest }: CatalogueEntry) =>
    (texts.get(key) ?? printManifest(manifest)) === printManifest(manifest);
  return {
    ...found,
    snapshots: found.snapshots.map((entry) =>
      isAsBefore(entry) ? entry : { ...entry, problems: [...entry.problems, "its manifest is not what was stored"] },
    ),
  };
}

function isWanted({ ids = [] }: VerifyOptions): (entry: UnreadableSnapshot) => boolean {
  return ({ id }) => ids.length === 0 || ids.includes(id);
}

/** Nobody can say any more what the snapshot was. */
function unreadable({ name }: SnapshotStore, { source, id, reason }: UnreadableSnapshot): Verified {
  const { code, message, hint } = damaged(id, name, `its manifest cannot be read: ${reason}`);
  const error = { code, message, ...(hint !== undefined && { hint }) };
  return { source, id, type: "unknown", store: name, level: "hash", ok: false, details: [], took: 0, error };
}

function chosenOf({ snapshots }: Catalogue, { ids = [], all = false }: VerifyOptions): CatalogueEntry[] {
  if (all) return snapshots;
  if (ids.length > 0)
    return snapshots.filter(({ manifest }) => ids.includes(manifest.id) || ids.includes(manifest.run));
  const newest = new Map(snapshots.map((entry) => [`${entry.manifest.source.name} ${entry.manifest.type}`, entry]));
  return [...newest.values()];
}

interface VerifyRequest {
  store: SnapshotStore;
  stores: readonly SnapshotStore[];
  catalogue: Catalogue;
  entry: CatalogueEntry;
  identities: Identities;
  deep: boolean;
}

async function verifyOne(context: Context, journal: Journal, request: VerifyRequest): Promise<Verified> {
  const { store, entry, deep } = request;
  const { manifest } = entry;
  const { clock, directory, model, progress, signal } = context;
  const began = clock.now();
  const title = `${manifest.source.name} ${manifest.id} in ${store.name}`;
  const found: Verified = {
    source: manifest.source.name,
    id: manifest.id,
    type: manifest.type,
    store: store.name,
    level: "hash",
    ok: false,
    details: [],
    took: 0,
  };
  progress.update(title, "working", "reading");
  try {
    found.details.push(await compareHashes(store, entry, signal));
    if (entry.unsealed) found.details.push("its manifest has no hash of its own: an earlier version wrote it");
    const source = sourcesOf(context).find(({ name }) => name === manifest.source.name);
    const readable = store.offHost
      ? request.identities.age.length + request.identities.gpg.length > 0 || manifest.encryption === "none"
      : manifest.encryption === "none";
    if (source !== undefined && source.kind !== "stack" && readable)
      await lookInside(context, journal, request, source, found);
    found.ok = true;
  } catch (error) {
    signal.throwIfAborted();
    if (isStoreAway(error)) throw error;
    found.error = failureOf(error, redactorFor(directory, model));
  }
  found.took = clock.now() - began;
  const at = new Date(clock.now()).toISOString();
  const detail = found.error?.message ?? found.details.at(-1) ?? "";
  changeBackupState(directory, (state) => {
    noteCheck(state, store.name, `${manifest.source.name}/${manifest.id}`, {
      level: found.level,
      at,
      ok: found.ok,
      detail,
    });
    if (found.level === "drill" || (deep && !found.ok))
      state.drills[manifest.source.name] = {
        at: clock.now(),
        ok: found.ok,
        snapshot: manifest.id,
        took: found.took,
        detail,
      };
  });
  progress.update(title, found.ok ? "done" : "failed", detail);
  return found;
}

/** Reads every stored byte of a snapshot and compares length and hash with its manifest. */
async function compareHashes(
  store: SnapshotStore,
  { manifest, problems }: CatalogueEntry,
  signal: AbortSignal,
): Promise<string> {
  const [problem] = problems;
  if (problem !== undefined) throw damaged(manifest.id, store.name, problem);
  let total = 0;
  for (const { stored } of manifest.parts) {
    const hash = createHash("sha256");
    let bytes = 0;
    const content = await store.get(
      `${snapshotFolder(manifest.source.name, manifest.id)}${stored.name}`,
      undefined,
      signal,
    );
    await pipeline(content, async (pieces: AsyncIterable<Buffer>) => {
      for await (const piece of pieces) {
        hash.update(piece);
        bytes += piece.length;
      }
    });
    if (bytes !== stored.bytes)
      throw damaged(manifest.id, store.name, `${stored.name} has ${bytes} of ${stored.bytes} bytes`);
    if (hash.digest("hex") !== stored.sha256)
      throw damaged(manifest.id, store.name, `${stored.name} is not what was stored`);
    total += bytes;
  }
  return `${formatSize(total)} have the hash of the manifest`;
}

/** The archive's or the server's own checker, and for `deep` a restore on trial. */
async function lookInside(
  context: Context,
  journal: Journal,
  request: VerifyRequest,
  source: Exclude<AnySource, { kind: "stack" }>,
  found: Verified,
): Promise<void> {
  const { store, stores, catalogue, entry, identities, deep } = request;
  const chain = chainOf(
    entry,
    catalogue.snapshots.filter(({ manifest }) => manifest.source.name === source.name),
  );
  if (chain === undefined) throw damaged(entry.manifest.id, store.name, "something that it builds on is missing");
  if (!deep) {
    if (store.offHost) return;
    const folders = chain.map(({ manifest }) => ({
      manifest,
      folder: join(backupsFolder(context.directory), snapshotFolder(manifest.source.name, manifest.id)),
    }));
    note(found, "structure", [await kindOf(source).check({ context, source, chain: folders })]);
    return;
  }
  const chosen: Chosen = { source, entry, chain, store: store.name };
  const id = randomBytes(3).toString("hex");
  const loaded = await loadSnapshot(context, journal, {
    chosen,
    source,
    id,
    origins: originsOf(stores, identities),
    depth: "deep",
    purpose: "drill",
  });
  await loaded.discard();
  note(found, "drill", loaded.checks);
}

function note(found: Verified, level: Verified["level"], checks: readonly Checked[]): void {
  found.level = level;
  found.details.push(...checks.map(({ detail }) => detail));
  const bad = checks.find(({ ok }) => !ok);
  if (bad !== undefined) throw damaged(found.id, found.store, bad.detail);
}

function damaged(id: string, store: string, what: string): StackError {
  return new StackError({
    code: "backup-damaged",
    exit: "backupFailed",
    message: `Snapshot ${id} in ${store} is damaged: ${what}`,
    hint: "make a new one now: ./prod.sh backup run",
  });
}

function nothingFound({ ids = [] }: VerifyOptions): StackError {
  return new StackError({
    code: "no-snapshots",
    exit: "invalidInput",
    message: ids.length > 0 ? `There is no snapshot or run ${ids.join(", ")}` : "There are no backups yet",
    hint: ids.length > 0 ? "./prod.sh backup list" : "./prod.sh backup run",
  });
}

import {
  type Catalogue,
  type CatalogueEntry,
  readCatalogue,
  type UnreadableSnapshot,
} from "../../snapshots/catalogue.ts";
import { printManifest } from "../../snapshots/manifest.ts";
import type { SnapshotStore } from "../../snapshots/store.ts";
import { StackError } from "../../support/errors.ts";
import type { Context } from "../context.ts";
import type { Journal } from "../journal.ts";
import { aloneWithBackups, journalled } from "../operation.ts";
import { identitiesFrom } from "../restore/identities.ts";
import { redactorFor } from "../secret-values.ts";
import { catalogueOf } from "./catalogue-of.ts";
import { failureOf } from "./failure.ts";
import type { Failure } from "./result.ts";
import { openStores } from "./stores.ts";
import { damaged, type Verified, type VerifyRequest, verifyOne } from "./verify-one.ts";
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

export interface VerifyResult {
  ok: boolean;
  snapshots: Verified[];
  /** With `all`: the log and the objects that snapshots share. */
  shared: VerifiedShared[];
  /** Of `snapshots` those that were to be looked into and could not be opened. A key that opens nothing is no success. */
  unopened: number;
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
      const result: VerifyResult = { ok: true, snapshots: [], shared: [], unopened: 0, unread: [] };
      const catalogues = new Map<SnapshotStore, Catalogue>();
      await eachReadable(context, stores, result, async (store) => {
        catalogues.set(store, await readAfresh(context, store));
      });
      if (result.unread.length === 0) refuseUnknown(options, [...catalogues.values()]);
      await eachReadable(context, [...catalogues.keys()], result, async (store) => {
        const catalogue = catalogues.get(store);
        if (catalogue !== undefined)
          await verifyStore(context, journal, { store, stores, identities, catalogue }, options, result);
      });
      const { snapshots, shared, unread } = result;
      if (snapshots.length === 0 && unread.length === 0) throw nothingFound([]);
      const unopened = snapshots.filter((found) => found.unopened !== undefined).length;
      // Without a key the copies elsewhere are read, and those here are looked into.
      const looked = options.key === undefined && snapshots.some(({ level }) => level === "drill");
      const sound = snapshots.every(({ ok }) => ok) && shared.every(({ damaged }) => damaged.length === 0);
      return { ...result, unopened, ok: sound && unread.length === 0 && (unopened === 0 || looked) };
    }),
  );
}

/** Asks each store; one that fails stops no other. */
async function eachReadable(
  context: Context,
  stores: readonly SnapshotStore[],
  result: VerifyResult,
  look: (store: SnapshotStore) => Promise<void>,
): Promise<void> {
  for (const store of stores) {
    try {
      await look(store);
    } catch (error) {
      context.signal.throwIfAborted();
      const failure = failureOf(error, redactorFor(context.directory, context.model));
      result.unread.push({ store: store.name, error: failure });
      context.progress.update(store.name, "failed", failure.message);
    }
  }
}

/** An id with a typing mistake is no snapshot that is sound. */
function refuseUnknown({ ids = [] }: VerifyOptions, catalogues: readonly Catalogue[]): void {
  const known = new Set(
    catalogues.flatMap(({ snapshots, unreadable }) => [
      ...snapshots.flatMap(({ manifest }) => [manifest.id, manifest.run]),
      ...unreadable.map(({ id }) => id),
    ]),
  );
  const missing = ids.filter((id) => !known.has(id));
  if (missing.length > 0) throw nothingFound(missing);
}

/** Adds what is found in one store to the result as it is found: a store that fails later loses nothing of it. */
async function verifyStore(
  context: Context,
  journal: Journal,
  where: Omit<VerifyRequest, "entry" | "deep">,
  options: VerifyOptions,
  result: VerifyResult,
): Promise<void> {
  const { store, catalogue } = where;
  for (const entry of chosenOf(catalogue, options)) {
    context.signal.throwIfAborted();
    const request = { ...where, entry, deep: options.deep === true };
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

function nothingFound(ids: readonly string[]): StackError {
  return new StackError({
    code: "no-snapshots",
    exit: "invalidInput",
    message: ids.length > 0 ? `There is no snapshot or run ${ids.join(", ")}` : "There are no backups yet",
    hint: ids.length > 0 ? "./prod.sh backup list" : "./prod.sh backup run",
  });
}

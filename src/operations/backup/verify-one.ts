import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Catalogue, CatalogueEntry } from "../../snapshots/catalogue.ts";
import { snapshotFolder } from "../../snapshots/manifest.ts";
import type { Identities } from "../../snapshots/recipients.ts";
import type { SnapshotStore } from "../../snapshots/store.ts";
import { isStoreAway } from "../../snapshots/store-errors.ts";
import { StackError } from "../../support/errors.ts";
import { formatSize } from "../../support/units.ts";
import type { Context } from "../context.ts";
import type { Journal } from "../journal.ts";
import { startPace } from "../progress-pace.ts";
import { loadSnapshot, originsOf } from "../restore/load.ts";
import { type Chosen, chainOf } from "../restore/select.ts";
import { redactorFor } from "../secret-values.ts";
import { failureOf } from "./failure.ts";
import type { AnySource, Checked } from "./kinds.ts";
import { kindOf } from "./kinds-table.ts";
import type { Failure } from "./result.ts";
import { sourcesOf } from "./run.ts";
import { changeBackupState, noteCheck } from "./state.ts";
import { backupsFolder } from "./stores.ts";

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
  /** Why it was not looked into, though that was asked: it is encrypted, and no key that was given opens it. */
  unopened?: string;
}

/** One snapshot in one store, and what it may be opened with. */
export interface VerifyRequest {
  store: SnapshotStore;
  stores: readonly SnapshotStore[];
  catalogue: Catalogue;
  entry: CatalogueEntry;
  identities: Identities;
  deep: boolean;
}

/** Looks at one snapshot and remembers what was found. What is wrong with it is in the result. */
export async function verifyOne(context: Context, journal: Journal, request: VerifyRequest): Promise<Verified> {
  const { store, entry } = request;
  const { id, type, source } = entry.manifest;
  const { clock, directory, model, progress, signal } = context;
  const began = clock.now();
  const title = `${source.name} ${id} in ${store.name}`;
  const found: Verified = {
    source: source.name,
    id,
    type,
    store: store.name,
    level: "hash",
    ok: true,
    details: [],
    took: 0,
  };
  progress.update(title, "working", "reading");
  try {
    await look(context, journal, request, found, (text) => progress.update(title, "working", text));
  } catch (error) {
    signal.throwIfAborted();
    if (isStoreAway(error)) throw error;
    // Somebody else's key says nothing of the copy, whose bytes are those that were stored.
    if (error instanceof StackError && error.exit === "secret") found.unopened = error.message;
    else {
      found.ok = false;
      found.error = failureOf(error, redactorFor(directory, model));
    }
  }
  found.took = clock.now() - began;
  const detail = found.error?.message ?? found.details.at(-1) ?? "";
  remember(context, request, found, detail);
  progress.update(title, found.ok ? "done" : "failed", found.unopened ?? detail);
  return found;
}

async function look(
  context: Context,
  journal: Journal,
  request: VerifyRequest,
  found: Verified,
  tell: (text: string) => void,
): Promise<void> {
  const { store, entry, deep, identities } = request;
  const { manifest } = entry;
  const pace = startPace(
    context.clock,
    manifest.parts.reduce((sum, { stored }) => sum + stored.bytes, 0),
  );
  const onRead = (bytes: number) => tell(`reading ${pace.moved(bytes)}`);
  found.details.push(await compareHashes(store, entry, context.signal, onRead));
  if (entry.unsealed) found.details.push("its manifest has no hash of its own: an earlier version wrote it");
  const source = sourcesOf(context).find(({ name }) => name === manifest.source.name);
  if (source === undefined || source.kind === "stack") return;
  const hasKey = identities.age.length + identities.gpg.length > 0;
  if (manifest.encryption === "none" || (store.offHost && hasKey))
    await lookInside(context, journal, request, source, found);
  else if (deep) found.unopened = "it is encrypted and no private key was given";
}

function remember(
  { clock, directory }: Context,
  { store, deep }: VerifyRequest,
  { source, id, level, ok, took }: Verified,
  detail: string,
): void {
  const now = clock.now();
  changeBackupState(directory, (state) => {
    noteCheck(state, store.name, `${source}/${id}`, { level, at: new Date(now).toISOString(), ok, detail });
    if (level === "drill" || (deep && !ok)) state.drills[source] = { at: now, ok, snapshot: id, took, detail };
  });
}

/** Reads every stored byte of a snapshot and compares length and hash with its manifest. */
async function compareHashes(
  store: SnapshotStore,
  { manifest, problems }: CatalogueEntry,
  signal: AbortSignal,
  onRead: (bytes: number) => void,
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
        onRead(total + bytes);
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

/** What is stored is not what was written. */
export function damaged(id: string, store: string, what: string): StackError {
  return new StackError({
    code: "backup-damaged",
    exit: "backupFailed",
    message: `Snapshot ${id} in ${store} is damaged: ${what}`,
    hint: "make a new one now: ./prod.sh backup run",
  });
}

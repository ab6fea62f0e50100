import { randomBytes } from "node:crypto";
import type { Catalogue } from "../../snapshots/catalogue.ts";
import { snapshotId } from "../../snapshots/manifest.ts";
import type { SnapshotStore } from "../../snapshots/store.ts";
import { isDiskFull } from "../../support/disk.ts";
import { StackError } from "../../support/errors.ts";
import { keepMemorySmall } from "../../support/memory.ts";
import { formatSize } from "../../support/units.ts";
import type { Context } from "../context.ts";
import { despiteEngineLoss } from "../engine-loss.ts";
import type { Journal } from "../journal.ts";
import { aloneWithBackups, journalled } from "../operation.ts";
import { redactorFor } from "../secret-values.ts";
import { catalogueOf } from "./catalogue-of.ts";
import { deliver, undelivered } from "./deliver.ts";
import { failureOf } from "./failure.ts";
import { readConfirmed } from "./keygen.ts";
import { stackSource } from "./kind-stack.ts";
import type { AnySource, Lane } from "./kinds.ts";
import { kindOf } from "./kinds-table.ts";
import { unknownSource } from "./kinds-unknown.ts";
import { healedByBase, shipLogs } from "./log.ts";
import { noteRun } from "./note-run.ts";
import { keepReserve } from "./prune-reserve.ts";
import { reportRun } from "./report.ts";
import type { DeliveryResult, RunResult, SourceResult } from "./result.ts";
import { sealerOf } from "./sealer.ts";
import { makeSnapshot } from "./snapshot.ts";
import { openStores } from "./stores.ts";

export interface BackupOptions {
  /** Default: full. */
  lane?: Lane;
  /** Only these sources. */
  only?: readonly string[];
  /** Only to these destinations; the local store is always written. */
  to?: readonly string[];
  /** Milliseconds to wait for another backup. */
  wait?: number;
  /** Version of create-stack, for the manifest. */
  version: string;
}

/** Sources of the stack, or those that are named. */
export function sourcesOf({ model }: Pick<Context, "model">, only: readonly string[] = []): AnySource[] {
  const all: AnySource[] = [stackSource, ...model.dataSources];
  const names = all.map(({ name }) => name);
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) throw unknownSource(unknown, names);
  return all.filter(({ name }) => only.length === 0 || only.includes(name));
}

/**
 * Copies sources into the local store and then to every destination. One that fails stops no other: how each went is in
 * the result. Rejects only where nothing could be tried.
 */
export async function runBackup(context: Context, options: BackupOptions): Promise<RunResult> {
  const sources = sourcesOf(context, options.only);
  const stores = storesFor(context, options.to ?? []);
  const done = await aloneWithBackups(context, "backup run", options.wait, () =>
    journalled(context, "backup", (journal) =>
      despiteEngineLoss(context, journal, lostEngine, () => copyAndDeliver(context, journal, sources, stores, options)),
    ),
  );
  // Nobody has to wait for those who are told.
  return { ...done, notes: [...done.notes, ...(await reportRun(context, done))] };
}

function lostEngine({ sources }: RunResult): boolean {
  return sources.some(({ error }) => error?.code === "engine-unreachable");
}

async function copyAndDeliver(
  context: Context,
  journal: Journal,
  sources: readonly AnySource[],
  [local, ...remote]: [SnapshotStore, ...SnapshotStore[]],
  { lane = "full", version }: BackupOptions,
): Promise<RunResult> {
  const { clock, directory, progress } = context;
  keepMemorySmall();
  // Before the copies that may fill the disk.
  keepReserve(directory);
  const startedAt = clock.now();
  const run = snapshotId(startedAt, randomBytes(3).toString("hex"));
  const result: RunResult = { run, lane, startedAt, finishedAt: startedAt, sources: [], deliveries: [], notes: [] };
  const catalogue = await catalogueOf(context, local);
  progress.phase(`Copying ${sources.length === 1 ? "1 source" : `${sources.length} sources`} (${lane})`);
  const copy = (source: AnySource, wanted: Lane) =>
    copySource(context, journal, { source, lane: wanted, run, local, catalogue, version });
  for (const source of sources) result.sources.push(...(await copy(source, lane)));
  result.sources.push(...(await withLogs(context, sources, lane, copy)));
  result.deliveries = await deliverAll(context, local, remote);
  result.notes.push(...unconfirmedKeys(context));
  result.finishedAt = clock.now();
  remember(directory, result);
  return result;
}

/** A full disk must not keep the result from those who are to be told of it. */
function remember(directory: string, result: RunResult): void {
  try {
    noteRun(directory, result);
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    result.notes.push("how it went could not be remembered: the disk is full");
  }
}

/** Copies for a private key that nobody has may be copies that nobody can read. */
function unconfirmedKeys({ directory, model }: Context): string[] {
  const { encrypt } = model.backup;
  if (encrypt.kind !== "age") return [];
  const confirmed = readConfirmed(directory);
  if (encrypt.recipients.some((recipient) => confirmed.has(recipient))) return [];
  return [
    "nobody has shown yet to have a private key that opens these backups: ./prod.sh backup keygen --confirm FILE, with the file in which it was saved",
  ];
}

/**
 * A copy of a database server is worth most with the log that follows it. Where that log has a hole or begins nowhere,
 * a new base is made at once. Another call that ships the log right now is as good.
 */
async function withLogs(
  context: Context,
  sources: readonly AnySource[],
  lane: Lane,
  copy: (source: AnySource, lane: Lane) => Promise<SourceResult[]>,
): Promise<SourceResult[]> {
  const servers = sources.filter(({ kind }) => kind === "postgres");
  if (servers.length === 0) return [];
  try {
    const shipped = await shipLogs(context, { only: servers.map(({ name }) => name), wait: 10_000 });
    if (shipped === undefined) return [];
    let results = shipped.sources;
    for (const { source: name, reason } of lane === "full" ? [] : shipped.basesWanted) {
      context.progress.line(`A new base of ${name} is due: ${reason}`);
      const source = servers.find((one) => one.name === name);
      if (source !== undefined) results = withNewBase(name, results, await copy(source, "full"));
    }
    return results;
  } catch (error) {
    if (error instanceof StackError && error.code === "locked") return [];
    context.signal.throwIfAborted();
    // What was copied is still to be delivered and told of.
    const failure = failureOf(error, redactorFor(context.directory, context.model));
    return servers.map(({ name }) => ({
      source: name,
      type: "log",
      outcome: "failed",
      took: 0,
      checks: [],
      warnings: [],
      error: failure,
    }));
  }
}

/** What is known of the logs, once a new base of one server was made: one that is whole puts right what its log lacked. */
function withNewBase(name: string, results: readonly SourceResult[], made: readonly SourceResult[]): SourceResult[] {
  const isWhole = made.length > 0 && made.every(({ outcome }) => outcome === "ok");
  return [...results.map((result) => (isWhole && result.source === name ? healedByBase(result) : result)), ...made];
}

/** The local store first; destinations only those that were named, where any was. */
function storesFor(context: Context, to: readonly string[]): [SnapshotStore, ...SnapshotStore[]] {
  const [local, ...remote] = openStores(context);
  if (local === undefined) throw new Error("there is always a local store");
  if (to.length > 0) openStores(context, to);
  return [local, ...remote.filter(({ name }) => to.length === 0 || to.includes(name))];
}

interface CopyRequest {
  source: AnySource;
  lane: Lane;
  run: string;
  local: SnapshotStore;
  catalogue: Catalogue;
  version: string;
}

/** Makes what this lane wants of one source. A failure is a result, unless the user has interrupted. */
async function copySource(context: Context, journal: Journal, request: CopyRequest): Promise<SourceResult[]> {
  const { source, lane, catalogue } = request;
  const { clock, progress, signal } = context;
  const kind = kindOf(source);
  const earlier = catalogue.snapshots
    .filter(({ manifest }) => manifest.source.name === source.name)
    .map(({ manifest }) => manifest);
  const results: SourceResult[] = [];
  for (const type of kind.plan(lane, source, earlier)) {
    const began = clock.now();
    const base = { source: source.name, type, checks: [], warnings: [] };
    try {
      const { manifest, checks } = await makeSnapshot(context, journal, { ...request, kind, type });
      const bytes = manifest.parts.reduce((sum, { stored }) => sum + stored.bytes, 0);
      const took = clock.now() - began;
      progress.update(source.name, "done", `${type}, ${formatSize(bytes)}`);
      results.push({ ...base, outcome: "ok", id: manifest.id, bytes, took, checks, warnings: manifest.warnings });
    } catch (error) {
      signal.throwIfAborted();
      const failure = failureOf(error, redactorFor(context.directory, context.model));
      progress.update(source.name, "failed", failure.message);
      results.push({ ...base, outcome: "failed", took: clock.now() - began, error: failure });
    }
  }
  return results;
}

/** Brings to each destination what it lacks. One that does not answer keeps no other from getting its copies. */
export async function deliverAll(
  context: Context,
  local: SnapshotStore,
  remote: readonly SnapshotStore[],
): Promise<DeliveryResult[]> {
  if (remote.length === 0) return [];
  const { model, clock, progress, signal } = context;
  progress.phase(`Delivering to ${remote.map(({ name }) => name).join(", ")}`);
  const catalogue = await catalogueOf(context, local);
  const sealer = sealerOf(context);
  const results: DeliveryResult[] = [];
  for (const store of remote) {
    const began = clock.now();
    const destination = model.backup.destinations.find(({ name }) => name === store.name);
    const keepFor = destination?.keep ?? model.backup.keep.remote;
    const base = { destination: store.name, snapshots: 0, bytes: 0 };
    try {
      const request = { store, local: catalogue, there: await catalogueOf(context, store), sealer, keepFor };
      const { snapshots, bytes, missing } = await deliver(context, request);
      results.push({ ...base, outcome: "ok", snapshots, bytes, took: clock.now() - began, missing: missing.length });
    } catch (error) {
      signal.throwIfAborted();
      const failure = failureOf(error, redactorFor(context.directory, model));
      progress.update(store.name, "failed", failure.message);
      const missing = await missingAt(context, store, catalogue, keepFor);
      results.push({ ...base, outcome: "failed", took: clock.now() - began, missing, error: failure });
    }
  }
  return results;
}

/** How many snapshots a destination lacks; all of them where it cannot be asked. */
async function missingAt(context: Context, store: SnapshotStore, local: Catalogue, keepFor: number): Promise<number> {
  const there = await catalogueOf(context, store).catch(() => undefined);
  if (there === undefined) return local.snapshots.length;
  return undelivered({ local, there, keepFor }, context.clock.now()).length;
}

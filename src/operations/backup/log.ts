import { randomBytes } from "node:crypto";
import { snapshotId } from "../../snapshots/manifest.ts";
import type { SnapshotStore } from "../../snapshots/store.ts";
import type { DataSourceOf } from "../../stack/data-source.ts";
import { isDiskFull } from "../../support/disk.ts";
import { formatSize } from "../../support/units.ts";
import type { Context } from "../context.ts";
import { withLock } from "../lock.ts";
import { redactorFor } from "../secret-values.ts";
import { catalogueOf } from "./catalogue-of.ts";
import { failureOf } from "./failure.ts";
import type { Failure, RunResult, SourceResult } from "./result.ts";
import { sealerOf } from "./sealer.ts";
import { type BackupState, changeBackupState, noteSourceRun } from "./state.ts";
import { openStores } from "./stores.ts";
import { shipWal, type WalReport } from "./wal-ship.ts";

type PostgresSource = DataSourceOf<"postgres">;

export interface LogOptions {
  /** Only these sources. */
  only?: readonly string[];
  /** Milliseconds to wait for another call that ships the log. */
  wait?: number;
}

/** What shipping came to, and of which sources there should be a new base at once, with the reason. */
export interface LogResult extends RunResult {
  basesWanted: { source: string; reason: string }[];
}

/**
 * Ships what database servers have logged since: the last minute of data. Under a lock of its own, so that a long copy
 * does not keep it waiting. Undefined where no source keeps a log.
 */
export async function shipLogs(context: Context, options: LogOptions = {}): Promise<LogResult | undefined> {
  const { model, clock } = context;
  const { only = [], wait } = options;
  const sources = model.dataSources.filter(
    (source): source is PostgresSource =>
      source.kind === "postgres" && (only.length === 0 || only.includes(source.name)),
  );
  if (sources.length === 0) return undefined;
  const lock = { command: "shipping the log", file: "log.lock", ...(wait !== undefined && { wait }) };
  return withLock(context, lock, async () => {
    const startedAt = clock.now();
    const [local, ...remote] = openStores(context);
    if (local === undefined) throw new Error("there is always a local store");
    const result: LogResult = {
      run: snapshotId(startedAt, randomBytes(3).toString("hex")),
      lane: "log",
      startedAt,
      finishedAt: startedAt,
      sources: [],
      deliveries: [],
      notes: [],
      basesWanted: [],
    };
    for (const source of sources) {
      const shipped = await shipOne(context, source, local, remote);
      result.sources.push(shipped.result);
      if (shipped.baseWanted !== undefined)
        result.basesWanted.push({ source: source.name, reason: shipped.baseWanted });
    }
    result.finishedAt = clock.now();
    return result;
  });
}

async function shipOne(
  context: Context,
  source: PostgresSource,
  local: SnapshotStore,
  remote: readonly SnapshotStore[],
): Promise<{ result: SourceResult; baseWanted?: string }> {
  const { clock, directory, model, signal } = context;
  const began = clock.now();
  const base: Pick<SourceResult, "source" | "type" | "checks"> = { source: source.name, type: "log", checks: [] };
  try {
    const sealer = sealerOf(context);
    const { snapshots } = await catalogueOf(context, local);
    const bases = snapshots
      .filter(
        ({ manifest, problems }) =>
          manifest.source.name === source.name && manifest.type === "base" && problems.length === 0,
      )
      .map(({ manifest }) => manifest);
    const report = await shipWal(context, source, {
      local,
      destinations: remote.map((store) => ({ store, sealer })),
      bases,
    });
    const failure = whatFailed(report);
    const unnoted = note(directory, (state) => {
      noteShipment(state, source, report.at, failure?.message);
      if (report.changes !== undefined) state.changes[source.name] = report.changes;
    });
    const bytes = report.stores.reduce((sum, store) => sum + store.bytes, 0);
    const result: SourceResult = {
      ...base,
      outcome: failure === undefined ? "ok" : "failed",
      bytes,
      took: clock.now() - began,
      warnings: [...report.problems.filter((problem) => problem !== failure?.message), ...unnoted],
      ...(failure !== undefined && { error: { ...failure, hint: "./prod.sh backup status" } }),
    };
    return { result, ...(report.baseWanted !== undefined && { baseWanted: report.baseWanted }) };
  } catch (error) {
    signal.throwIfAborted();
    const failure = failureOf(error, redactorFor(directory, model));
    const warnings = note(directory, (state) => noteShipment(state, source, clock.now(), failure.message));
    return { result: { ...base, outcome: "failed", took: clock.now() - began, warnings, error: failure } };
  }
}

/** A full disk keeps neither the other sources from being shipped nor the result from those who are to be told of it. */
function note(directory: string, change: (state: BackupState) => void): string[] {
  try {
    changeBackupState(directory, change);
    return [];
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    return ["how it went could not be remembered: the disk is full"];
  }
}

function noteShipment(state: BackupState, { name }: PostgresSource, at: number, failure: string | undefined): void {
  noteSourceRun(state, name, "log", at, failure === undefined ? { ok: true } : { ok: false, message: failure });
}

/** The code of the one failure of a log that a new base puts right. */
const holeCode = "log-has-hole";

/** The log of a source with a new base: what was missing from the log before is a warning now, and no failure any more. */
export function healedByBase(result: SourceResult): SourceResult {
  const { error, ...rest } = result;
  if (error?.code !== holeCode) return result;
  return { ...rest, outcome: "ok", warnings: [error.message, ...rest.warnings] };
}

/** The first thing that keeps the log from being safe; what is only odd is a warning. */
function whatFailed({
  source,
  stores,
  spool,
  holes,
  archiver,
}: WalReport): Pick<Failure, "code" | "message"> | undefined {
  const failed = (message: string) => ({ code: "log-not-shipped", message });
  const broken = stores.find(({ error }) => error !== undefined);
  if (broken !== undefined) return failed(`the log does not reach ${broken.store}: ${broken.error}`);
  if (spool.level === "critical") return failed(`the disk of the log is full: ${formatSize(spool.bytes)} wait in it`);
  const { lastFailed, lastFailedAt = 0, lastArchivedAt = 0 } = archiver ?? {};
  if (lastFailedAt > lastArchivedAt)
    return failed(`${source} cannot archive ${lastFailed ?? "its log"}: ./prod.sh logs ${source}`);
  const [hole] = holes;
  if (hole === undefined) return undefined;
  const message = `the log of ${source} is missing from ${hole.from} to ${hole.to}: no moment after ${new Date(hole.since).toISOString()} can be restored until there is a new base`;
  return { code: holeCode, message };
}

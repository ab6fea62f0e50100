import { rmSync } from "node:fs";
import { join } from "node:path";
import type { SnapshotManifest } from "../../snapshots/manifest.ts";
import type { SnapshotStore } from "../../snapshots/store.ts";
import { baseWal, needsWal, type WalObject, walObject } from "../../snapshots/wal-chain.ts";
import { diskSpace } from "../../support/disk.ts";
import type { Context } from "../context.ts";
import type { PostgresSource } from "./postgres-base.ts";
import { type ArchiverState, archivedUntil, archiverProblems, askArchiver } from "./wal-archiver.ts";
import { deliverWal, type WalDelivery, type WalDestination } from "./wal-deliver.ts";
import { readWalMemory, writeWalMemory } from "./wal-memory.ts";
import {
  holesAfter,
  newestAt,
  newestBase,
  newestSystem,
  spoolLevel,
  type WalAtStore,
  type WalReport,
  whyBase,
} from "./wal-report.ts";
import { emptySpool, readSpool, type Spool } from "./wal-spool.ts";

export type { WalDestination } from "./wal-deliver.ts";
export type { WalReport } from "./wal-report.ts";

export interface ShipOptions {
  local: SnapshotStore;
  destinations: readonly WalDestination[];
  /** Base backups of the source in the local store, whole ones. */
  bases: readonly SnapshotManifest[];
  /** Uploads to one destination at the same time. Default 4. */
  concurrency?: number;
}

/**
 * Ships what the server has put into its spool: into the local store, then to every destination that lacks it. Postgres
 * only ever waits for its own disk, so a destination may be away for as long as that has room, and afterwards nothing is
 * missing. One that fails stops no other. Nothing is removed here but what was moved. Safe to be killed at any moment.
 * Call it under the backup lock; rejects only where the local store cannot be written.
 */
export async function shipWal(context: Context, source: PostgresSource, options: ShipOptions): Promise<WalReport> {
  const { directory, clock } = context;
  // Asked before the spool is read: what the server says is archived then lies there.
  const archiver = await askArchiver(context, source);
  const folder = join(directory, source.spool);
  const spool = readSpool(folder, clock.now());
  const { moved, conflicts } = await emptySpool(context, source, options.local, spool);
  const wal = await logOf(context, source, options.local);
  const deliveries = await deliverAll(context, source, options, wal);
  const report = reportOf(context, source, { options, archiver, spool, conflicts, wal, deliveries });
  forgetSeen(spool, wal);
  return { ...report, moved };
}

async function logOf({ signal }: Context, { name }: PostgresSource, local: SnapshotStore): Promise<WalObject[]> {
  const found: WalObject[] = [];
  for await (const object of local.list(`wal/${name}/`, signal)) {
    const wal = walObject(object);
    if (wal !== undefined) found.push(wal);
  }
  return found;
}

/** All destinations at the same time: one that hangs keeps no other waiting. */
async function deliverAll(
  context: Context,
  source: PostgresSource,
  { destinations, bases, concurrency = 4 }: ShipOptions,
  wal: readonly WalObject[],
): Promise<WalDelivery[]> {
  if (destinations.length === 0) return [];
  const { directory } = context;
  const memory = readWalMemory(directory, source.name);
  const known = bases.flatMap((manifest) => baseWal(manifest) ?? []);
  // Log from before the oldest base can no longer be replayed onto anything.
  const wanted = wal.filter((object) => {
    const own = known.filter(({ systemId }) => systemId === object.systemId);
    return own.length === 0 || own.some((base) => needsWal(base, object));
  });
  const newest = newestBase(bases, newestSystem(wal))?.base;
  const sure = (object: WalObject) => newest === undefined || needsWal(newest, object);
  try {
    return await Promise.all(
      destinations.map((destination) =>
        deliverWal(context, { source: source.name, destination, wanted, sure, memory, concurrency }),
      ),
    );
  } finally {
    writeWalMemory(directory, source.name, memory);
  }
}

interface Seen {
  options: ShipOptions;
  archiver: ArchiverState | undefined;
  spool: Spool;
  conflicts: readonly string[];
  wal: readonly WalObject[];
  deliveries: readonly WalDelivery[];
}

function reportOf({ clock, directory }: Context, source: PostgresSource, seen: Seen): Omit<WalReport, "moved"> {
  const { options, archiver, spool, conflicts, wal, deliveries } = seen;
  const now = clock.now();
  const systemId = newestSystem(wal);
  const base = newestBase(options.bases, systemId);
  const holes = base === undefined ? [] : holesAfter(base.base, wal);
  const disk = diskSpace(join(directory, source.spool));
  const diskUsed = disk === undefined || disk.total === 0 ? undefined : 1 - disk.free / disk.total;
  const level = spoolLevel(diskUsed);
  const waiting = new Set(deliveries.flatMap(({ missing }) => missing));
  const until = archivedUntil(archiver);
  const here: WalDelivery = { store: options.local.name, delivered: 0, bytes: 0, missing: [] };
  const stores = [here, ...deliveries].map((delivery) => atStore(delivery, delivery !== here, wal, until, now));
  const lastChangeAt = stores[0]?.newest?.at;
  const why = whyBase(
    base,
    wal,
    holes,
    spool.dropped,
    archiver?.systemId === systemId ? archiver?.timeline : undefined,
  );
  return {
    source: source.name,
    at: now,
    ...(systemId !== undefined && { systemId }),
    stores,
    holes,
    spool: {
      waiting: waiting.size,
      bytes: wal.reduce((sum, { key, bytes }) => sum + (waiting.has(key) ? bytes : 0), 0),
      ...(diskUsed !== undefined && { diskUsed }),
      level,
    },
    ...(archiver !== undefined && { archiver }),
    ...(lastChangeAt !== undefined && until !== undefined && { changes: { lastChangeAt, seenAt: until } }),
    ...(why !== undefined && { baseWanted: why }),
    problems: [
      ...archiverProblems(source.name, archiver),
      ...holes.map(
        ({ from, to, since }) =>
          `the log of ${source.name} is missing from ${from} to ${to}: nothing after ${iso(since)} can be restored without a newer base`,
      ),
      ...spool.dropped.map(({ file, at }) => `${file} of ${source.name} was not kept at ${iso(at)}: the disk was full`),
      ...conflicts.map(
        (name) => `${source.spool}/${name} differs from what is kept under its name: two servers, one log`,
      ),
      ...deliveries.flatMap(({ store, error }) => (error === undefined ? [] : [`${store}: ${error}`])),
      ...(level === "ok"
        ? []
        : [`the disk of the log of ${source.name} is ${Math.round((diskUsed ?? 0) * 100)} % full`]),
    ],
  };
}

function atStore(
  { store, delivered, bytes, missing, error }: WalDelivery,
  offHost: boolean,
  wal: readonly WalObject[],
  archived: number | undefined,
  now: number,
): WalAtStore {
  const newest = newestAt(wal, new Set(missing));
  const complete = missing.length === 0 && archived !== undefined && newest !== undefined;
  const until = complete ? Math.max(newest.at, archived) : newest?.at;
  return {
    store,
    offHost,
    delivered,
    bytes,
    waiting: missing.length,
    ...(newest !== undefined && { newest }),
    ...(until !== undefined && { until, lag: Math.max(0, now - until) }),
    ...(error !== undefined && { error }),
  };
}

/** A note of a file that was let go of is kept until the hole can be told from the names of those around it. */
function forgetSeen({ dropped }: Spool, wal: readonly WalObject[]): void {
  for (const { systemId, file, path } of dropped) {
    const later = wal.some(
      (object) =>
        object.kind === "segment" &&
        object.systemId === systemId &&
        object.file.slice(0, 8) === file.slice(0, 8) &&
        object.file > file.slice(0, 24),
    );
    if (later) rmSync(path, { force: true });
  }
}

function iso(time: number): string {
  return new Date(time).toISOString();
}

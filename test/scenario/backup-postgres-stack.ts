import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { connectEngine } from "../../src/engine/connect.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { postgresKind } from "../../src/operations/backup/kind-postgres.ts";
import type { Checked, Loaded, LoadJob } from "../../src/operations/backup/kinds.ts";
import type { PostgresSource } from "../../src/operations/backup/postgres-base.ts";
import { serverOnCopy, serviceOf } from "../../src/operations/backup/postgres-replay.ts";
import { backupsFolder } from "../../src/operations/backup/stores.ts";
import { shipWal, type WalReport } from "../../src/operations/backup/wal-ship.ts";
import type { Context } from "../../src/operations/context.ts";
import { sharedObjects } from "../../src/operations/restore/fetch.ts";
import { withStanding } from "../../src/operations/restore/throw-away.ts";
import { localStore } from "../../src/snapshots/local-store.ts";
import type { SnapshotManifest } from "../../src/snapshots/manifest.ts";
import { type Identities, noIdentities } from "../../src/snapshots/recipients.ts";
import { noSealer, type Sealer } from "../../src/snapshots/seal.ts";
import type { SnapshotStore } from "../../src/snapshots/store.ts";
import {
  contextFor,
  loadJob,
  oneOffs,
  produceJob,
  removeOneOffs,
  snapshotIn,
  sourceOf,
} from "../support/backup-jobs.ts";
import { type DataStack, dataStack, uniqueName } from "./data-stack.ts";

/** A base that a test has taken, as it lies in its folder. */
export interface TakenBase {
  manifest: SnapshotManifest;
  folder: string;
}

/** A stack with one Postgres server, and what a test does with its backups. */
export interface PostgresStack {
  stack: DataStack;
  /** Its `model`, `engine` and `signal` may be replaced by a test. */
  context: Context;
  engine: Engine;
  source: PostgresSource;
  local: SnapshotStore;
  /** Starts the server and waits until its databases are there. */
  up(): Promise<void>;
  /** Runs SQL in the running server as the superuser; unaligned output without headers. */
  sql(text: string, database?: string): Promise<string>;
  /** Ends the segment that is being written, and resolves when the server has archived it. */
  archived(): Promise<void>;
  /** Ships the log, as a run does. */
  ship(bases: readonly TakenBase[], stores?: readonly SnapshotStore[], sealer?: Sealer): Promise<WalReport>;
  takeBase(signal?: AbortSignal): Promise<TakenBase>;
  check(base: TakenBase): Promise<Checked>;
  /** Loads a base into new volumes, with the log of the local store. */
  load(
    base: TakenBase,
    how?: {
      at?: number;
      depth?: LoadJob<PostgresSource>["depth"];
      /** Where the log is read from; the local store where it is left out. */
      store?: SnapshotStore;
      identities?: Identities;
    },
  ): Promise<Loaded>;
  /** Runs SQL in a server of its own on a loaded copy. */
  sqlOn(loaded: Loaded, text: string, database?: string): Promise<string>;
  /** Containers and volumes of the stack that were made beside Compose and are still there. */
  leftovers(): Promise<string[]>;
  /** Volumes that loading has made so far. */
  volumes(): string[];
  remove(): Promise<void>;
}

export async function postgresStack(version: 16 | 17 | 18, settings = ""): Promise<PostgresStack> {
  const stack = await dataStack(`
name: ${uniqueName(`pitr${version}`)}
components:
  postgres: { version: ${version}, databases: { app: {} }, limits: { memory: 256m }${settings} }
`);
  const { engine } = await connectEngine();
  const { directory, model } = stack;
  const context = contextFor(stack, engine);
  const source = sourceOf(model, "postgres", "postgres");
  const local = localStore(backupsFolder(directory));
  const volumes: string[] = [];
  let number = 0;
  const sql = async (text: string, database = "app") => {
    const line = `psql -U postgres -d ${database} --no-psqlrc -v ON_ERROR_STOP=1 -At`;
    const { code, stdout, stderr } = await stack.sh(source.service, line, text);
    if (code !== 0) throw new Error(stderr);
    return stdout.trim();
  };
  const image = () => model.services.find(({ name }) => name === source.service)?.image ?? "";
  return {
    stack,
    context,
    engine,
    source,
    local,
    async up() {
      await stack.up();
      await stack.compose("wait", `${source.service}-setup`);
    },
    sql,
    async archived() {
      const segment = await sql("SELECT pg_walfile_name(pg_switch_wal())");
      const isThere = async () => (await sql("SELECT last_archived_wal FROM pg_stat_archiver")) >= segment;
      while (!(await isThere())) await context.clock.sleep(100);
    },
    ship: (bases, stores = [], sealer = noSealer) =>
      shipWal(context, source, {
        local,
        destinations: stores.map((store) => ({ store, sealer })),
        bases: bases.map(({ manifest }) => manifest),
      }),
    async takeBase(signal = context.signal) {
      number += 1;
      const id = `20261121T0000${String(number).padStart(2, "0")}Z-00000${number}`;
      const job = { ...produceJob({ ...context, signal }, source, "base"), id };
      const { manifest, folder: staging } = snapshotIn(job, await postgresKind.produce(job));
      const folder = join(backupsFolder(directory), "snapshots", source.name, id);
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      for (const { name } of manifest.parts) renameSync(join(staging, name), join(folder, name));
      rmSync(staging, { recursive: true });
      return { manifest, folder };
    },
    check: (base) => postgresKind.check({ context, source, chain: [base] }),
    async load(base, { at, depth = "quick", store = local, identities = noIdentities } = {}) {
      const job = loadJob(produceJob(context, source), base, depth);
      const shared = join(job.shared, "shared");
      mkdirSync(shared);
      const objects = sharedObjects(context, [{ store, identities }], shared);
      try {
        return await postgresKind.load({
          ...job,
          shared,
          ...(at !== undefined && { at }),
          fetchShared: objects.fetch,
          listShared: objects.list,
          async newVolume(use) {
            const name = await job.newVolume(use);
            volumes.push(name);
            return name;
          },
        });
      } finally {
        rmSync(job.shared, { recursive: true, force: true });
      }
    },
    sqlOn(loaded, text, database = "app") {
      const volume = loaded.volumes[0]?.restored ?? "";
      const request = {
        what: "the copy",
        service: serviceOf(context, source),
        spec: serverOnCopy(context, source, { image: image(), volume }),
      };
      return withStanding(context, request, async (server) => {
        const psql = ["psql", "-U", "postgres", "-d", database, "-At", "-v", "ON_ERROR_STOP=1"];
        const { exitCode, stdout, stderr } = await server.exec(psql, { user: source.user, input: text });
        if (exitCode !== 0) throw new Error(stderr);
        return stdout.trim();
      });
    },
    volumes: () => [...volumes],
    leftovers: async () => (await oneOffs({ engine, model })).filter((name) => !volumes.includes(name)),
    async remove() {
      await removeOneOffs({ engine, model });
      await stack.remove();
    },
  };
}

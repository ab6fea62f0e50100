import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { SnapshotManifest } from "../../snapshots/manifest.ts";
import { StackError } from "../../support/errors.ts";
import { didYouMean } from "../../support/suggest.ts";
import { imageOfService, runToEnd } from "../backup/container.ts";
import type { Checked } from "../backup/kinds.ts";
import { liveService } from "../backup/live-service.ts";
import { partBinds } from "../backup/part-binds.ts";
import {
  countRows,
  execIn,
  type PostgresSource,
  runClient,
  runSql,
  type ServerExec,
} from "../backup/postgres-client.ts";
import { clientSpec, dumpDatabases, jobsFor, serverFacts, socketOf } from "../backup/postgres-dump.ts";
import { type DumpedDatabase, readDumpFacts } from "../backup/postgres-dump-facts.ts";
import { dumpScript, restoreScript, rowsPart } from "../backup/postgres-dump-script.ts";
import { connectionTo, nameWith, quoteName } from "../backup/postgres-names.ts";
import { serverOnCopy, serviceOf } from "../backup/postgres-replay.ts";
import { compareRows, parseRows } from "../backup/postgres-rows.ts";
import type { Context } from "../context.ts";
import type { Journal } from "../journal.ts";
import { createSql, likeSql, ownedSql } from "./postgres-empty.ts";
import { refuseDatabase } from "./postgres-refuse.ts";
import { databaseNames, type Renaming, renameDatabases, renameUndo, undoRenameDatabases } from "./postgres-rename.ts";
import { withStanding } from "./throw-away.ts";

/** A dump as files: a snapshot of type `dump`, or what `dumpFromVolume` has made. */
export interface DumpFolder {
  manifest: Pick<SnapshotManifest, "id" | "facts">;
  /** Absolute path of the folder with the parts, readable by containers. */
  folder: string;
}

export interface DatabaseRestore {
  source: PostgresSource;
  /** Which one of the dump. */
  database: string;
  snapshot: DumpFolder;
  /** Leave the live database alone: the name of a new one. */
  into?: string;
  /** Short and unique: part of names. */
  id?: string;
}

export interface RestoredDatabase {
  /** The name that it has now. */
  database: string;
  /** The name under which the one that was there before is kept; nobody can connect to it. */
  kept?: string;
  checks: Checked[];
}

/**
 * Brings one database back while the server serves: into a new database, which is compared row by row with what was
 * dumped and then takes the name of the live one (or stays beside it). Until that moment nothing of the live one changes;
 * on failure, and by the undo in the journal after a crash, everything is as before.
 */
export async function restoreDatabase(
  context: Context,
  journal: Journal,
  request: DatabaseRestore,
): Promise<RestoredDatabase> {
  const { source, database, into, id = randomBytes(3).toString("hex") } = request;
  const exec = execIn(context, await liveService(context, source.service));
  const dumped = dumpedIn(request.snapshot, database);
  const there = await databaseNames(exec, source);
  refuseDatabase(source, request, there);
  await refuseVersion(exec, request);
  const replaces = into === undefined && there.includes(database);
  const renaming: Renaming = {
    live: into ?? database,
    restored: nameWith(database, `_restore_${id}`),
    ...(replaces && { kept: nameWith(database, `_before_${id}`) }),
  };
  const step = { id: `rename:${source.name}/${renaming.live}:${id}`, undo: renameUndo(source, renaming) };
  journal.begin(step);
  try {
    const like = there.includes(database);
    const checks = await load(context, exec, { ...request, dumped, like, restored: renaming.restored });
    context.signal.throwIfAborted();
    context.progress.update(source.name, "working", `putting ${renaming.live} in its place`);
    await renameDatabases(exec, source, renaming);
    journal.done(step);
    journal.settled([step.id]);
    return { database: renaming.live, ...(renaming.kept !== undefined && { kept: renaming.kept }), checks };
  } catch (error) {
    journal.failed(step, error);
    await takeBack(context, journal, step);
    throw error;
  }
}

async function takeBack(context: Context, journal: Journal, step: { id: string; undo: ReturnType<typeof renameUndo> }) {
  try {
    await undoRenameDatabases(context, step.undo);
    journal.undone(step.id);
  } catch {
    // The first error is the one to be told; the undo stands in the journal.
    context.progress.line(`The database ${String(step.undo.restored)} could not be removed yet`);
  }
}

/** What a dump says of one of its databases. */
export function dumpedIn({ manifest }: Pick<DumpFolder, "manifest">, database: string): DumpedDatabase {
  const { databases } = readDumpFacts(manifest);
  const found = databases.find(({ name }) => name === database);
  if (found !== undefined) return found;
  const names = databases.map(({ name }) => name);
  throw new StackError({
    code: "unknown-database",
    exit: "invalidInput",
    message: `The snapshot ${manifest.id} has no database "${database}"`,
    hint: didYouMean(database, names),
  });
}

/** Dumps go into newer servers only. */
async function refuseVersion(exec: ServerExec, { source, snapshot }: DatabaseRestore): Promise<void> {
  const major = (version: number) => Math.floor(version / 10_000);
  const from = major(readDumpFacts(snapshot.manifest).serverVersion);
  const to = major(Number(await runSql(exec, source, "postgres", "SHOW server_version_num;")));
  if (from <= to) return;
  throw new StackError({
    code: "postgres-version",
    exit: "invalidInput",
    message: `The dump was made by PostgreSQL ${from}; ${source.name} is PostgreSQL ${to}, and dumps go to newer versions only`,
    hint: `set version: ${from} in stack.yaml`,
  });
}

interface Loading extends DatabaseRestore {
  dumped: DumpedDatabase;
  restored: string;
  /** Whether the live server has a database of that name, whose owner and rights count. */
  like: boolean;
}

/** The new database, filled, compared and with the owner and the rights of the live one. */
async function load(context: Context, exec: ServerExec, loading: Loading): Promise<Checked[]> {
  const { source, database, snapshot, dumped, restored, like } = loading;
  const image = (await imageOfService(context, source.service)).id;
  const jobs = String(await jobsFor(context));
  const step = (text: string) => context.progress.update(source.name, "working", text);
  await runSql(exec, source, "postgres", createSql(restored, dumped), `Making a new database for ${database}`);
  step(`loading ${database}`);
  await runToEnd(context, `Loading ${database} into a new database`, {
    ...clientSpec(source, image, partBinds(snapshot.folder, [{ name: dumped.part }])),
    purpose: `restore-${source.name}`,
    command: ["-c", restoreScript, "restore", `/backup/${dumped.part}`, jobs, connectionTo(restored)],
    volumes: [socketOf(context, source)],
  }).catch((error: unknown) => {
    throw roleMissing(database, error);
  });
  step(`counting the rows of ${database}`);
  const expected = parseRows(readFileSync(join(snapshot.folder, rowsPart), "utf8")).get(database);
  const compared = compareRows(database, expected, await countRows(exec, source, restored));
  if (!compared.ok) throw notSound(snapshot, compared);
  await runSql(exec, source, restored, "ANALYZE;", `Collecting statistics of ${database}`);
  const properties = like ? likeSql(restored, database) : ownedSql(restored, dumped.owner);
  await runSql(exec, source, "postgres", properties, `Giving the new ${database} to its owner`);
  return [compared];
}

/** A dump of one database names roles and does not make them. */
function roleMissing(database: string, error: unknown): unknown {
  if (!(error instanceof StackError)) return error;
  const role = /role "(.+)" does not exist/.exec(error.details.join("\n"))?.[1];
  if (role === undefined) return error;
  return new StackError({
    code: "role-missing",
    exit: "invalidInput",
    message: `What is in ${database} belongs in part to the role "${role}", which the server does not have`,
    details: error.details,
    hint: `./prod.sh psql --username postgres --dbname postgres --command 'CREATE ROLE ${quoteName(role)}'`,
    cause: error,
  });
}

function notSound({ manifest }: DumpFolder, { detail }: Checked): StackError {
  return new StackError({
    code: "restore-not-sound",
    exit: "backupFailed",
    message: `What came out of the snapshot ${manifest.id} is not what was dumped: ${detail}`,
    hint: "nothing was changed; choose another one: ./prod.sh backup list",
  });
}

export interface VolumeDump {
  source: PostgresSource;
  /** Engine's name of a volume with the server's files as of the wanted moment; it is written to. */
  volume: string;
  /** Image of the server that can read them. */
  image: string;
  database: string;
  /** Absolute path of an empty folder that any user may write to. */
  staging: string;
  /** Snapshot that the volume came from: named in messages. */
  snapshot: string;
}

/** Dumps one database out of a restored copy of a whole server, so that it alone can go into the live one. */
export async function dumpFromVolume(context: Context, request: VolumeDump): Promise<DumpFolder> {
  const { source, volume, image, database, staging, snapshot } = request;
  const binds = [{ source: staging, target: "/backup", readOnly: false }];
  const standing = {
    what: `${source.name} on the restored copy`,
    service: serviceOf(context, source),
    spec: serverOnCopy(context, source, { image, volume, binds }),
  };
  return withStanding(context, standing, async ({ exec }) => {
    const server = await serverFacts(source, exec);
    const wanted = server.databases.filter(({ name }) => name === database);
    dumpedIn({ manifest: { id: snapshot, facts: { ...server } } }, database);
    context.progress.update(source.name, "working", `dumping ${database} out of the restored copy`);
    const { facts } = await dumpDatabases(context, {
      source,
      server: { ...server, databases: wanted },
      staging,
      globals: false,
      run: async (words) => (await runClient(exec, source, `The dump of ${database}`, dumpScript, words)).split("\n"),
    });
    return { manifest: { id: snapshot, facts }, folder: staging };
  });
}

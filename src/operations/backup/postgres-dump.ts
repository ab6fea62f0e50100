import { readFileSync } from "node:fs";
import { join } from "node:path";
import { StackError } from "../../support/errors.ts";
import { formatSize } from "../../support/units.ts";
import type { Context } from "../context.ts";
import { engineName } from "../engine-name.ts";
import { imageOfService, type RunSpec, runContainer, runToEnd } from "./container.ts";
import type { Checked, PartsJob, Produced, ProducedPart, ProduceJob } from "./kinds.ts";
import { liveService } from "./live-service.ts";
import { partBinds } from "./part-binds.ts";
import { parsePartLines } from "./part-lines.ts";
import {
  clientEnvironment,
  execIn,
  type PostgresSource,
  runSql,
  type ServerExec,
  socketFolder,
} from "./postgres-client.ts";
import { type DumpFacts, readDumpFacts, type ServerFacts, serverQuestion } from "./postgres-dump-facts.ts";
import { checkScript, dumpScript, rowsPart } from "./postgres-dump-script.ts";
import { dumpPart } from "./postgres-names.ts";
import { parseRows, sums } from "./postgres-rows.ts";

export { loadDump } from "./postgres-dump-load.ts";

/** So many part lines are surely among the last lines that are read of a container's output. */
const databasesAtOnce = 100;
const mostJobs = 4;

/**
 * A logical copy of every database of the running server, each in a file of its own and of one moment, and the roles. It
 * holds no password, not even hashes of them: the stack's own roles get theirs from secrets/ at each start, and a dump may
 * be handed to others.
 */
export async function produceDump({ context, source, staging }: ProduceJob<PostgresSource>): Promise<Produced> {
  const { clock, progress } = context;
  const live = await liveService(context, source.service);
  const image = await imageOfService(context, source.service);
  const server = await serverFacts(source, execIn(context, live));
  const size = server.databases.reduce((sum, { bytes }) => sum + bytes, 0);
  progress.update(source.name, "working", `dumping ${server.databases.length} databases of ${formatSize(size)}`);
  const pointInTime = clock.now();
  const run = (words: readonly string[]) =>
    runToEnd(context, `The dump of ${source.name}`, {
      ...clientSpec(source, image.id, [{ source: staging, target: "/backup", readOnly: false }]),
      command: ["-c", dumpScript, "dump", ...words],
      volumes: [socketOf(context, source)],
    });
  const dumped = await dumpDatabases(context, { source, server, staging, globals: true, run });
  const closed = server.closed.map((name) => `${name} is not in the dump: nobody may connect to it`);
  return { ...dumped, pointInTime, image, warnings: [...closed, ...dumped.warnings] };
}

export interface DumpRequest {
  source: PostgresSource;
  /** Which databases there are, and which of them are dumped. */
  server: ServerFacts;
  staging: string;
  /** Whether the roles are dumped too. */
  globals: boolean;
  /** Runs the script with these arguments beside the server and gives what it prints. */
  run(words: readonly string[]): Promise<readonly string[]>;
}

/** Dumps databases into the staging folder, with as many processes as leave the server one processor. */
export async function dumpDatabases(
  context: Context,
  { source, server, staging, globals, run }: DumpRequest,
): Promise<{ parts: ProducedPart[]; facts: Record<string, unknown>; warnings: string[] }> {
  const jobs = await jobsFor(context);
  const parts = new Map<string, ProducedPart>();
  const warnings: string[] = [];
  for (let first = 0; first < Math.max(1, server.databases.length); first += databasesAtOnce) {
    const names = server.databases.slice(first, first + databasesAtOnce).map(({ name }) => name);
    const words = names.flatMap((name) => [name, dumpPart(name)]);
    const output = await run([String(jobs), globals && first === 0 ? "yes" : "no", ...words]);
    for (const part of parsePartLines(`The dump of ${source.name}`, output)) parts.set(part.name, part);
    warnings.push(...output.flatMap((line) => /^warning: (.*)/.exec(line)?.[1] ?? []));
  }
  for (const { name } of server.databases) if (!parts.has(dumpPart(name))) throw incomplete(source, name);
  return { parts: [...parts.values()], facts: { ...factsOf(server, staging) }, warnings };
}

/** Processes of pg_dump and pg_restore: one processor is left to the server, and disks do not get faster beyond four. */
export async function jobsFor({ engine }: Pick<Context, "engine">): Promise<number> {
  const { cpus } = await engine.info();
  return Math.max(1, Math.min(mostJobs, cpus - 1));
}

/** Which databases and roles a running server has. */
export async function serverFacts(source: PostgresSource, exec: ServerExec): Promise<ServerFacts> {
  const what = `Asking ${source.name} for its databases`;
  return JSON.parse(await runSql(exec, source, "postgres", `${serverQuestion};`, what)) as ServerFacts;
}

function factsOf(server: ServerFacts, staging: string): DumpFacts {
  const counts = parseRows(readFileSync(join(staging, rowsPart), "utf8"));
  const databases = server.databases.map((database) => {
    const tables = counts.get(database.name) ?? new Map();
    const { rows, big } = sums(tables);
    return { ...database, part: dumpPart(database.name), tables: Math.max(0, tables.size - 1), rows, estimated: big };
  });
  return { serverVersion: server.serverVersion, databases, roles: server.roles };
}

/** A container with the client programs. Its work folder is in a volume that its image makes and that goes with it. */
export function clientSpec(
  source: PostgresSource,
  image: string,
  binds: NonNullable<RunSpec["binds"]>,
): Omit<RunSpec, "command"> {
  return {
    purpose: `dump-${source.name}`,
    image,
    user: source.user,
    entrypoint: ["sh"],
    environment: clientEnvironment,
    binds,
    tmpfs: [{ target: "/tmp", options: "size=64m,mode=1777" }],
    // Where the image has no volume, the work folder is in what the container writes; it goes with it too.
    readOnlyRoot: false,
  };
}

/** The live server's socket. */
export function socketOf({ model }: Pick<Context, "model">, source: PostgresSource) {
  return { volume: engineName(model, source.socketVolume), target: socketFolder, readOnly: true };
}

/** Reads every file of a dump to its end, and its table of contents with the server's own program. */
export async function checkDump({ context, source, chain }: PartsJob<PostgresSource>): Promise<Checked> {
  const last = chain.at(-1);
  if (last === undefined) throw new Error("a chain has at least one snapshot");
  const { manifest, folder } = last;
  const image = await imageOfDump(context, source, manifest.image);
  const words = manifest.parts.flatMap(({ name, content }) => [name, content.sha256]);
  const { exitCode, output } = await runContainer(context, {
    ...clientSpec(source, image, partBinds(folder, manifest.parts)),
    command: ["-c", checkScript, "check", ...words],
  });
  const sound = new Map<string, number>();
  const problems: string[] = [];
  for (const line of output) {
    const [, part, tables] = /^sound (\S+) (\d+)$/.exec(line) ?? [];
    if (part !== undefined) sound.set(part, Number(tables));
    else if (line.startsWith("damaged ")) problems.push(line.slice("damaged ".length).trim());
  }
  if (problems.length === 0 && (exitCode !== 0 || manifest.parts.some(({ name }) => !sound.has(name))))
    problems.push(`the check ended with exit code ${exitCode}: ${output.slice(-3).join("; ")}`);
  for (const { part, tables } of readDumpFacts(manifest).databases)
    if ((sound.get(part) ?? tables) < tables) problems.push(`${part} has ${sound.get(part)} of ${tables} tables`);
  if (problems.length > 0) return { ok: false, detail: problems.join("; ") };
  return { ok: true, detail: describeSound(readDumpFacts(manifest)) };
}

function describeSound({ databases }: DumpFacts): string {
  const total = databases.reduce((sum, { tables }) => sum + tables, 0);
  const rows = databases.reduce((sum, database) => sum + database.rows, 0);
  return `${databases.length} databases with ${total} tables and ${rows} rows, each file whole`;
}

/** What reads a dump: the image that made it, where the engine still has it, because an older one may not know its format. */
export async function imageOfDump(
  context: Context,
  source: PostgresSource,
  made: { id: string; digests: string[] } | undefined,
): Promise<string> {
  for (const reference of made === undefined ? [] : [made.id, ...made.digests]) {
    const found = await context.engine.image(reference);
    if (found !== undefined) return found.id;
  }
  return (await imageOfService(context, source.service)).id;
}

function incomplete(source: PostgresSource, database: string): StackError {
  return new StackError({
    code: "backup-incomplete",
    exit: "backupFailed",
    message: `The dump of ${source.name} ended without one of ${database}`,
    hint: `./prod.sh backup run --only ${source.name}`,
  });
}

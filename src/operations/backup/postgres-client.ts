import type { ExecResult } from "../../engine/engine.ts";
import type { DataSourceOf } from "../../stack/data-source.ts";
import { StackError } from "../../support/errors.ts";
import type { Context } from "../context.ts";
import { connectionTo } from "./postgres-names.ts";
import { countRowsSql, parseRows, type TableRows } from "./postgres-rows.ts";

export type PostgresSource = DataSourceOf<"postgres">;

/** Folder of the server's Unix socket, in every image. */
export const socketFolder = "/var/run/postgresql";

/** Environment of the client programs: the superuser over the socket, plain messages, no time limits of a role. */
export const clientEnvironment = {
  PGHOST: socketFolder,
  PGUSER: "postgres",
  PGAPPNAME: "create-stack",
  PGOPTIONS: "-c lc_messages=C -c statement_timeout=0 -c idle_in_transaction_session_timeout=0",
};

const twelveHours = 12 * 3_600_000;

/** Runs a command in the container of a server: the live one, or one that stands on a copy. */
export type ServerExec = (command: readonly string[], options: { user: string; input?: string }) => Promise<ExecResult>;

/** The live server's container. */
export function execIn({ engine }: Pick<Context, "engine">, container: string): ServerExec {
  return (command, options) => engine.exec(container, command, { ...options, timeout: twelveHours });
}

/** Runs a shell script with the client programs beside a server; its output, or an error that begins with `what`. */
export async function runClient(
  exec: ServerExec,
  source: PostgresSource,
  what: string,
  script: string,
  words: readonly string[],
): Promise<string> {
  const answer = await exec([...withEnvironment(["sh", "-c", script, "client"]), ...words], { user: source.user });
  return outputOf(answer, source, what);
}

/** Has psql run SQL in one database of a server, stopping at the first error; what it prints, unaligned. */
export async function runSql(
  exec: ServerExec,
  source: PostgresSource,
  database: string,
  sql: string,
  what = `A question to ${source.name}`,
): Promise<string> {
  const psql = ["psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"];
  const command = withEnvironment([...psql, `--dbname=${connectionTo(database)}`, "--file=-"]);
  return outputOf(await exec(command, { user: source.user, input: sql }), source, what);
}

/** Rows of every table of a database, now. */
export async function countRows(
  exec: ServerExec,
  source: PostgresSource,
  database: string,
): Promise<ReadonlyMap<string, TableRows> | undefined> {
  const what = `Counting the rows of ${database}`;
  const text = await runSql(exec, source, database, `SET search_path = pg_catalog;\n${countRowsSql}`, what);
  return parseRows(text).get(database);
}

function withEnvironment(command: readonly string[]): string[] {
  return ["env", ...Object.entries(clientEnvironment).map(([name, value]) => `${name}=${value}`), ...command];
}

function outputOf({ exitCode, stdout, stderr }: ExecResult, { service }: PostgresSource, what: string): string {
  if (exitCode === 0) return stdout;
  throw new StackError({
    code: "postgres-task-failed",
    exit: "backupFailed",
    message: `${what} failed: exit code ${exitCode}`,
    details: stderr.trim().split("\n").slice(-15),
    hint: `./prod.sh logs ${service}`,
  });
}

import { liveService } from "../backup/live-service.ts";
import { execIn, type PostgresSource, runSql, type ServerExec } from "../backup/postgres-client.ts";
import { quoteName, quoteText } from "../backup/postgres-names.ts";
import type { Context } from "../context.ts";
import type { Undo } from "../journal.ts";

/** Names of the databases that take part when one takes another's place. */
export interface Renaming {
  /** The one that clients use. */
  live: string;
  /** The restored one, until it takes the live one's name. */
  restored: string;
  /** The name that the live one is kept under; left out where nothing is replaced. */
  kept?: string;
}

const renameKind = "rename-databases";

/** What the journal says before the restored database is made. */
export function renameUndo({ name, service, user }: PostgresSource, renaming: Renaming): Undo {
  return { kind: renameKind, source: name, service, user, ...renaming };
}

/** True for the undo of a renaming. */
export function isRename(undo: Undo): boolean {
  return undo.kind === renameKind;
}

const attempts = 3;
const closeSeconds = 10;

/**
 * Gives the restored database the name of the live one, which is kept under another. Nobody can connect to the live one
 * from here on; both names change in one transaction, so that there is a database of that name at each moment.
 */
export async function renameDatabases(exec: ServerExec, source: PostgresSource, renaming: Renaming): Promise<void> {
  const { live, restored, kept } = renaming;
  const what = `Putting the restored ${live} in its place`;
  const taking = `ALTER DATABASE ${quoteName(restored)} RENAME TO ${quoteName(live)};`;
  if (kept === undefined) return void (await runSql(exec, source, "postgres", taking, what));
  const both = `BEGIN;\nALTER DATABASE ${quoteName(live)} RENAME TO ${quoteName(kept)};\n${taking}\nCOMMIT;\n`;
  await runSql(exec, source, "postgres", `ALTER DATABASE ${quoteName(live)} ALLOW_CONNECTIONS false;`, what);
  for (let attempt = 1; ; attempt += 1) {
    try {
      await runSql(exec, source, "postgres", endSessions(live, restored) + both, what);
      return;
    } catch (error) {
      // Somebody was just about to be let in when the door was closed.
      if (attempt >= attempts) throw error;
    }
  }
}

function endSessions(...databases: readonly string[]): string {
  const names = databases.map(quoteText).join(", ");
  return `SELECT pg_terminate_backend(pid, ${closeSeconds * 1_000}) FROM pg_stat_activity WHERE datname IN (${names}) \\g /dev/null\n`;
}

/**
 * Brings the databases back to how they were before a restore of one: the live one has its name and lets everybody in,
 * the restored one is gone. May be called at any moment after any crash, and again.
 */
export async function undoRenameDatabases(context: Context, undo: Undo): Promise<void> {
  const { source, renaming } = readUndo(context, undo);
  const exec = execIn(context, await liveService(context, source.service));
  const { live, restored, kept } = renaming;
  const what = `Taking back the restore of ${live}`;
  const there = new Set(await databaseNames(exec, source));
  const run = (sql: string) => runSql(exec, source, "postgres", sql, what);
  if (kept !== undefined && there.has(kept) && !there.has(restored)) {
    await run(`ALTER DATABASE ${quoteName(live)} ALLOW_CONNECTIONS false;`);
    const back = [
      `ALTER DATABASE ${quoteName(live)} RENAME TO ${quoteName(restored)};`,
      `ALTER DATABASE ${quoteName(kept)} RENAME TO ${quoteName(live)};`,
    ];
    await run(`${endSessions(live, kept)}BEGIN;\n${back.join("\n")}\nCOMMIT;\n`);
    there.add(restored);
  }
  if (kept !== undefined && there.has(live)) await run(`ALTER DATABASE ${quoteName(live)} ALLOW_CONNECTIONS true;`);
  if (there.has(restored)) await run(`DROP DATABASE IF EXISTS ${quoteName(restored)} WITH (FORCE);`);
}

/** Every database of a server, also those that nobody may connect to. */
export async function databaseNames(exec: ServerExec, source: PostgresSource): Promise<string[]> {
  const what = `Asking ${source.name} for its databases`;
  const sql = "SELECT json_agg(datname) FROM pg_database;";
  return JSON.parse(await runSql(exec, source, "postgres", sql, what)) as string[];
}

function readUndo({ model }: Pick<Context, "model">, undo: Undo): { source: PostgresSource; renaming: Renaming } {
  const found = model.dataSources.find(({ name, kind }) => name === undo.source && kind === "postgres");
  if (found === undefined || found.kind !== "postgres")
    throw new Error(`the model has no Postgres ${String(undo.source)}`);
  const { live, restored, kept } = undo as unknown as Renaming;
  return { source: found, renaming: { live, restored, ...(kept !== undefined && { kept }) } };
}

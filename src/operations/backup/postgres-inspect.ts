import { StackError } from "../../support/errors.ts";
import { formatSize } from "../../support/units.ts";
import type { Context } from "../context.ts";
import { type StandingServer, withStanding } from "../restore/throw-away.ts";
import type { Checked } from "./kinds.ts";
import type { PostgresSource } from "./postgres-base.ts";
import { serverOnCopy, serviceOf } from "./postgres-replay.ts";

export interface Inspection {
  checks: Checked[];
  /** Rows of every table, by database and `schema.table`; only where they were counted. */
  rows?: Record<string, Record<string, number>>;
}

interface Answer {
  recovering: boolean;
  checksums: boolean;
  databases: Record<string, number>;
  /** Databases whose text was sorted by another version of the system's rules. */
  collations: string[] | null;
}

const question = `SELECT json_build_object(
  'recovering', pg_is_in_recovery(),
  'checksums', current_setting('data_checksums') = 'on',
  'databases', (SELECT json_object_agg(datname, pg_database_size(oid)) FROM pg_database WHERE datallowconn),
  'collations', (SELECT json_agg(datname) FROM pg_database
    WHERE datallowconn AND datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid)))`;

/** One statement for each table, which psql then runs. */
const countTables = `SELECT format('SELECT %L, count(*) FROM ONLY %I.%I', n.nspname || '.' || c.relname, n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'm') AND c.relpersistence = 'p' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  ORDER BY n.nspname, c.relname \\gexec
`;

/** Starts the restored copy as the ordinary server that it is to be, and looks at it. */
export async function inspectCopy(
  context: Context,
  source: PostgresSource,
  { image, volume, depth }: { image: string; volume: string; depth: "quick" | "deep" },
): Promise<Inspection> {
  const request = {
    what: `${source.name} on the restored copy`,
    service: serviceOf(context, source),
    spec: serverOnCopy(context, source, { image, volume }),
  };
  return withStanding(context, request, async (server) => {
    const answer = JSON.parse(await ask(server, source, "postgres", question)) as Answer;
    const checks = quickChecks(answer);
    if (depth === "quick") return { checks };
    context.progress.update(source.name, "working", "checking tables and indexes");
    checks.push(await amcheck(server, source));
    const rows: Inspection["rows"] = {};
    for (const database of Object.keys(answer.databases)) rows[database] = await countRows(server, source, database);
    return { checks: [...checks, counted(rows)], rows };
  });
}

function quickChecks({ recovering, checksums, databases, collations }: Answer): Checked[] {
  const named = Object.entries(databases).map(([name, bytes]) => `${name} (${formatSize(bytes)})`);
  const stale = collations ?? [];
  return [
    {
      ok: !recovering,
      detail: recovering ? "the copy still waits for its log" : `serves as an ordinary server: ${named.join(", ")}`,
    },
    { ok: true, detail: checksums ? "pages carry checksums" : "pages carry no checksums" },
    ...(stale.length === 0
      ? []
      : [{ ok: true, detail: `sorted by other rules of the system, to be reindexed: ${stale.join(", ")}` }]),
  ];
}

/** Every table and index of every database, by the server's own checker. */
async function amcheck(server: StandingServer, { user }: PostgresSource): Promise<Checked> {
  const line =
    "pg_amcheck --username=postgres --no-password --all --install-missing --heapallindexed --jobs=2 >/tmp/amcheck 2>&1";
  const { exitCode, stdout } = await server.exec(["sh", "-c", `${line}; code=$?; tail -n 5 /tmp/amcheck; exit $code`], {
    user,
  });
  if (exitCode === 0) return { ok: true, detail: "pg_amcheck found nothing wrong with tables and indexes" };
  return { ok: false, detail: `pg_amcheck: ${stdout.trim().split("\n").join("; ")}` };
}

async function countRows(
  server: StandingServer,
  source: PostgresSource,
  database: string,
): Promise<Record<string, number>> {
  const text = await ask(server, source, database, countTables);
  const lines = text.split("\n").filter((line) => line !== "");
  return Object.fromEntries(
    lines.map((line) => {
      const end = line.lastIndexOf("\t");
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}

function counted(rows: NonNullable<Inspection["rows"]>): Checked {
  const counts = Object.values(rows).flatMap((tables) => Object.values(tables));
  const sum = counts.reduce((total, count) => total + count, 0);
  return { ok: true, detail: `${sum} rows in ${counts.length} tables could be read` };
}

/** As psql reads it: a name with `=` in it would be taken for a list of settings. */
function dbname(database: string): string {
  return `dbname='${database.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

/** Asks over the copy's own socket, as the image's user. */
async function ask(server: StandingServer, { user }: PostgresSource, database: string, sql: string): Promise<string> {
  const psql = ["psql", "--no-psqlrc", "--no-password", "-v", "ON_ERROR_STOP=1", "-At", "-F", "\t"];
  const { exitCode, stdout, stderr } = await server.exec([...psql, "-U", "postgres", "-d", dbname(database)], {
    user,
    input: sql,
  });
  if (exitCode === 0) return stdout;
  throw new StackError({
    code: "restore-not-sound",
    exit: "backupFailed",
    message: `The database ${database} of the restored copy cannot be read`,
    details: stderr.trim().split("\n").slice(-5),
    hint: "./prod.sh backup list shows other snapshots",
  });
}

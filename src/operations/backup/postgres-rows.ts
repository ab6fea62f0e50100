import type { Checked } from "./kinds.ts";

/** How many rows a table had; of big tables the server's own estimate. */
export interface TableRows {
  rows: number;
  estimated: boolean;
}

/** By database, then by table as it is written in SQL: `public.users`. */
export type RowCounts = Map<string, Map<string, TableRows>>;

const gigabyte = 1024 ** 3;

/**
 * Input for psql: one JSON array for each table of the database, `["app", "public.users", 42, false]`, and one for its
 * large objects. Up to a gigabyte rows are counted, beyond that the last word is `true` and the number the server's
 * estimate. Tables of an extension are its own business: another version of it may fill them otherwise.
 */
export const countRowsSql = `SELECT CASE WHEN pg_table_size(c.oid) <= ${gigabyte}
  THEN format('SELECT json_build_array(current_database(), %L, count(*), false) FROM ONLY %I.%I', full_name, nspname, relname)
  ELSE format('SELECT json_build_array(current_database(), %L, %s, true)', full_name,
    greatest(pg_stat_get_live_tuples(c.oid), c.reltuples::bigint, 0)) END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL format('%I.%I', nspname, relname) AS full_name
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND nspname <> 'information_schema' AND nspname !~ '^pg_'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY full_name
\\gexec
SELECT json_build_array(current_database(), 'large objects', count(*), false) FROM pg_largeobject_metadata;
`;

/** Reads what psql printed for `countRowsSql`, of one database or of several. */
export function parseRows(text: string): RowCounts {
  const counts: RowCounts = new Map();
  for (const line of text.split("\n").filter((candidate) => candidate.startsWith("["))) {
    const [database, table, rows, estimated] = JSON.parse(line) as [string, string, number, boolean];
    const tables = counts.get(database) ?? new Map<string, TableRows>();
    counts.set(database, tables.set(table, { rows, estimated }));
  }
  return counts;
}

/** What a restored database has to hold, and holds. Undefined: nobody counted, which proves nothing. */
export function compareRows(
  database: string,
  expected: ReadonlyMap<string, TableRows> | undefined,
  found: ReadonlyMap<string, TableRows> | undefined,
): Checked {
  if (expected === undefined || found === undefined) return { ok: false, detail: `${database}: not counted` };
  const wrong = [...expected].flatMap(([table, { rows, estimated }]) => {
    const there = found.get(table);
    if (there === undefined) return [`${table} is missing`];
    if (estimated || there.estimated) return rows > 0 && there.rows === 0 ? [`${table} is empty`] : [];
    return there.rows === rows ? [] : [`${table} has ${there.rows} of ${rows} rows`];
  });
  const more = [...found.keys()].filter((table) => !expected.has(table)).map((table) => `${table} is new`);
  const problems = [...wrong, ...more];
  if (problems.length > 0) return { ok: false, detail: `${database}: ${shortened(problems).join("; ")}` };
  return { ok: true, detail: `${database}: ${summary(expected)}, as when it was dumped` };
}

/** `3 tables, 42 rows`. */
export function summary(tables: ReadonlyMap<string, TableRows>): string {
  const { rows, big } = sums(tables);
  const estimates = big === 0 ? "" : ` (of ${big} big ones the server's estimate)`;
  return `${tables.size - 1} tables, ${rows} rows${estimates}`;
}

/** How many rows there are in all, and how many of the tables were not counted. */
export function sums(tables: ReadonlyMap<string, TableRows>): { rows: number; big: number } {
  const all = [...tables.values()];
  return { rows: all.reduce((sum, { rows }) => sum + rows, 0), big: all.filter(({ estimated }) => estimated).length };
}

function shortened(problems: readonly string[]): string[] {
  const shown = problems.slice(0, 5);
  return problems.length > shown.length ? [...shown, `and ${problems.length - shown.length} more`] : shown;
}

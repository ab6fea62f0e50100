import { join } from "node:path";
import { isDiskFull } from "../../support/disk.ts";
import { readIfExists, writeFileAtomic } from "../../support/files.ts";
import { formatAge } from "../../support/units.ts";
import { execIn, type PostgresSource, runSql, type ServerExec } from "../backup/postgres-client.ts";
import { quoteName, quoteText } from "../backup/postgres-names.ts";
import { backupStateFolder } from "../backup/stores.ts";
import type { Context } from "../context.ts";
import { keptVolumes } from "./swap.ts";

/** Milliseconds that what a restore has put aside is kept: long enough to notice that it was the better data. */
const keptFor = 72 * 3_600_000;

/** A volume or a database that a restore has put aside. */
interface KeptAside {
  /** `volume shop_data_restore-0c73ca`, `database app_before_0c73ca of postgres`. */
  what: string;
  /** Milliseconds since it was put aside, or first seen. */
  age: number;
  /** False where somebody uses it: then it stays. */
  remove(): Promise<boolean>;
}

/** What restores have put aside and nobody has opened again. Servers that do not run are not asked. */
async function keptAside(context: Context): Promise<KeptAside[]> {
  const { engine } = context;
  const volumes = (await keptVolumes(context)).map(
    ({ name, age }): KeptAside => ({
      what: `volume ${name}`,
      age,
      async remove() {
        if ((await engine.usersOf(name)).length > 0) return false;
        await engine.removeVolume(name);
        return true;
      },
    }),
  );
  return [...volumes, ...(await keptDatabases(context))];
}

/** What came of it, in a line for each. */
export interface RemovedKept {
  removed: string[];
  /** What stays for now, and why. */
  staying: string[];
}

/** Removes what restores have put aside longer ago than three days, each with a line of progress before. */
export async function removeKept(context: Context, { dryRun = false } = {}): Promise<RemovedKept> {
  const result: RemovedKept = { removed: [], staying: [] };
  for (const { what, age, remove } of await keptAside(context)) {
    if (age < keptFor) result.staying.push(`${what}, put aside by a restore, goes in ${formatAge(keptFor - age)}`);
    else if (dryRun)
      result.staying.push(`${what}, put aside by a restore ${formatAge(age)} ago, goes with the next prune`);
    else {
      context.progress.line(`Removing ${what}, put aside by a restore ${formatAge(age)} ago`);
      if (await remove()) result.removed.push(`removed ${what}, put aside by a restore`);
      else result.staying.push(`${what} stays: it is in use`);
    }
  }
  return result;
}

/** As a restore leaves them: by their name, and closed to connections. One that was opened again is the user's. */
const keptSql = `SELECT coalesce(json_agg(datname), '[]') FROM pg_database
 WHERE datname ~ '_before_[0-9a-f]{6}$' AND NOT datallowconn AND NOT datistemplate;`;

async function keptDatabases(context: Context): Promise<KeptAside[]> {
  const { engine, model, directory, clock } = context;
  const { containers } = await engine.observe(model.name);
  const servers = model.dataSources.flatMap((source) => {
    const server = containers.find(({ service, state }) => service === source.service && state === "running");
    return source.kind === "postgres" && server !== undefined ? [{ source, exec: execIn(context, server.id) }] : [];
  });
  const found: { source: PostgresSource; exec: ServerExec; database: string }[] = [];
  for (const { source, exec } of servers) {
    const what = `Asking ${source.name} for databases that restores have put aside`;
    const names = JSON.parse(await runSql(exec, source, "postgres", keptSql, what)) as string[];
    found.push(...names.sort().map((database) => ({ source, exec, database })));
  }
  const now = clock.now();
  const seen = noteSeen(
    directory,
    servers.map(({ source }) => source.name),
    found,
    now,
  );
  return found.map(({ source, exec, database }) => ({
    what: `database ${database} of ${source.name}`,
    age: Math.max(0, now - (seen[`${source.name}/${database}`] ?? now)),
    async remove() {
      // Asked again at the last moment: whoever opened it meanwhile wants it.
      const sql = `SELECT 1 FROM pg_database WHERE datname = ${quoteText(database)} AND NOT datallowconn;`;
      if ((await runSql(exec, source, "postgres", sql)).trim() !== "1") return false;
      await runSql(exec, source, "postgres", `DROP DATABASE ${quoteName(database)};`, `Dropping ${database}`);
      return true;
    },
  }));
}

/** When each was first seen, by `SOURCE/DATABASE`: a database does not know when it got its name. */
function noteSeen(
  directory: string,
  asked: readonly string[],
  found: readonly { source: PostgresSource; database: string }[],
  now: number,
): Record<string, number> {
  const path = join(backupStateFolder(directory), "kept-databases.json");
  const before = read(path);
  const elsewhere = Object.entries(before).filter(([key]) => !asked.includes(key.split("/")[0] ?? ""));
  const here = found.map(({ source, database }): [string, number] => {
    const key = `${source.name}/${database}`;
    return [key, Math.min(before[key] ?? now, now)];
  });
  const after = Object.fromEntries([...elsewhere, ...here]);
  if (JSON.stringify(after) === JSON.stringify(before)) return after;
  try {
    writeFileAtomic(path, `${JSON.stringify(after, null, 1)}\n`, 0o600);
  } catch (error) {
    // Then they are seen for the first time by the next prune; what is old enough makes room now.
    if (!isDiskFull(error)) throw error;
  }
  return after;
}

function read(path: string): Record<string, number> {
  try {
    const found = JSON.parse(readIfExists(path) ?? "{}") as Record<string, unknown>;
    return Object.fromEntries(
      Object.entries(found).filter((entry): entry is [string, number] => Number.isFinite(entry[1])),
    );
  } catch {
    return {};
  }
}

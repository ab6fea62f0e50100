import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { stackLabel } from "../../src/operations/backup/container.ts";
import type { ProduceJob } from "../../src/operations/backup/kinds.ts";
import { type PostgresSource, runSql, type ServerExec } from "../../src/operations/backup/postgres-client.ts";
import { checkDump, loadDump, produceDump } from "../../src/operations/backup/postgres-dump.ts";
import { readDumpFacts } from "../../src/operations/backup/postgres-dump-facts.ts";
import { serverOnCopy } from "../../src/operations/backup/postgres-replay.ts";
import type { Context } from "../../src/operations/context.ts";
import { openJournal, readJournal, undoList } from "../../src/operations/journal.ts";
import { removeKept } from "../../src/operations/restore/kept.ts";
import { dumpFromVolume, restoreDatabase } from "../../src/operations/restore/postgres-database.ts";
import { undoRenameDatabases } from "../../src/operations/restore/postgres-rename.ts";
import { withStanding } from "../../src/operations/restore/throw-away.ts";
import type { SnapshotManifest } from "../../src/snapshots/manifest.ts";
import { systemClock } from "../../src/support/clock.ts";
import {
  contextFor,
  loadJob,
  oneOffs,
  partsJob,
  produceJob,
  removeOneOffs,
  snapshotIn,
  sourceOf,
  withFlippedBit,
} from "../support/backup-jobs.ts";
import { describeWithDocker } from "../support/docker.ts";
import { client, type DataStack, dataStack, uniqueName } from "./data-stack.ts";

const image = "postgres:18.6-trixie";
const oddName = 'it\'s "odd" \\ dbname=x ü';

/** Kinds of things that a dump must carry. */
const filling = `
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, feels mood, CHECK (name <> ''));
INSERT INTO users (name, feels) SELECT 'user ' || i, 'happy' FROM generate_series(1, 5000) AS i;
CREATE TABLE orders (id int, at date NOT NULL, user_id bigint REFERENCES users, note text) PARTITION BY RANGE (at);
CREATE TABLE orders_25 PARTITION OF orders FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE orders_26 PARTITION OF orders FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO orders SELECT i, date '2025-06-01' + i % 400, 1 + i % 5000, repeat(md5(i::text), 20) FROM generate_series(1, 8000) AS i;
CREATE TABLE empty (id int);
CREATE UNLOGGED TABLE sessions AS SELECT i AS id FROM generate_series(1, 77) AS i;
CREATE SCHEMA "Odd ""schema""";
CREATE TABLE "Odd ""schema"""."a table" AS SELECT 1 AS one;
CREATE MATERIALIZED VIEW happy AS SELECT count(*) FROM users WHERE feels = 'happy';
CREATE INDEX ON users (name);
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
SELECT lo_from_bytea(0, 'a large object');
`;

const writing = `
CREATE TABLE busy (i int); CREATE TABLE stop (i int);
CREATE PROCEDURE write_on() LANGUAGE plpgsql AS $$
BEGIN
  WHILE NOT EXISTS (SELECT FROM stop) LOOP
    INSERT INTO busy SELECT generate_series(1, 100);
    COMMIT;
  END LOOP;
END $$;`;

const namesAndDoors = "SELECT datname, datallowconn, oid FROM pg_database ORDER BY 1";

/** An engine that does so many calls which change something and then none, as if this process had been killed there. */
function diesAfter(engine: Engine, calls: number): Engine {
  let left = calls;
  const counted = <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) => {
    return async (...args: Args): Promise<Result> => {
      if (left <= 0) throw new Error("killed");
      const result = await call(...args);
      left -= 1;
      if (left <= 0) throw new Error("killed");
      return result;
    };
  };
  return {
    ...engine,
    exec: counted(engine.exec),
    waitForExit: counted(engine.waitForExit),
  };
}

await describeWithDocker("dumps of postgres 18", [image], (engine: Engine) => {
  let stack: DataStack;
  let context: Context;
  let source: PostgresSource;
  let job: ProduceJob<PostgresSource>;
  let snapshot: { manifest: SnapshotManifest; folder: string };
  const live: ServerExec = async (command, options) => {
    const { containers } = await engine.observe(stack.model.name);
    return engine.exec(containers.find(({ service }) => service === "postgres")?.id ?? "", command, options);
  };
  let copy = "";
  let busyAtDump = 0;
  const propertiesOf = (name: string) =>
    `SELECT pg_get_userbyid(datdba), datconnlimit, encoding, datlocprovider, datcollate, datctype,
         (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) AS a),
         (SELECT array_agg(setrole::regrole || ' ' || setconfig::text ORDER BY setrole) FROM pg_db_role_setting WHERE setdatabase = d.oid)
       FROM pg_database d WHERE datname = '${name}'`;
  const removeContainers = async () => {
    for (const { id } of await engine.labelled(stackLabel, stack.model.name))
      await engine.remove(id, { unnamedVolumes: true });
  };
  const sql = (database: string, text: string) => runSql(live, source, database, text);

  beforeAll(async () => {
    stack = await dataStack(`
name: ${uniqueName("dumps")}
components:
${client("server", image, ["postgres"])}
  postgres: { version: 18, databases: { server: { extensions: [pg_trgm] }, empty: {} }, limits: { memory: 256m } }
`);
    await stack.up();
    // As on a larger machine: pg_dump and pg_restore with several processes.
    const info = async () => ({ ...(await engine.info()), cpus: 4 });
    context = contextFor(stack, { ...engine, info });
    source = sourceOf(stack.model, "postgres", "postgres");
    await sql("server", `SET ROLE server; ${filling}`);
    await sql(
      "postgres",
      "CREATE ROLE reporter LOGIN PASSWORD 'secret-of-the-reporter'; GRANT pg_read_all_data TO reporter",
    );
    await sql("postgres", `CREATE DATABASE "it's ""odd"" \\ dbname=x ü" OWNER reporter`);
    await sql("empty", "CREATE VIEW nothing AS SELECT 1; ALTER VIEW nothing OWNER TO empty");
    await sql(oddName, "CREATE TABLE t AS SELECT generate_series(1, 3) AS i");
    job = produceJob(context, source, "dump");
    // While it is dumped, somebody writes: what was counted must be what was dumped.
    await sql("server", writing);
    const writer = sql("server", "CALL write_on()");
    const begun = async () => (await sql("server", "SELECT count(*) > 0 FROM busy")) === "t\n";
    await vi.waitUntil(begun, { timeout: 30_000 });
    snapshot = snapshotIn(job, await produceDump(job));
    await sql("server", "INSERT INTO stop VALUES (1)");
    await writer;
    busyAtDump = readDumpFacts(snapshot.manifest).databases.find(({ name }) => name === "server")?.rows ?? 0;
    busyAtDump -= 13_079;
    expect(Number(await sql("server", "SELECT count(*) FROM busy"))).toBeGreaterThan(busyAtDump);
  });
  afterAll(async () => {
    if (context !== undefined) await removeOneOffs(context);
    await stack?.remove();
  });

  test("each database is a file of its own, counted and dumped at one moment", async () => {
    expect(snapshot.manifest.parts.map(({ name }) => name)).toEqual([
      "globals.sql.zst",
      "empty.dump.tar",
      "0.it.27s.20.22odd.22.20.5c.20dbname.3dx.20.c3.bc.dump.tar",
      "postgres.dump.tar",
      "server.dump.tar",
      "rows.jsonl",
    ]);
    const { databases, roles, serverVersion } = readDumpFacts(snapshot.manifest);
    expect(databases.map(({ name, owner, tables, rows }) => ({ name, owner, tables, rows }))).toEqual([
      { name: "empty", owner: "empty", tables: 0, rows: 0 },
      { name: oddName, owner: "reporter", tables: 1, rows: 3 },
      { name: "postgres", owner: "postgres", tables: 0, rows: 0 },
      { name: "server", owner: "server", tables: 8, rows: 13_079 + busyAtDump },
    ]);
    expect({ roles, major: Math.floor(serverVersion / 10_000) }).toEqual({
      roles: ["empty", "reporter", "server"],
      major: 18,
    });
    expect(await checkDump(partsJob(job, snapshot))).toEqual({
      ok: true,
      detail: `4 databases with 9 tables and ${13_082 + busyAtDump} rows, each file whole`,
    });
    expect(await oneOffs(context)).toEqual([]);
  });

  test("a new server is filled with it, row by row, without a network", async () => {
    const loaded = await loadDump(loadJob(job, snapshot));
    expect(loaded.checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(loaded.checks.map(({ detail }) => detail)).toEqual([
      "empty: 0 tables, 0 rows, as when it was dumped",
      `${oddName}: 1 tables, 3 rows, as when it was dumped`,
      "postgres: 0 tables, 0 rows, as when it was dumped",
      `server: 8 tables, ${13_079 + busyAtDump} rows, as when it was dumped`,
      "pg_amcheck found nothing wrong with tables and indexes",
    ]);
    const [{ restored = "" } = {}] = loaded.volumes;
    expect(await oneOffs(context)).toEqual([restored]);
    copy = restored;
    const { service } = source;
    const found = stack.model.services.find(({ name }) => name === service);
    if (found === undefined) throw new Error("no service");
    const spec = serverOnCopy(context, source, { image, volume: copy });
    await withStanding(context, { what: "the copy", service: found, spec }, async ({ exec }) => {
      const ask = (text: string) => runSql(exec, source, "postgres", text);
      expect(await ask(propertiesOf("server"))).toBe(await sql("postgres", propertiesOf("server")));
      expect(await ask("SELECT pg_has_role('reporter', 'pg_read_all_data', 'USAGE')")).toBe("t\n");
      expect(await ask("SELECT rolname FROM pg_authid WHERE rolpassword IS NOT NULL")).toBe("postgres\n");
    });
  });

  test("one database comes back into the running server, and the one that was there is kept", async () => {
    await sql(
      "postgres",
      'ALTER DATABASE server SET search_path = public, "Odd ""schema"""; ALTER DATABASE server CONNECTION LIMIT 50',
    );
    await sql(
      "postgres",
      "ALTER ROLE server IN DATABASE server SET work_mem = '5MB'; GRANT CONNECT ON DATABASE server TO reporter",
    );
    const properties = await sql("postgres", propertiesOf("server"));
    await sql("server", "DELETE FROM public.orders; DROP TABLE public.sessions; CREATE TABLE public.newer AS SELECT 1");
    const { journal } = job;
    const restored = await restoreDatabase(context, journal, { source, database: "server", snapshot, id: "abc123" });
    expect(restored).toEqual({
      database: "server",
      kept: "server_before_abc123",
      checks: [{ ok: true, detail: `server: 8 tables, ${13_079 + busyAtDump} rows, as when it was dumped` }],
    });
    expect(await sql("server", "SELECT count(*) FROM orders UNION ALL SELECT count(*) FROM sessions ORDER BY 1")).toBe(
      "77\n8000\n",
    );
    expect(await sql("postgres", propertiesOf("server"))).toBe(properties);
    // As the app itself, over the network, with its password.
    const app = await stack.sh(
      "server",
      'psql "$DATABASE_URL" -Atc "INSERT INTO users (name) VALUES (\'new\') RETURNING id"',
    );
    expect(app.stdout.split("\n")[0], app.stderr).toBe("5001");
    await expect(sql("server_before_abc123", "SELECT 1")).rejects.toThrow();
    const kept = `database server_before_abc123 of ${source.name}`;
    const hours = (count: number): Context => ({
      ...context,
      clock: { ...systemClock, now: () => Date.now() + count * 3_600_000 },
    });
    const told = async (count: number, options = {}) => {
      const { removed, staying } = await removeKept(hours(count), options);
      return [...removed, ...staying].filter((line) => line.includes("database"));
    };
    expect(await told(0)).toEqual([`${kept}, put aside by a restore, goes in 3d`]);
    expect(await told(71)).toEqual([expect.stringMatching(/goes in (1h|59m)/)]);
    expect(await told(73, { dryRun: true })).toEqual([expect.stringContaining("goes with the next prune")]);
    // Who opens it again has it back for good; one that has the name alone is somebody's own.
    await sql("postgres", "ALTER DATABASE server_before_abc123 ALLOW_CONNECTIONS true");
    expect(await told(100)).toEqual([]);
    expect(await sql("server_before_abc123", "SELECT count(*) FROM public.newer")).toBe("1\n");
    await sql("postgres", "ALTER DATABASE server_before_abc123 ALLOW_CONNECTIONS false");
    expect(await told(100)).toEqual([`${kept}, put aside by a restore, goes in 3d`]);
    expect(await told(173)).toEqual([`removed ${kept}, put aside by a restore`]);
    expect(await sql("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE '%before%'")).toBe("0\n");
    expect(await oneOffs(context)).toEqual([copy]);
  });

  test("or beside it, and a database of another name is neither replaced nor guessed", async () => {
    const request = { source, database: oddName, snapshot, into: "odd-2" };
    expect(await restoreDatabase(context, job.journal, request)).toMatchObject({ database: "odd-2" });
    expect(await sql("odd-2", "SELECT sum(i) FROM t")).toBe("6\n");
    expect(await sql(oddName, "SELECT sum(i) FROM t")).toBe("6\n");
    await expect(restoreDatabase(context, job.journal, request)).rejects.toThrow('has a database "odd-2" already');
    await expect(restoreDatabase(context, job.journal, { source, database: "servr", snapshot })).rejects.toMatchObject({
      hint: expect.stringContaining("server"),
    });
    await sql("postgres", 'DROP DATABASE "odd-2"');
  });

  test("a role that is not there any more is named, and nothing is left", async () => {
    const before = await sql("postgres", namesAndDoors);
    await sql("postgres", "ALTER ROLE empty RENAME TO gone");
    const request = { source, database: "empty", snapshot, into: "again" };
    await expect(restoreDatabase(context, job.journal, request)).rejects.toMatchObject({
      message: 'What is in empty belongs in part to the role "empty", which the server does not have',
      hint: `./prod.sh psql --username postgres --dbname postgres --command 'CREATE ROLE "empty"'`,
    });
    await sql("postgres", "ALTER ROLE gone RENAME TO empty");
    expect(await sql("postgres", namesAndDoors)).toBe(before);
  });

  test("one database of a copy of the whole server is dumped out of it", async () => {
    const { staging } = produceJob(context, source, "dump");
    const dump = await dumpFromVolume(context, {
      source,
      volume: copy,
      image,
      database: "server",
      staging,
      snapshot: "s1",
    });
    expect(readDumpFacts(dump.manifest).databases).toMatchObject([
      { name: "server", tables: 8, rows: 13_079 + busyAtDump },
    ]);
    const restored = await restoreDatabase(context, job.journal, {
      source,
      database: "server",
      snapshot: dump,
      into: "past",
    });
    expect(restored.checks).toMatchObject([{ ok: true }]);
    await sql("postgres", "DROP DATABASE past");
    await expect(
      dumpFromVolume(context, { source, volume: copy, image, database: "nobody", staging, snapshot: "s1" }),
    ).rejects.toThrow('The snapshot s1 has no database "nobody"');
    expect(await oneOffs(context)).toEqual([copy]);
  });

  test("killed at any step, the undo of the journal leaves the live database as it was", async () => {
    await sql(oddName, "INSERT INTO t VALUES (4)");
    const before = await sql("postgres", namesAndDoors);
    for (let calls = 1; ; calls += 1) {
      const dead = { ...context, engine: diesAfter(engine, calls) };
      const journal = openJournal(context.directory, "restore", context.clock);
      const outcome = await restoreDatabase(dead, journal, {
        source,
        database: oddName,
        snapshot,
        id: "dead01",
      }).catch((error: unknown) => error);
      const undo = undoList(readJournal(context.directory, journal.id));
      if (!(outcome instanceof Error)) {
        expect(undo).toEqual([]);
        expect(calls).toBeGreaterThan(8);
        break;
      }
      expect(outcome.message).toBe("killed");
      for (const { undo: step } of [...undo, ...undo]) await undoRenameDatabases(context, step);
      expect(await sql("postgres", namesAndDoors), `after ${calls} calls`).toBe(before);
      expect(await sql(oddName, "SELECT count(*) FROM t"), `after ${calls} calls`).toBe("4\n");
      await removeContainers();
    }
    expect(await sql(oddName, "SELECT count(*) FROM t")).toBe("3\n");
    expect(await oneOffs(context)).toEqual([copy]);
  });

  test("a dump whose container is killed is no dump, and the next one is whole", async () => {
    await sql("server", "CREATE TABLE held (i int)");
    // The dump waits for this lock, so that it is surely under way.
    const holder = sql("server", "BEGIN; LOCK TABLE held; SELECT pg_sleep(600)");
    holder.catch(() => {});
    const waiting =
      "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'create-stack' AND wait_event_type = 'Lock'";
    const dumping = produceDump(produceJob(context, source, "dump"));
    dumping.catch(() => {});
    await vi.waitUntil(async () => (await sql("postgres", waiting)) === "1\n", { timeout: 30_000 });
    for (const { id, state } of await engine.labelled(stackLabel, stack.model.name))
      if (state === "running") await engine.kill(id, "SIGKILL");
    await expect(dumping).rejects.toThrow("The dump of postgres failed: exit code 137");
    await sql("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    expect(await oneOffs(context)).toEqual([copy]);
    await sql("server", "DROP TABLE held");
    const next = produceJob(context, source, "dump");
    expect((await checkDump(partsJob(next, snapshotIn(next, await produceDump(next))))).ok).toBe(true);
  });

  test("one flipped bit in any file is found", async () => {
    for (const name of ["server.dump.tar", "globals.sql.zst", "rows.jsonl"]) {
      await withFlippedBit(join(snapshot.folder, name), async () => {
        const { ok, detail } = await checkDump(partsJob(job, snapshot));
        expect({ ok, detail }).toEqual({ ok: false, detail: `${name}: is not what was written: its hash is another` });
      });
    }
    expect((await checkDump(partsJob(job, snapshot))).ok).toBe(true);
  });
});

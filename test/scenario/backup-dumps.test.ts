import { afterAll, beforeAll, expect, test } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import type { ProduceJob } from "../../src/operations/backup/kinds.ts";
import { type PostgresSource, runSql, type ServerExec } from "../../src/operations/backup/postgres-client.ts";
import { checkDump, loadDump, produceDump } from "../../src/operations/backup/postgres-dump.ts";
import { readDumpFacts } from "../../src/operations/backup/postgres-dump-facts.ts";
import type { Context } from "../../src/operations/context.ts";
import type { SnapshotManifest } from "../../src/snapshots/manifest.ts";
import {
  contextFor,
  loadJob,
  oneOffs,
  partsJob,
  produceJob,
  removeOneOffs,
  snapshotIn,
  sourceOf,
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
  const sql = (database: string, text: string) => runSql(live, source, database, text);

  beforeAll(async () => {
    stack = await dataStack(`
name: ${uniqueName("dumps")}
components:
${client("server", image, ["postgres"])}
  postgres: { version: 18, databases: { server: { extensions: [pg_trgm] }, empty: {} }, limits: { memory: 256m } }
`);
    await stack.up();
    context = contextFor(stack, engine);
    source = sourceOf(stack.model, "postgres", "postgres");
    await sql("server", `SET ROLE server; ${filling}`);
    await sql(
      "postgres",
      "CREATE ROLE reporter LOGIN PASSWORD 'secret-of-the-reporter'; GRANT pg_read_all_data TO reporter",
    );
    await sql("postgres", `CREATE DATABASE "it's ""odd"" \\ dbname=x ü" OWNER reporter`);
    await sql(oddName, "CREATE TABLE t AS SELECT generate_series(1, 3) AS i");
    job = produceJob(context, source, "dump");
    snapshot = snapshotIn(job, await produceDump(job));
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
      { name: "server", owner: "server", tables: 6, rows: 13_079 },
    ]);
    expect({ roles, major: Math.floor(serverVersion / 10_000) }).toEqual({
      roles: ["empty", "reporter", "server"],
      major: 18,
    });
    expect(await checkDump(partsJob(job, snapshot))).toEqual({
      ok: true,
      detail: "4 databases with 7 tables and 13082 rows, each file whole",
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
      "server: 6 tables, 13079 rows, as when it was dumped",
      "pg_amcheck found nothing wrong with tables and indexes",
    ]);
    const [{ restored = "" } = {}] = loaded.volumes;
    expect(await oneOffs(context)).toEqual([restored]);
    await engine.removeVolume(restored);
  });
});

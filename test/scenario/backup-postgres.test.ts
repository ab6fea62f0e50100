import { afterAll, beforeAll, expect, test } from "vitest";
import type { Loaded } from "../../src/operations/backup/kinds.ts";
import { makeIdentity, readIdentities } from "../../src/snapshots/recipients.ts";
import { ageSealer } from "../../src/snapshots/seal.ts";
import { describeWithDocker } from "../support/docker.ts";
import { memoryStore } from "../support/memory-store.ts";
import { type PostgresStack, postgresStack, type TakenBase } from "./backup-postgres-stack.ts";

const images = { 16: "postgres:16.15-trixie", 17: "postgres:17.11-trixie", 18: "postgres:18.6-trixie" };

/** Sums over all that pgbench changes: equal only where every row is. */
const digest = `SELECT md5(string_agg(line, ',' ORDER BY line)) FROM (
  SELECT format('a%s:%s', aid, abalance) FROM pgbench_accounts UNION ALL SELECT format('t%s:%s', tid, tbalance) FROM pgbench_tellers
  UNION ALL SELECT format('h%s:%s:%s:%s', tid, aid, delta, extract(epoch FROM mtime)) FROM pgbench_history
  UNION ALL SELECT format('m%s', name) FROM marks) AS rows (line)`;

/** The server's clock, rounded up to the next millisecond, so that all that is committed is before it. */
const clock = "SELECT ceil(extract(epoch FROM clock_timestamp()) * 1000)";

for (const version of [18, 17, 16] as const) {
  await describeWithDocker(`base backups and the log of postgres ${version}`, [images[version]], () => {
    let pg: PostgresStack;
    let base: TakenBase;
    let chosen: { at: number; rows: string };
    let newest: string;
    // Everything arrives there an hour late, as after an outage.
    const remote = memoryStore({ name: "far", now: () => Date.now() + 3_600_000 });
    let key: { identity: string; recipient: string };
    const load = async (...options: string[]) => {
      const { code, stderr } = await pg.stack.sh("postgres", `pgbench -n -U postgres ${options.join(" ")} app`);
      if (code !== 0) throw new Error(stderr);
    };
    const rowsOf = async (loaded: Loaded) => pg.sqlOn(loaded, digest);

    beforeAll(async () => {
      pg = await postgresStack(version);
      await pg.up();
      await load("-i -q -s 2");
      await pg.sql("CREATE TABLE marks (name text PRIMARY KEY, made timestamptz DEFAULT clock_timestamp())");
      const working = load("-c 2 -T 2");
      base = await pg.takeBase();
      await working;
      await pg.archived();
      await load("-c 2 -t 200");
      await pg.sql("INSERT INTO marks VALUES ('before')");
      chosen = { rows: await pg.sql(digest), at: Number(await pg.sql(clock)) };
      await pg.sql("INSERT INTO marks VALUES ('after')");
      await load("-c 2 -t 300");
      await pg.archived();
      await load("-c 2 -t 100");
      newest = await pg.sql(digest);
      await pg.archived();
      key = await makeIdentity();
      await pg.ship([base], [remote], ageSealer([key.recipient]));
    });
    afterAll(async () => pg?.remove());

    test("a base that was taken under load is whole, by the server's own programs", async () => {
      expect(await pg.check(base)).toMatchObject({
        ok: true,
        detail: expect.stringContaining("agree with the server's"),
      });
      expect(base.manifest.parts.map(({ name }) => name)).toEqual([
        "base.tar.zst",
        "pg_wal.tar.zst",
        "backup_manifest",
      ]);
    });

    test("without room to unpack it the check reads it, and a restore is refused before anything is made", async () => {
      const databases = { app: 2 ** 50 };
      const huge = { ...base, manifest: { ...base.manifest, facts: { ...base.manifest.facts, databases } } };
      const detail = version < 18 ? "could be read (the disk has no room" : "agree with the server's manifest";
      expect(await pg.check(huge)).toMatchObject({ ok: true, detail: expect.stringContaining(detail) });
      await expect(pg.load(huge)).rejects.toMatchObject({
        code: "disk-full",
        message: expect.stringContaining("1024 TB"),
      });
      expect(pg.volumes()).toEqual([]);
    });

    test("a chosen second comes back row for row", async () => {
      const loaded = await pg.load(base, { at: chosen.at });
      expect(await rowsOf(loaded)).toBe(chosen.rows);
      expect(loaded.reached).toBeLessThanOrEqual(chosen.at);
      expect(loaded.reached).toBeGreaterThan(chosen.at - 10_000);
      expect(loaded.checks.filter(({ ok }) => !ok)).toEqual([]);
    });

    test("the newest comes back row for row, and passes every check", async () => {
      const loaded = await pg.load(base, { depth: "deep" });
      expect(await rowsOf(loaded)).toBe(newest);
      expect(loaded.checks.filter(({ ok }) => !ok)).toEqual([]);
      expect(loaded.facts).toMatchObject({ timeline: 2, rows: { app: { "public.pgbench_accounts": 200_000 } } });
    });

    test.runIf(version === 18)("a chosen second comes back from encrypted copies that arrived late", async () => {
      const loaded = await pg.load(base, { at: chosen.at, store: remote, identities: readIdentities(key.identity) });
      expect(await rowsOf(loaded)).toBe(chosen.rows);
      expect([...remote.objects.keys()].filter((name) => !name.endsWith(".age"))).toEqual([]);
    });

    test("nothing is left but what came out", async () => {
      expect(await pg.leftovers()).toEqual([]);
    });
  });
}

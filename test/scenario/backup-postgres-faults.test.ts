import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stackLabel } from "../../src/operations/backup/container.ts";
import { backupsFolder } from "../../src/operations/backup/stores.ts";
import { engineName } from "../../src/operations/engine-name.ts";
import { openJournal } from "../../src/operations/journal.ts";
import { swapVolumes } from "../../src/operations/restore/swap.ts";
import { systemClock } from "../../src/support/clock.ts";
import { describeWithDocker } from "../support/docker.ts";
import { type PostgresStack, postgresStack, type TakenBase } from "./backup-postgres-stack.ts";

const rows = "SELECT string_agg(name, ',' ORDER BY name) FROM t";
const clock = "SELECT ceil(extract(epoch FROM clock_timestamp()) * 1000)";

await describeWithDocker("a Postgres server's backups when something goes wrong", ["postgres:18.6-trixie"], () => {
  let pg: PostgresStack;
  let base: TakenBase;
  /** After the row b and before the row c. */
  let between: number;
  const add = (name: string) => pg.sql(`INSERT INTO t VALUES ('${name}')`);
  const logFolder = () => join(backupsFolder(pg.stack.directory), `wal/postgres/${base.manifest.facts.systemId}`);
  const segments = () => readdirSync(logFolder()).filter((name) => /^[0-9A-F]{24}\.zst$/.test(name));

  beforeAll(async () => {
    pg = await postgresStack(18);
    await pg.up();
    await pg.sql("CREATE TABLE t (name text PRIMARY KEY); INSERT INTO t VALUES ('a')");
    base = await pg.takeBase();
    await add("b");
    between = Number(await pg.sql(clock));
    for (const name of ["c", "d", "e"]) {
      await add(name);
      await pg.archived();
    }
    await pg.ship([base]);
  });
  afterAll(async () => pg?.remove());

  test("a moment that cannot be reached is refused before anything is made", async () => {
    const early = Date.parse(String(base.manifest.facts.stoppedAt)) - 1;
    await expect(pg.load(base, { at: early })).rejects.toMatchObject({
      code: "moment-unreachable",
      message: expect.stringContaining(`it reaches from ${base.manifest.facts.stoppedAt} to `),
    });
    await expect(pg.load(base, { at: Date.now() + 60_000 })).rejects.toMatchObject({
      code: "moment-unreachable",
      hint: expect.stringMatching(/^--at \d{4}-.*Z, or leave --at out/),
    });
    expect(pg.volumes()).toEqual([]);
    expect(await pg.leftovers()).toEqual([]);
  });

  test("a snapshot of another major version is refused before anything is made", async () => {
    const older = { ...base.manifest, facts: { ...base.manifest.facts, serverVersion: 170_011 } };
    await expect(pg.load({ ...base, manifest: older })).rejects.toMatchObject({
      code: "postgres-version",
      message: expect.stringContaining("was made by PostgreSQL 17; postgres runs 18"),
    });
    const unknown = { reference: "postgres:0-nowhere", id: `sha256:${"0".repeat(64)}`, digests: [] };
    // Its own image is gone, and the stack's is of the same version.
    expect(await pg.check({ ...base, manifest: { ...base.manifest, image: unknown } })).toMatchObject({ ok: true });
    await expect(pg.check({ ...base, manifest: { ...older, image: unknown } })).rejects.toMatchObject({
      code: "image-missing",
      message: expect.stringContaining("PostgreSQL 17"),
    });
    expect(pg.volumes()).toEqual([]);
  });

  test("a moment after the last commit, of which the log has the minute, is the newest", async () => {
    const last = Number(await pg.sql(clock));
    await pg.sql("SELECT pg_create_restore_point('nothing that is a commit')");
    await pg.archived();
    await pg.ship([base]);
    const loaded = await pg.load(base, { at: last });
    expect(await pg.sqlOn(loaded, rows)).toBe("a,b,c,d,e");
    expect(loaded.checks[0]?.detail).toContain("no commit came after the moment");
  });

  test.each(["base.tar.zst", "pg_wal.tar.zst", "backup_manifest"])("one flipped bit in %s is found", async (part) => {
    const folder = join(backupsFolder(pg.stack.directory), ".staging", `flipped-${part}`);
    cpSync(base.folder, folder, { recursive: true });
    flipBit(join(folder, part));
    const flipped = { ...base, folder };
    expect(await pg.check(flipped)).toMatchObject({ ok: false });
    await expect(pg.load(flipped)).rejects.toMatchObject({ code: "backup-damaged" });
    expect(await pg.leftovers()).toEqual([]);
  });

  test("one flipped bit in the log is found, and is not taken for its end", async () => {
    const name = segments().at(-2) ?? "";
    const path = join(logFolder(), name);
    const whole = readFileSync(path);
    flipBit(path);
    await expect(pg.load(base)).rejects.toMatchObject({
      code: "backup-damaged",
      message: expect.stringContaining(name.slice(0, 24)),
    });
    writeFileSync(path, whole);
  });

  test("a hole in the log is told at once, and the newest is not quietly an older one", async () => {
    const name = segments().at(-2) ?? "";
    const aside = join(backupsFolder(pg.stack.directory), name);
    renameSync(join(logFolder(), name), aside);
    const report = await pg.ship([base]);
    expect(report.holes).toMatchObject([{ from: name.slice(0, 24), to: name.slice(0, 24), timeline: 1 }]);
    expect(report.baseWanted).toBe(`the log is missing from ${name.slice(0, 24)} to ${name.slice(0, 24)}`);
    await expect(pg.load(base)).rejects.toMatchObject({ code: "wal-gap", hint: expect.stringContaining("--at ") });
    expect(await pg.sqlOn(await pg.load(base, { at: between }), rows)).toBe("a,b");
    renameSync(aside, join(logFolder(), name));
    expect(await pg.ship([base])).toMatchObject({ holes: [], problems: [] });
  });

  test("a helper that is killed, or interrupted, leaves nothing, and the next run works", async () => {
    const server = (await pg.stack.compose("ps", "-q", "postgres")).stdout.trim();
    const helper = async () => {
      for (let tries = 0; tries < 400; tries += 1) {
        const found = (await pg.engine.labelled(stackLabel, pg.stack.model.name))[0];
        if (found?.state === "running") return found.id;
        await systemClock.sleep(50);
      }
      throw new Error("no helper came");
    };
    // Connections are taken by the kernel, and nobody answers.
    await pg.engine.kill(server, "SIGSTOP");
    const killed = pg.takeBase();
    const outcome = expect(killed).rejects.toMatchObject({ code: "backup-task-failed" });
    await pg.engine.kill(await helper(), "SIGKILL");
    await outcome;
    const interrupt = new AbortController();
    const interrupted = pg.takeBase(interrupt.signal);
    const end = expect(interrupted).rejects.toThrow("interrupted by the test");
    await helper();
    interrupt.abort(new Error("interrupted by the test"));
    await end;
    await pg.engine.kill(server, "SIGCONT");
    expect(await pg.leftovers()).toEqual([]);
    expect(await pg.check(await pg.takeBase())).toMatchObject({ ok: true });
  });

  test("a spool that cannot be written stops no transaction; afterwards nothing is missing", async () => {
    const spool = join(pg.stack.directory, pg.source.spool);
    chmodSync(spool, 0o555);
    await add("f");
    await pg.sql("SELECT pg_switch_wal()");
    while ((await pg.sql("SELECT failed_count > 0 FROM pg_stat_archiver")) === "f") await systemClock.sleep(100);
    await add("g");
    const report = await pg.ship([base]);
    expect(report.problems).toEqual([expect.stringContaining("postgres cannot archive 0000")]);
    expect(report.changes).toBeUndefined();
    chmodSync(spool, 0o777);
    await pg.archived();
    expect(await pg.ship([base])).toMatchObject({ holes: [], problems: [] });
    expect(await pg.sqlOn(await pg.load(base), rows)).toBe("a,b,c,d,e,f,g");
  });

  test("tablespaces, which a volume does not hold, are refused by name", async () => {
    await pg.stack.sh("postgres", "mkdir -p /var/lib/postgresql/elsewhere");
    await pg.sql("CREATE TABLESPACE elsewhere LOCATION '/var/lib/postgresql/elsewhere'");
    await expect(pg.takeBase()).rejects.toMatchObject({
      code: "tablespaces",
      message: expect.stringContaining("(elsewhere)"),
    });
    await pg.sql("DROP TABLESPACE elsewhere");
  });

  test("after a swap the log goes on on a timeline of its own, and both can be restored", async () => {
    const before = await pg.sql(rows);
    const loaded = await pg.load(base);
    await pg.stack.compose("stop", "postgres");
    await expect(pg.takeBase()).rejects.toMatchObject({ code: "source-not-running", hint: "./prod.sh start postgres" });
    const journal = openJournal(pg.stack.directory, "test", systemClock);
    const pairs = loaded.volumes.map(({ restored, replaces }) => ({
      restored,
      replaces: engineName(pg.stack.model, replaces),
    }));
    await swapVolumes(pg.context, journal, pairs);
    await pg.up();
    await add("swapped");
    await pg.archived();
    const report = await pg.ship([base]);
    expect(existsSync(join(logFolder(), "00000002.history"))).toBe(true);
    expect(report).toMatchObject({ baseWanted: "the server went on on timeline 2", holes: [] });
    const after = `${before},swapped`;
    // From the old base through both timelines, from a new base, and back to what was left behind.
    expect(await pg.sqlOn(await pg.load(base), rows)).toBe(after);
    const newer = await pg.takeBase();
    expect(newer.manifest.facts).toMatchObject({ timeline: 2 });
    expect(await pg.ship([base, newer])).not.toHaveProperty("baseWanted");
    expect(await pg.sqlOn(await pg.load(newer), rows)).toBe(after);
    const earlier = await pg.load(base, { at: between });
    expect(await pg.sqlOn(earlier, rows)).toBe("a,b");
    // A third number: a second timeline 2 would write over the first one's log.
    expect(earlier.facts).toMatchObject({ fromTimeline: 1, timeline: 3 });
  });
});

/** Turns one bit around in the middle of a file. */
function flipBit(path: string): void {
  const bytes = readFileSync(path);
  const place = Math.floor(bytes.length / 2);
  bytes[place] = (bytes[place] ?? 0) ^ 0x10;
  // The file may be known by another name too, whose content stays.
  rmSync(path);
  writeFileSync(path, bytes, { mode: 0o644 });
}

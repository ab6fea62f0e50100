import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { runMigrate } from "../../src/operations/migrate.ts";
import { readHistory } from "../../src/operations/migration-history.ts";
import { runStatus } from "../../src/operations/status.ts";
import { StackError } from "../../src/support/errors.ts";
import { describeWithDocker } from "../support/docker.ts";
import { type GeneratedStack, generatedStack, type Supervisor } from "../support/generated-stack.ts";

const image = "postgres:18.6-trixie";

/** An app that waits, and whose migration is what the test is about. */
function app(name: string, migrate: string, more = ""): string {
  const common = `type: app, image: "${image}", user: "999:999", uses: [postgres], command: [sleep, infinity]`;
  return `  ${name}: { ${common}, health: { exec: ["true"] }, limits: { memory: 96m }, stopGrace: 2s, migrate: ${migrate}${more} }\n`;
}

/** Prints, writes a row, and goes on for a while; ends by itself when it is told to stop. */
const slowScript = [
  "psql -qc 'create table if not exists steps (name text)' 2>/dev/null",
  "psql -qc \"insert into steps values ('begun')\"",
  "echo begun",
  "for i in 1 2 3 4 5 6; do sleep 0.5; done",
  "psql -qc \"insert into steps values ('done')\"",
  "echo done",
].join("; ");

/** Leaves a trace of its beginning and its end, in order: two at once would show as two beginnings in a row. */
const tracedScript = [
  "psql -qc 'create table if not exists trace (id serial, what text)' 2>/dev/null",
  "psql -qc \"insert into trace (what) values ('begun')\"",
  "sleep 0.7",
  "psql -qc \"insert into trace (what) values ('done')\"",
].join("; ");

const components = [
  "  postgres: { limits: { memory: 256m } }\n",
  app(
    "good",
    `["psql", "-ec", "create table if not exists users (id int)"]`,
    `, seed: ["psql", "-c", "insert into users values (1)"]`,
  ),
  app("bad", `["psql", "-v", "ON_ERROR_STOP=1", "-c", "select * from missing"]`),
  app("hanging", `{ command: [sh, -c, "echo waiting; trap '' INT TERM; while :; do sleep 1; done"], timeout: 2s }`),
  app("slow", `{ command: [sh, -c, ${JSON.stringify(slowScript)}], timeout: 60s }`),
  app("traced", `{ command: [sh, -c, ${JSON.stringify(tracedScript)}], timeout: 60s }`),
  app("greedy", `[sh, -c, "echo filling; exec tail /dev/zero"]`),
  app("leaky", `[sh, -c, "env; exit 3"]`),
].join("");

await describeWithDocker("migrate, with Postgres", [image], (engine) => {
  let stack: GeneratedStack;
  const supervisors: Supervisor[] = [];

  beforeAll(async () => {
    stack = await generatedStack(engine, components);
    const { code, stderr } = await stack.compose("up", "-d", "postgres-setup");
    expect(stderr).not.toContain("rror");
    expect(code).toBe(0);
    await untilSetUp();
  });
  afterEach(() => {
    for (const { child } of supervisors.splice(0)) child.kill("SIGKILL");
  });
  afterAll(() => stack.remove());

  function untilSetUp(): Promise<void> {
    return vi.waitFor(
      async () => {
        expect((await stack.containers("postgres-setup"))[0]?.state).toBe("exited");
        expect((await stack.containers("postgres"))[0]?.health).toBe("healthy");
      },
      { timeout: 60_000, interval: 200 },
    );
  }
  const migrate = (name: string, more = {}) => runMigrate(stack.context(), { apps: [name], ...more });
  const supervise = (options: object) => {
    const supervisor = stack.supervise("migrate", options);
    supervisors.push(supervisor);
    return supervisor;
  };
  const failure = async (work: Promise<unknown>): Promise<StackError> => {
    const error = await work.then(
      () => new Error("it went well"),
      (reason) => reason,
    );
    if (error instanceof StackError) return error;
    throw error;
  };
  const historyOf = (name: string) =>
    readHistory(stack.directory).flatMap(({ app: of, outcome, exitCode }) =>
      of === name ? [`${outcome} ${exitCode ?? ""}`.trim()] : [],
    );
  const query = async (database: string, sql: string) =>
    (await stack.compose("exec", "-T", "postgres", "psql", "-U", database, "-d", database, "-Atc", sql)).stdout.trim();
  const jobs = async () => (await engine.observe(stack.model.name)).containers.filter(({ oneOff }) => oneOff);
  const running = (name: string) => async () => (await stack.containers(`${name}-migrate`))[0]?.state;
  const advisoryLocks = () => query("slow", "select count(*) from pg_locks where locktype = 'advisory'");

  test("one that goes well changes the database, is kept and leaves nothing behind", async () => {
    const context = stack.context();
    const { runs } = await runMigrate(context, { apps: ["good"], seed: true });
    expect(runs.map(({ kind, outcome }) => `${kind} ${outcome}`)).toEqual(["migrate ok", "seed ok"]);
    expect(await query("good", "select count(*) from users")).toBe("1");
    expect(context.progress.lines).toContain("good-migrate | CREATE TABLE");
    expect(readFileSync(join(stack.directory, ".stack/migrations", `${runs[0]?.id}.log`), "utf8")).toContain(
      "CREATE TABLE\n",
    );
    expect(runs[0]?.imageId).toBe((await engine.image(image))?.id);
    expect(await jobs()).toEqual([]);
    expect(existsSync(join(stack.directory, ".stack/lock"))).toBe(false);
    const { migrations } = await runStatus(stack.context());
    expect(migrations.find((found) => found.app === "good")?.last?.outcome).toBe("ok");
  });

  test("one that fails says why, and status says so", async () => {
    const error = await failure(migrate("bad"));
    expect(error).toMatchObject({ code: "migration-failed", exit: "unhealthy" });
    expect(error.message).toMatch(/^The migration of bad failed with exit code 1 after /);
    expect(error.details.join("\n")).toContain('relation "missing" does not exist');
    expect(historyOf("bad")).toEqual(["failed 1"]);
    expect(await jobs()).toEqual([]);
    const { healthy, problems } = await runStatus(stack.context());
    expect(healthy).toBe(false);
    expect(problems).toContainEqual({
      subject: "bad",
      message: "the last migration of bad ended badly (failed)",
      hint: "./prod.sh migrate bad",
    });
  });

  test("one that hangs and is deaf to signals is stopped when its time is up", async () => {
    const begun = Date.now();
    const error = await failure(migrate("hanging"));
    expect(Date.now() - begun).toBeLessThan(12_000);
    expect(error.message).toContain("did not end within its time and was stopped after");
    expect(error.details[0]).toBe("waiting");
    expect(historyOf("hanging")).toEqual(["timed-out 137"]);
    expect(await jobs()).toEqual([]);
  });

  test("one that is killed for memory says how much it had", async () => {
    const error = await failure(migrate("greedy"));
    expect(error.message).toBe("The migration of greedy was killed because it ran out of memory (its limit is 96 MB)");
    expect(historyOf("greedy")).toEqual(["out-of-memory 137"]);
  });

  test("one that prints its environment gives no secret away", async () => {
    const context = stack.context();
    const error = await failure(runMigrate(context, { apps: ["leaky"] }));
    const password = readFileSync(join(stack.directory, "secrets/postgres_leaky"), "utf8").trim();
    const folder = join(stack.directory, ".stack/migrations");
    const kept = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"));
    const everything = [...context.progress.all, ...error.details, error.message, ...kept].join("\n");
    expect(everything).toContain("PGPASSWORD=[redacted]");
    expect(everything).not.toContain(password);
  });

  test("two at the same time: one works, the other says who holds the lock, or waits", async () => {
    const first = supervise({ apps: ["slow"] });
    await expect.poll(running("slow"), { timeout: 30_000 }).toBe("running");
    const error = await failure(migrate("slow"));
    expect(error).toMatchObject({ code: "locked", exit: "locked" });
    expect(error.message).toContain(`\`migrate\` (process ${first.child.pid})`);
    const { runs } = await migrate("slow", { wait: 60_000 });
    expect(runs.map(({ outcome }) => outcome)).toEqual(["ok"]);
    expect((await first.ended)?.runs?.map(({ outcome }) => outcome)).toEqual(["ok"]);
    expect(await query("slow", "select string_agg(name, ' ') from steps")).toBe("begun done begun done");
  });

  test("a killed supervisor: the lock goes, the migration goes on, and the next call sees it to its end", async () => {
    const before = await query("slow", "select count(*) from steps");
    const first = supervise({ apps: ["slow"] });
    await expect.poll(() => first.output(), { timeout: 30_000 }).toContain("slow-migrate | begun");
    expect(await advisoryLocks()).toBe("1");
    first.child.kill("SIGKILL");
    expect(await first.ended).toBeUndefined();
    await expect.poll(advisoryLocks).toBe("0");
    const context = stack.context();
    const { runs } = await runMigrate(context, { apps: ["slow"] });
    expect(context.progress.lines[0]).toMatch(
      /-slow-migrate-.*: a migration of slow that was begun .* ago still runs$/,
    );
    expect(context.progress.lines.slice(1)).toEqual(["slow-migrate | begun", "slow-migrate | done"]);
    expect(runs.map(({ outcome }) => outcome)).toEqual(["ok"]);
    expect(Number(await query("slow", "select count(*) from steps"))).toBe(Number(before) + 2);
    expect(await jobs()).toEqual([]);
  });

  test("a supervisor that was killed, and the migration ended meanwhile: that is the result", async () => {
    const before = await query("slow", "select count(*) from steps");
    const first = supervise({ apps: ["slow"] });
    await expect.poll(running("slow"), { timeout: 30_000 }).toBe("running");
    first.child.kill("SIGKILL");
    await expect.poll(running("slow"), { timeout: 30_000 }).toBe("exited");
    const { runs } = await migrate("slow");
    expect(runs.map(({ outcome }) => outcome)).toEqual(["ok"]);
    expect(Number(await query("slow", "select count(*) from steps"))).toBe(Number(before) + 2);
    expect(await jobs()).toEqual([]);
  });

  test("a supervisor that is killed at any moment: never two at once, and the next call comes to a good end", async () => {
    for (const delay of [0, 60, 120, 200, 300, 450, 700, 1_000, 1_400]) {
      const first = supervise({ apps: ["traced"] });
      await expect.poll(() => first.output(), { timeout: 30_000, interval: 5 }).toContain("traced-migrate working");
      await new Promise((resolve) => setTimeout(resolve, delay));
      first.child.kill("SIGKILL");
      await first.ended;
      const { runs } = await migrate("traced");
      expect(runs.at(-1)?.outcome, `killed after ${delay} ms`).toBe("ok");
      expect(await jobs(), `killed after ${delay} ms`).toEqual([]);
    }
    const trace = await query("traced", "select string_agg(what, ' ' order by id) from trace");
    expect(trace).toMatch(/^(begun done ?)+$/);
    expect(historyOf("traced").filter((outcome) => outcome.startsWith("unfinished"))).toEqual([]);
  });

  test("Ctrl-C stops it, and says what stays", async () => {
    const first = supervise({ apps: ["slow"] });
    await expect.poll(() => first.output(), { timeout: 30_000 }).toContain("slow-migrate | begun");
    first.child.kill("SIGINT");
    const error = (await first.ended)?.error;
    expect(error).toMatchObject({ exit: "interrupted" });
    expect(error?.message).toContain("what it had committed until then stays");
    expect(historyOf("slow").at(-1)).toMatch(/^interrupted \d+$/);
    expect(await jobs()).toEqual([]);
    expect(await advisoryLocks()).toBe("0");
  });

  test("another session that holds the database's lock is named, and awaited where asked", async () => {
    const [server] = await stack.containers("postgres");
    const other = await engine.openExec(server?.id ?? "", [
      "psql",
      "-qAt",
      "dbname=good user=good application_name='another server'",
    ]);
    other.write("select pg_advisory_lock(hashtext('create-stack:migrate:good')); select 'held';\n");
    while ((await other.readLine()) !== "held");
    const error = await failure(migrate("good"));
    expect(error).toMatchObject({ code: "migration-locked", exit: "locked" });
    expect(error.message).toMatch(
      /^The lock on migrations of good in database good of postgres is held by "another server" \(database process \d+, role good, open for \d+s\)$/,
    );
    expect(error.hint).toBe("./prod.sh migrate good --wait 10m");
    const context = stack.context();
    const waiting = runMigrate(context, { apps: ["good"], wait: 60_000 });
    await expect.poll(() => context.progress.lines[0], { timeout: 20_000 }).toMatch(/^Waiting for "another server"/);
    expect(await jobs()).toEqual([]);
    await other.close();
    expect((await waiting).runs.map(({ outcome }) => outcome)).toEqual(["ok"]);
  });

  test("a database that is not running is named, and nothing is started", async () => {
    await stack.compose("stop", "-t", "5", "postgres");
    const error = await failure(migrate("good"));
    expect(`${error.exit}: ${error.message} -> ${error.hint}`).toBe(
      "unhealthy: good cannot be migrated: postgres is not running -> ./prod.sh start",
    );
    expect(await jobs()).toEqual([]);
    await stack.compose("start", "postgres");
    await untilSetUp();
  });
});

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Context } from "../../../src/operations/context.ts";
import { tryLock } from "../../../src/operations/lock.ts";
import { runMigrate } from "../../../src/operations/migrate.ts";
import { appendHistory, type MigrationRecord, readHistory } from "../../../src/operations/migration-history.ts";
import { silentProgress } from "../../../src/operations/progress.ts";
import type { Migration } from "../../../src/stack/model.ts";
import { systemClock } from "../../../src/support/clock.ts";
import { StackError } from "../../../src/support/errors.ts";
import { type FakeEngine, fakeEngine } from "../../support/fake-engine.ts";
import { migration, model, service } from "../../support/models.ts";

let directory: string;
let engine: FakeEngine;
let lines: string[];
let interruption: AbortController;
/** What a started job does: prints, ends, or waits for being stopped. */
let job: (id: string) => void;
let composed: string[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "migrate-"));
  engine = fakeEngine();
  engine.add({ service: "db" });
  lines = [];
  composed = [];
  interruption = new AbortController();
  job = (id) => end(id, 0);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function end(id: string, exitCode: number, parts = {}): void {
  engine.change(id, { state: "exited", exitCode, ...parts }, "die");
}

function context(parts: Partial<Migration> = {}): Context {
  return {
    directory,
    engine,
    model: model(
      [
        service("web"),
        service("db", { group: "data" }),
        service("web-migrate", { class: "job", image: "web:1" }),
        service("web-seed", { class: "job", image: "web:1" }),
      ],
      {
        migrations: [migration("web", { needs: ["db"], ...parts })],
        secrets: [{ name: "db_web", about: "", mode: 0o444, kind: "random", encoding: "hex" }],
      },
    ),
    compose: {
      async run(args) {
        composed.push(args.join(" "));
        const id = engine.add({
          service: args.at(-1) ?? "",
          name: args[args.indexOf("--name") + 1] ?? "",
          oneOff: true,
          image: "web:1",
          imageId: "sha256:web",
          startedAt: Date.now(),
          memoryLimit: 64 * 1024 ** 2,
        });
        job(id);
        return { code: 0, stdout: id, stderr: "", timedOut: false };
      },
    },
    clock: systemClock,
    progress: { ...silentProgress, line: (text) => lines.push(text) },
    signal: interruption.signal,
  };
}

async function failure(work: Promise<unknown>): Promise<StackError> {
  const error = await work.then(
    () => undefined,
    (reason) => reason,
  );
  if (error instanceof StackError) return error;
  throw new Error(`expected a StackError, got ${error}`);
}

const outcomes = () => readHistory(directory).map(({ kind, outcome }) => `${kind} ${outcome}`);

test("a migration is run detached, told line by line, kept, written down and removed", async () => {
  job = (id) => {
    engine.print(id, "creating table");
    engine.print(id, "a warning", "stderr");
    end(id, 0);
  };
  const result = await runMigrate(context());
  const [record] = readHistory(directory);
  expect(composed).toEqual([`run -d --no-deps --name shop-web-migrate-${record?.id} web-migrate`]);
  expect(lines).toEqual(["web-migrate | creating table", "web-migrate | a warning"]);
  const log = join(directory, ".stack", "migrations", `${record?.id}.log`);
  expect(readFileSync(log, "utf8")).toBe("creating table\na warning\n");
  expect(statSync(log).mode & 0o777).toBe(0o600);
  expect(record).toMatchObject({ app: "web", image: "web:1", imageId: "sha256:web", exitCode: 0, outcome: "ok" });
  expect(engine.done).toEqual(["remove web-migrate"]);
  expect(result.summary).toEqual(["web migrated (0s)"]);
});

test("a run is in the history before its container is made", async () => {
  let known: string[] = [];
  job = (id) => {
    known = outcomes();
    end(id, 0);
  };
  await runMigrate(context());
  expect(known).toEqual(["migrate unfinished"]);
});

test("the seed follows a migration that went well, and only that", async () => {
  const seeded = context({ seedService: "web-seed" });
  await runMigrate(seeded, { seed: true });
  expect(outcomes()).toEqual(["migrate ok", "seed ok"]);
  job = (id) => end(id, 1);
  await failure(runMigrate(seeded, { seed: true }));
  expect(outcomes()).toEqual(["migrate ok", "seed ok", "migrate failed"]);
});

test("a migration that fails shows its last lines and the exit code", async () => {
  job = (id) => {
    for (let line = 1; line <= 20; line += 1) engine.print(id, `line ${line}`);
    end(id, 3);
  };
  const error = await failure(runMigrate(context()));
  expect(error.message).toBe("The migration of web failed with exit code 3 after 0s");
  expect(error.exit).toBe("unhealthy");
  expect(error.details).toHaveLength(16);
  expect(error.details.at(0)).toBe("line 6");
  expect(error.details.at(-1)).toMatch(/^all of its output: \.stack\/migrations\/.*\.log$/);
  expect(error.hint).toBe("put it right, then: ./prod.sh migrate web");
  expect(engine.done).toEqual(["remove web-migrate"]);
});

test("a seed that fails after a migration that did not is a thing half done", async () => {
  job = (id) => end(id, composed.length === 1 ? 0 : 1);
  const error = await failure(runMigrate(context({ seedService: "web-seed" }), { seed: true }));
  expect(`${error.exit}: ${error.message}`).toBe("partial: Seeding web failed with exit code 1 after 0s");
});

test("a migration that was killed for memory says how much it had", async () => {
  job = (id) => end(id, 137, { oomKilled: true });
  const error = await failure(runMigrate(context()));
  expect(error.message).toContain("was killed because it ran out of memory (its limit is 64 MB)");
  expect(outcomes()).toEqual(["migrate out-of-memory"]);
});

test("a migration that hangs is stopped when its time is up", async () => {
  job = () => {};
  const error = await failure(runMigrate(context({ timeout: 60 })));
  expect(error.message).toContain("did not end within its time and was stopped");
  expect(engine.done).toEqual(["stop web-migrate", "remove web-migrate"]);
  expect(outcomes()).toEqual(["migrate timed-out"]);
});

test("Ctrl-C stops the migration and says what stays", async () => {
  job = () => setTimeout(() => interruption.abort(new Error("enough")), 20);
  const error = await failure(runMigrate(context()));
  expect(error.exit).toBe("interrupted");
  expect(error.message).toContain("was stopped after 0s; what it had committed until then stays");
  expect(engine.done).toEqual(["stop web-migrate", "remove web-migrate"]);
  expect(outcomes()).toEqual(["migrate interrupted"]);
});

test("a container that cannot be started is told with the engine's words and removed", async () => {
  const broken = context();
  broken.compose = {
    async run(args) {
      const name = args[args.indexOf("--name") + 1] ?? "";
      engine.add({ service: "web-migrate", name, oneOff: true, state: "created", error: 'exec: "nope": not found' });
      return { code: 125, stdout: "", stderr: "Error response from daemon: no\n", timedOut: false };
    },
  };
  const error = await failure(runMigrate(broken));
  expect(error.message).toBe("The migration of web could not be started");
  expect(error.details.slice(0, 2)).toEqual(['exec: "nope": not found', "Error response from daemon: no"]);
  expect(engine.done).toEqual(["remove web-migrate"]);
});

const begun: MigrationRecord = {
  id: "20260101t000000z-beef",
  app: "web",
  service: "web-migrate",
  kind: "migrate",
  image: "web:1",
  imageId: "",
  startedAt: "2026-01-01T00:00:00.000Z",
  outcome: "unfinished",
};
const leftover = { service: "web-migrate", name: `shop-web-migrate-${begun.id}`, oneOff: true, image: "web:1" };

test("a run that goes on without its supervisor is waited for; nothing runs beside it", async () => {
  appendHistory(directory, begun);
  const id = engine.add({ ...leftover, startedAt: Date.now() });
  setTimeout(() => {
    engine.print(id, "still here");
    end(id, 0);
  }, 30);
  const result = await runMigrate(context());
  expect(composed).toEqual([]);
  expect(lines[0]).toMatch(/a migration of web that was begun .* ago still runs/);
  expect(lines[1]).toBe("web-migrate | still here");
  expect(result.runs.map(({ id: run, outcome }) => `${run} ${outcome}`)).toEqual([`${begun.id} ok`]);
  expect(outcomes()).toEqual(["migrate ok"]);
});

test("a run that failed while nobody watched is written down, and the migration is run again", async () => {
  appendHistory(directory, begun);
  engine.add({ ...leftover, state: "exited", exitCode: 9, startedAt: 1_000 });
  const result = await runMigrate(context());
  expect(outcomes()).toEqual(["migrate failed", "migrate ok"]);
  expect(result.summary).toEqual(["web: an earlier run ended as failed (exit code 9)", "web migrated (0s)"]);
});

test("a run that was begun and left no container is written off", async () => {
  appendHistory(directory, begun);
  await runMigrate(context());
  expect(outcomes()).toEqual(["migrate lost", "migrate ok"]);
});

test("a container that was never started is removed, and its run written off", async () => {
  appendHistory(directory, begun);
  engine.add({ ...leftover, state: "created" });
  const observe = engine.observe;
  // The fake engine starts what it is given; one that never started has no such time.
  engine.observe = async (project) => {
    const { containers } = await observe(project);
    const asMade = containers.map(({ startedAt, ...rest }) =>
      rest.state === "created" || startedAt === undefined ? rest : { ...rest, startedAt },
    );
    return { containers: asMade };
  };
  await runMigrate(context());
  expect(engine.done[0]).toBe("remove web-migrate");
  expect(outcomes()).toEqual(["migrate lost", "migrate ok"]);
});

test("a container that is only just being made for a killed command is waited for", async () => {
  appendHistory(directory, { ...begun, startedAt: new Date().toISOString() });
  setTimeout(() => engine.add({ ...leftover, state: "exited", exitCode: 0, startedAt: Date.now() }), 100);
  await runMigrate(context());
  expect(composed).toEqual([]);
  expect(outcomes()).toEqual(["migrate ok"]);
});

test("a database that is not healthy is left alone", async () => {
  const { containers } = await engine.observe("shop");
  engine.change(containers[0]?.id ?? "", { health: "unhealthy" });
  const error = await failure(runMigrate(context()));
  expect(`${error.exit}: ${error.message}`).toBe("unhealthy: web cannot be migrated: db is unhealthy");
  expect(composed).toEqual([]);
});

test("another command on the stack is named", async () => {
  const other = tryLock(directory, "start", Date.now());
  if (!("release" in other)) throw new Error("the lock is taken");
  const error = await failure(runMigrate(context()));
  expect(`${error.exit}: ${error.message}`).toMatch(/^locked: .*`start` \(process \d+\)/);
  setTimeout(() => other.release(), 50);
  await runMigrate(context(), { wait: 5_000 });
  expect(outcomes()).toEqual(["migrate ok"]);
});

test("a dry run says what would be done and does nothing", async () => {
  const result = await runMigrate(context(), { dryRun: true });
  expect(result.summary).toEqual(["run web-migrate: migrates web with web:1, for 1m at most"]);
  expect(composed).toEqual([]);
  expect(readdirSync(directory)).toEqual([]);
});

test("a stack without migrations says so", async () => {
  const nothing = { ...context(), model: model([service("web")]) };
  expect((await runMigrate(nothing)).summary).toEqual(["Nothing to migrate: no app has a migrate command"]);
});

test("values of secrets are in no line, log or error", async () => {
  const value = "0123456789abcdef-secret";
  mkdirSync(join(directory, "secrets"));
  writeFileSync(join(directory, "secrets", "db_web"), `${value}\n`);
  job = (id) => {
    engine.print(id, `connecting to postgresql://web:${value}@db/web`);
    end(id, 1);
  };
  const error = await failure(runMigrate(context()));
  const log = readFileSync(join(directory, ".stack", "migrations", `${readHistory(directory)[0]?.id}.log`), "utf8");
  for (const text of [...lines, ...error.details, log]) expect(text).not.toContain(value);
  expect(lines[0]).toContain("postgresql://web:[redacted]@db/web");
});

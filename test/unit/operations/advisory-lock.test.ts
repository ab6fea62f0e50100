import { beforeEach, expect, test } from "vitest";
import { takeAdvisoryLock } from "../../../src/operations/advisory-lock.ts";
import { silentProgress } from "../../../src/operations/progress.ts";
import { type Clock, systemClock } from "../../../src/support/clock.ts";
import { StackError } from "../../../src/support/errors.ts";
import { type FakeEngine, fakeEngine } from "../../support/fake-engine.ts";

const request = {
  app: "o'web",
  database: { service: "db", database: "web", user: "web's" },
  container: "db",
  wait: 0,
};
const holder = '{"pid":7,"application":"psql","role":"web","address":null,"since":"1970-01-01T00:00:00Z"}';

let engine: FakeEngine;
let asked: string[];
let lines: string[];
let time: number;
/** How often the lock is refused before it is given. */
let refusals: number;

beforeEach(() => {
  engine = fakeEngine();
  asked = [];
  lines = [];
  time = 5_000;
  refusals = 0;
  engine.add({ id: "db", service: "db", run: (command, input) => answer(command, input) });
});

function answer(command: readonly string[], input: string) {
  if (asked.length === 0) asked.push(command.join(" "));
  asked.push(input);
  const given = refusals === 0;
  if (input.includes("pg_try") && !given) refusals -= 1;
  const value = input.includes("pg_try") ? String(given) : input.includes("pg_locks") ? holder : "0";
  return { exitCode: 0, stdout: `NOTICE: noise\nanswer:${value}\n`, stderr: "" };
}

const clock: Clock = {
  ...systemClock,
  now: () => time,
  async sleep(milliseconds) {
    time += milliseconds;
  },
};
const take = (wait = 0) =>
  takeAdvisoryLock(
    {
      engine,
      clock,
      signal: new AbortController().signal,
      progress: { ...silentProgress, line: (text) => lines.push(text) },
    },
    { ...request, wait },
  );

test("a session is opened as the role of the app, under a name that tells who we are", async () => {
  const lock = await take();
  expect(asked[0]).toBe(
    `psql --no-psqlrc -qAt -v ON_ERROR_STOP=1 --dbname dbname='web' user='web\\'s' application_name='create-stack migrate o\\'web, process ${process.pid}' connect_timeout='10'`,
  );
  expect(asked[2]).toContain("pg_try_advisory_lock(hashtext('create-stack:migrate:o''web')::bigint)");
  await lock.release();
  await lock.ended;
});

test("who holds the lock is told", async () => {
  refusals = 1;
  const error = await take().catch((reason) => reason);
  expect(error).toBeInstanceOf(StackError);
  expect(error).toMatchObject({ code: "migration-locked", exit: "locked" });
  expect(error.message).toBe(
    `The lock on migrations of o'web in database web of db is held by "psql" (database process 7, role web, open for 5s)`,
  );
});

test("with a time to wait it is asked for again", async () => {
  refusals = 3;
  const lock = await take(10_000);
  expect(time).toBe(8_000);
  expect(lines).toEqual([
    `Waiting for "psql" (database process 7, role web, open for 5s) to let go of migrations of o'web`,
  ]);
  await lock.release();
});

test("a session that cannot be opened is told with what psql said", async () => {
  engine.openExec = async () => {
    const said = ['psql: error: FATAL:  role "web" does not exist'];
    return { write() {}, readLine: async () => said.shift(), close: async () => {} };
  };
  const error = await take().catch((reason) => reason);
  expect(error).toMatchObject({ code: "migration-lock-failed", exit: "unhealthy" });
  expect(error.details).toEqual(['psql: error: FATAL:  role "web" does not exist']);
});

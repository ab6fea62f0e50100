import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Compose } from "../../../../src/engine/compose.ts";
import { metricsText } from "../../../../src/notify/metrics-text.ts";
import type { Context } from "../../../../src/operations/context.ts";
import { keepJobLog, newRunId, noteJobRun, readJobRuns } from "../../../../src/operations/jobs/history.ts";
import { interruptRuns, jobsAtWork } from "../../../../src/operations/jobs/interrupt.ts";
import { runJobNow } from "../../../../src/operations/jobs/run-now.ts";
import { jobLockFile, tendJobs } from "../../../../src/operations/jobs/tend.ts";
import { jobHistory, jobLog, viewJobs } from "../../../../src/operations/jobs/view.ts";
import { tryLock } from "../../../../src/operations/lock.ts";
import { noCounts } from "../../../../src/operations/metrics/counts.ts";
import { serviceMetrics } from "../../../../src/operations/metrics/service-metrics.ts";
import { jobTroubles } from "../../../../src/operations/notify/jobs.ts";
import { lookAtStack } from "../../../../src/operations/notify/look.ts";
import { silentProgress } from "../../../../src/operations/progress.ts";
import { writeScheduleMemory } from "../../../../src/operations/schedule/memory.ts";
import { jobProblems } from "../../../../src/operations/status-jobs.ts";
import type { Job } from "../../../../src/stack/model.ts";
import { type FakeEngine, fakeEngine } from "../../../support/fake-engine.ts";
import { model, service } from "../../../support/models.ts";

const minute = 60_000;
const noon = Date.parse("2026-11-21T12:00:00Z");
const name = "shop-report-job";
const job: Job = {
  name: "report",
  service: "report",
  schedule: "0 * * * *",
  timezone: "UTC",
  timeout: 10 * minute,
  catchUp: true,
  needs: ["db"],
};
const shop = model([service("db"), service("report", { class: "job" })], { jobs: [job] });

let directory: string;
let engine: FakeEngine;
let now: number;
/** What Compose was told. */
let told: string[];
/** What it does. */
let compose: (argv: readonly string[]) => { code: number; stdout: string; stderr: string };

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "jobs-"));
  engine = fakeEngine();
  [now, told] = [noon - minute, []];
  engine.add({ service: "db", project: "shop" });
  compose = () => {
    engine.add({ service: "report", project: "shop", name, oneOff: true, state: "running", startedAt: now });
    return { code: 0, stdout: "", stderr: "" };
  };
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const context = (parts: Partial<Context> = {}): Context => ({
  directory,
  model: shop,
  engine,
  compose: {
    run: async (argv: readonly string[]) => {
      told.push(argv.join(" "));
      return compose(argv);
    },
  } as unknown as Compose,
  clock: { now: () => now, sleep: () => new Promise(() => {}) },
  progress: silentProgress,
  signal: new AbortController().signal,
  ...parts,
});

async function tendAt(time: number): Promise<string[]> {
  now = time;
  const { lines } = await tendJobs(context());
  return lines.map((line) => line.replaceAll(/\d{8}t\d{6}z-[0-9a-f]{4}/g, "ID"));
}

const container = async () => (await engine.observe("shop")).containers.find((found) => found.name === name);

async function end(exitCode: number, more: object = {}): Promise<void> {
  const found = await container();
  if (found === undefined) throw new Error("it does not run");
  engine.change(found.id, { state: "exited", exitCode, finishedAt: now, ...more }, "die");
}

const outcomes = () => readJobRuns(directory, "report").map(({ outcome, reason }) => reason ?? outcome);

test("begins at its time, waits for nobody, and its end is noted with what it printed", async () => {
  expect(await tendAt(noon - minute)).toEqual([]);
  expect(await tendAt(noon)).toEqual(["report: begun (run ID)"]);
  expect(told).toEqual([`run -d --no-deps --name ${name} report`]);
  expect(await tendAt(noon + minute)).toEqual([]);
  engine.print((await container())?.id ?? "", "hello");
  await end(0);
  expect(await tendAt(noon + 2 * minute)).toEqual(["report: ended well after 1m (run ID)"]);
  expect(await container()).toBeUndefined();
  expect((await jobLog(context(), "report")).text).toBe("hello\n");
  expect(await tendAt(noon + 3 * minute)).toEqual([]);
  expect(told).toHaveLength(1);
  expect(viewJobs(context())).toMatchObject([
    { name: "report", next: "2026-11-21T13:00:00.000Z", last: { outcome: "ok", cause: "schedule" }, failures: 0 },
  ]);
});

test("many at the same time are no leak that Node.js would warn of", async () => {
  const warned: string[] = [];
  const onWarning = ({ name: kind }: Error) => warned.push(kind);
  process.on("warning", onWarning);
  const jobs = Array.from({ length: 20 }, (_, index) => ({ ...job, name: `report-${index}` }));
  await tendJobs(context({ model: { ...shop, jobs } }));
  // Warnings come after what is under way.
  await new Promise((resolve) => setImmediate(resolve));
  process.off("warning", onWarning);
  expect(warned).toEqual([]);
  expect(readdirSync(join(directory, ".stack")).filter((file) => file.endsWith(".lock"))).toEqual([]);
});

test.each([
  ["fails", { exitCode: 3 }, "failed with exit code 3 after 1m"],
  ["is out of memory", { exitCode: 137, oomKilled: true }, "was killed after 1m because it ran out of memory"],
])("one that %s is told, until one ends well", async (_, ended, words) => {
  await tendAt(noon - minute);
  await tendAt(noon);
  now = noon + minute;
  await end(ended.exitCode, ended);
  expect(await tendAt(noon + minute)).toEqual([`report: FAILED: ${words} (run ID)`]);
  expect(viewJobs(context())[0]?.failures).toBe(1);
  expect(jobTroubles(viewJobs(context())).map(({ title }) => title)).toEqual([`the job report ${words}`]);
  await tendAt(noon + 60 * minute);
  // While it runs, what the one before came to still counts.
  expect(jobTroubles(viewJobs(context()))).toHaveLength(1);
  await end(0);
  await tendAt(noon + 61 * minute);
  expect(jobTroubles(viewJobs(context()))).toEqual([]);
});

test("one that takes too long is stopped, and says so also where the supervisor dies at it", async () => {
  await tendAt(noon - minute);
  await tendAt(noon);
  await tendAt(noon + 9 * minute);
  expect(engine.done).toEqual([]);
  const stop = engine.stop.bind(engine);
  engine.stop = async (id, grace) => {
    await stop(id, grace);
    engine.stop = stop;
    throw new Error("killed here");
  };
  expect(await tendAt(noon + 10 * minute)).toEqual(["report: FAILED: killed here"]);
  expect(await tendAt(noon + 11 * minute)).toEqual([
    expect.stringMatching(/^report: FAILED: took longer than it may and was stopped after /),
  ]);
  expect(outcomes()).toEqual(["timed-out"]);
});

test("never runs twice: the time that comes upon it is missed, and told", async () => {
  await tendAt(noon - minute);
  await tendAt(noon);
  // It goes on for very long.
  const long = { ...job, timeout: 24 * 60 * minute };
  now = noon + 60 * minute;
  const lines = (await tendJobs(context({ model: { ...shop, jobs: [long] } }))).lines;
  expect(lines).toEqual([expect.stringMatching(/missed its time .* the run before it was still at work/)]);
  expect(told).toHaveLength(1);
});

describe("a supervisor that dies", () => {
  test("after it has begun a run: the container goes on, and a later call notes its end once", async () => {
    await tendAt(noon - minute);
    const begin = compose;
    compose = (argv) => {
      begin(argv);
      throw new Error("killed here");
    };
    await tendAt(noon);
    compose = begin;
    expect(await tendAt(noon + 2 * minute)).toEqual([]);
    await end(0);
    const remove = engine.remove.bind(engine);
    engine.remove = async () => {
      engine.remove = remove;
      throw new Error("killed here");
    };
    await tendAt(noon + 3 * minute);
    expect(await container()).toBeDefined();
    expect(await tendAt(noon + 4 * minute)).toEqual([]);
    expect(await container()).toBeUndefined();
    expect(outcomes()).toEqual(["ok"]);
    expect(told).toHaveLength(1);
  });

  test("before its container is there: the run is lost, told, and not made up for", async () => {
    await tendAt(noon - minute);
    compose = () => {
      throw new Error("killed here");
    };
    await tendAt(noon);
    expect(await tendAt(noon + 30_000)).toEqual([]);
    expect(await tendAt(noon + minute)).toEqual([
      "report: FAILED: was lost: its container is gone, and nobody saw its end (run ID)",
    ]);
    expect(await tendAt(noon + 2 * minute)).toEqual([]);
    expect(told).toHaveLength(1);
  });

  test("with the job in hand: the next one takes over; one that lives is left to it", async () => {
    await tendAt(noon - minute);
    const lock = tryLock(directory, "job run report", now, jobLockFile(job));
    expect(await tendAt(noon)).toEqual([]);
    if ("release" in lock) lock.release();
    expect(await tendAt(noon + minute)).toEqual(["report: begun (run ID)"]);
  });
});

test("waits for what it needs, and for a command at work, and is overdue meanwhile", async () => {
  await tendAt(noon - minute);
  engine.change("fake1", { health: "unhealthy" });
  expect(await tendAt(noon)).toEqual([]);
  now = noon + 15 * minute;
  expect(jobTroubles(viewJobs(context())).map(({ name: alert }) => alert)).toEqual(["JobOverdue"]);
  engine.change("fake1", { health: "healthy" });
  const lock = tryLock(directory, "restore", now);
  expect(await tendAt(noon + 16 * minute)).toEqual([]);
  if ("release" in lock) lock.release();
  expect(await tendAt(noon + 17 * minute)).toEqual(["report: begun (run ID)"]);
  expect(jobTroubles(viewJobs(context()))).toEqual([]);
});

test("how it goes is told to those whom notify names, and as metrics", async () => {
  const metrics = () => {
    const none = { use: new Map(), counts: noCounts(), migrations: [], watchRestarts: {}, logStores: {} };
    const sight = { at: now, model: shop, containers: [], jobs: viewJobs(context()), ...none };
    const lines = metricsText(serviceMetrics(sight)).split("\n");
    return lines
      .filter((line) => line.startsWith("create_stack_job"))
      .map((line) => line.replace(/^create_stack_job_|{.*}/g, ""));
  };
  const alerts = async () => {
    const { troubles } = await lookAtStack(context(), { thorough: false });
    return troubles.filter(({ key }) => key.startsWith("job")).map((trouble) => trouble.name);
  };
  await tendAt(noon - minute);
  expect(metrics()).toEqual(["running 0", "overdue 0", "failures_total 0"]);
  await tendAt(noon);
  now = noon + minute;
  await end(1);
  await tendAt(noon + 2 * minute);
  expect(await alerts()).toEqual(["JobFailed"]);
  expect(metrics()).toEqual([
    "last_success 0",
    "last_duration_seconds 60",
    "running 0",
    "overdue 0",
    "failures_total 1",
  ]);
  now = noon + 80 * minute;
  expect(await alerts()).toEqual(["JobFailed", "JobOverdue"]);
  expect(metrics()).toContain("overdue 1");
  await tendAt(now);
  expect(metrics()).toContain("running 1");
  await end(0);
  await tendAt(now);
  expect(metrics()).toEqual(
    expect.arrayContaining(["last_success 1", `last_success_timestamp_seconds ${now / 1_000}`]),
  );
});

test("that nothing begins jobs is a problem of status, once the stack has run for a while", async () => {
  const up = (seconds: number) => [{ uptime: seconds }];
  const problems = (seconds: number) =>
    jobProblems(directory, viewJobs(context()), up(seconds), now).map(({ message, hint }) => `${message} -> ${hint}`);
  expect(problems(200)).toEqual([]);
  expect(problems(400)).toEqual(["jobs do not run: nothing calls the schedule -> ./prod.sh schedule install"]);
  writeScheduleMemory(directory, { lanes: {}, bases: {}, lastTick: now - minute });
  expect(problems(400)).toEqual([]);
  now += 9 * minute;
  expect(problems(400)).toEqual(["jobs do not run: the schedule was last called 10m ago -> ./prod.sh schedule show"]);
  expect(jobProblems(directory, [], up(400), now)).toEqual([]);
});

test("a stack that is stopped runs no jobs", async () => {
  await tendAt(noon - minute);
  engine.change("fake1", { state: "exited" });
  expect(await tendAt(noon)).toEqual([]);
  expect(told).toEqual([]);
});

test("one that cannot be started failed, with the engine's words", async () => {
  await tendAt(noon - minute);
  compose = () => ({ code: 1, stdout: "", stderr: 'exec: "nod": not found\n' });
  expect(await tendAt(noon)).toEqual(['report: FAILED: failed: exec: "nod": not found (run ID)']);
});

test("a new cron line begins anew: what passed before it is past", async () => {
  await tendAt(noon - minute);
  now = noon + 30 * minute;
  const changed = { ...shop, jobs: [{ ...job, schedule: "15 * * * *" }] };
  expect((await tendJobs(context({ model: changed }))).lines).toEqual([]);
  now = noon + 75 * minute;
  expect((await tendJobs(context({ model: changed }))).lines).toHaveLength(1);
});

describe("by hand", () => {
  test("it prints, ends, and stands in the history", async () => {
    const lines: string[] = [];
    const begin = compose;
    compose = (argv) => {
      const result = begin(argv);
      void container().then((found) => {
        engine.print(found?.id ?? "", "working");
        void end(0);
      });
      return result;
    };
    const run = await runJobNow(context(), "report", { onLine: (line) => lines.push(line) });
    expect([run.outcome, run.cause, lines]).toEqual(["ok", "hand", ["working"]]);
    expect(jobHistory(context(), "report")).toHaveLength(1);
  });

  test("one that runs out of memory is answered with what gives it more", async () => {
    const begin = compose;
    compose = (argv) => {
      const result = begin(argv);
      void end(137, { oomKilled: true });
      return result;
    };
    await expect(runJobNow(context(), "report", { onLine: () => {} })).rejects.toMatchObject({
      code: "job-out-of-memory",
      hint: expect.stringMatching(
        /^raise limits: memory: of report .* \.\/prod\.sh generate && \.\/prod\.sh job run report$/,
      ),
    });
  });

  test("Ctrl-C stops it, and it is noted as interrupted", async () => {
    const ctrlC = new AbortController();
    const begin = compose;
    compose = (argv) => {
      setImmediate(() => ctrlC.abort());
      return begin(argv);
    };
    const running = runJobNow(context({ signal: ctrlC.signal }), "report", { onLine: () => {} });
    await expect(running).rejects.toMatchObject({ exit: "interrupted", code: "job-interrupted" });
    expect(outcomes()).toEqual(["interrupted"]);
    expect(await container()).toBeUndefined();
  });

  const interruptAll = async () => interruptRuns(context(), jobsAtWork(shop, await engine.observe("shop")));

  test("a stop of the stack ends it, for whoever sees it to its end", async () => {
    const begin = compose;
    compose = (argv) => {
      setImmediate(() => void interruptAll());
      return begin(argv);
    };
    const running = runJobNow(context(), "report", { onLine: () => {} });
    await expect(running).rejects.toMatchObject({ code: "job-interrupted" });
    expect(outcomes()).toEqual(["interrupted"]);
    expect(await container()).toBeUndefined();
  });

  test("a stop of the stack ends what the schedule began", async () => {
    await tendAt(noon - minute);
    await tendAt(noon);
    expect(outcomes()).toEqual(["running"]);
    await interruptAll();
    expect(outcomes()).toEqual(["interrupted"]);
    expect(await container()).toBeUndefined();
    expect(jobsAtWork(shop, await engine.observe("shop"))).toEqual([]);
  });

  test("a stack that is stopped is to be started first", async () => {
    engine.change("fake1", { state: "exited" });
    await expect(runJobNow(context(), "report", { onLine: () => {} })).rejects.toMatchObject({
      message: "report cannot run now: the stack is stopped",
      hint: "./prod.sh start; then: ./prod.sh job run report",
    });
  });

  test("not beside another run, and not where it cannot run", async () => {
    await tendAt(noon - minute);
    await tendAt(noon);
    await expect(runJobNow(context(), "report", { onLine: () => {} })).rejects.toMatchObject({
      message: "report cannot run now: it is at work already",
      hint: "./prod.sh job list; then: ./prod.sh job run report",
    });
    await expect(runJobNow(context(), "rport", { onLine: () => {} })).rejects.toMatchObject({
      hint: 'did you mean "report"?',
    });
  });
});

test("of output the last megabyte of the last twenty runs is kept, of runs the last hundreds", () => {
  for (let count = 0; count < 23; count += 1) {
    const run = { id: newRunId(noon + count * minute), cause: "hand" as const, startedAt: "", outcome: "ok" as const };
    noteJobRun(directory, "report", run);
    keepJobLog(directory, "report", run.id, count === 22 ? Array(200_000).fill("0123456789") : ["x"]);
  }
  const folder = join(directory, ".stack/jobs/report");
  const logs = readdirSync(folder).filter((file) => file.endsWith(".log"));
  expect(logs).toHaveLength(20);
  expect(logs).toContain(`${readJobRuns(directory, "report").at(-1)?.id}.log`);
});

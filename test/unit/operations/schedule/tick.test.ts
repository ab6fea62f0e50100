import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RunResult, SourceResult } from "../../../../src/operations/backup/result.ts";
import { tryLock } from "../../../../src/operations/lock.ts";
import { readScheduleMemory } from "../../../../src/operations/schedule/memory.ts";
import { runTick, type TickActions } from "../../../../src/operations/schedule/tick.ts";
import { StackError } from "../../../../src/support/errors.ts";
import { backupSettings, model } from "../../../support/models.ts";

const minute = 60_000;
let directory: string;
let now: number;
let calls: string[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "schedule-"));
  now = Date.parse("2026-11-21T12:00:10Z");
  calls = [];
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function source(name: string, outcome: "ok" | "failed" = "ok"): SourceResult {
  const error = { code: "x", message: `${name} did not answer` };
  const base = { source: name, type: "full" as const, outcome, took: 2_000, checks: [], warnings: [] };
  return outcome === "ok" ? { ...base, id: "20261121T120000Z-abcdef", bytes: 2_048 } : { ...base, error };
}

function result(sources: SourceResult[], more: Partial<RunResult> = {}): RunResult {
  return { run: "r", lane: "full", startedAt: now, finishedAt: now, sources, deliveries: [], notes: [], ...more };
}

function actions(given: Partial<TickActions> = {}): TickActions {
  return {
    measure: async () => {},
    recover: async () => ({ ok: true, lines: [] }),
    jobs: async () => ({ ok: true, lines: [] }),
    log: async () => undefined,
    tell: async () => ({ ok: true, lines: [] }),
    copy: async (lane, only) => {
      calls.push(`${lane}${only.length > 0 ? ` ${only.join(",")}` : ""}`);
      return result([source("postgres")]);
    },
    drill: async () => {
      calls.push("drill");
      return { ok: true, lines: ["postgres restored on trial"] };
    },
    prune: async () => {
      calls.push("prune");
      return { ok: true, lines: [] };
    },
    ...given,
  };
}

/** Sleeps until it is woken by the end of what it waits beside. */
let sleep: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
beforeEach(() => {
  sleep = (_, signal) =>
    new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
});

const context = () => ({
  directory,
  // No jitter: the minute of a call is the minute of the schedule.
  model: model([], { backup: backupSettings({ schedule: { ...backupSettings().schedule, jitter: 0 } }) }),
  clock: { now: () => now, sleep },
  signal: new AbortController().signal,
});
const tick = (given: Partial<TickActions> = {}) => runTick(context(), actions(given));
const locked = () =>
  Promise.reject(new StackError({ code: "locked", exit: "locked", message: "Another command works on this stack" }));

async function ticks(count: number, given: Partial<TickActions> = {}, apart = minute) {
  for (let passed = 0; passed < count; passed += 1) {
    now += apart;
    await tick(given);
  }
}

describe("one call a minute", () => {
  test("tells what is wrong before anything that may take hours; a receiver that fails makes it partial", async () => {
    const order: string[] = [];
    const { outcome, events } = await tick({
      tell: async () => {
        order.push("tell");
        return { ok: false, lines: ["slack: FAILED: no answer"] };
      },
      copy: async () => {
        order.push("copy");
        return result([source("postgres")]);
      },
    });
    expect(order).toEqual(["tell", "copy"]);
    expect(outcome).toBe("partial");
    expect(events[0]).toEqual({ what: "notify", outcome: "partial", lines: ["notify: slack: FAILED: no answer"] });
  });

  test("measures first, also where another call is at work, and fails nothing where that fails", async () => {
    const order: string[] = [];
    const measure = async () => {
      order.push("measure");
      throw new Error("the disk is full");
    };
    const log = async () => {
      order.push("log");
      return undefined;
    };
    const { outcome, events } = await tick({ measure, log });
    expect(outcome).toBe("ok");
    expect(events[0]).toEqual({ what: "metrics", outcome: "ok", lines: ["metrics: FAILED: the disk is full"] });
    const lock = tryLock(directory, "schedule run", now, "schedule.lock");
    expect((await tick({ measure, log })).outcome).toBe("busy");
    if ("release" in lock) lock.release();
    expect(order).toEqual(["measure", "log", "measure", "log"]);
  });

  test("begins with a full copy and a prune, then does what the cron lines say", async () => {
    const { outcome, events } = await tick();
    expect(outcome).toBe("ok");
    expect(events).toEqual([
      { what: "full", outcome: "ok", lines: ["full: postgres: full 20261121T120000Z-abcdef, 2 KB in 2s"] },
    ]);
    await ticks(24 * 6, {}, 10 * minute);
    expect(calls.slice(0, 3)).toEqual(["full", "prune", "increment"]);
    const counts = Object.fromEntries(
      [...new Set(calls)].map((call) => [call, calls.filter((x) => x === call).length]),
    );
    // Saturday noon to Sunday noon; the increment of 02:00 is part of the full copy.
    expect(counts).toEqual({ full: 2, prune: 2, dump: 4, increment: 143, drill: 1 });
  });

  test("a call with nothing to do says nothing", async () => {
    await tick();
    now += minute;
    expect(await tick({ log: async () => result([source("postgres")]) })).toEqual({ outcome: "ok", events: [] });
  });

  test("after days without a call everything is done once", async () => {
    await tick();
    calls = [];
    now += 6 * 24 * 60 * minute;
    await tick();
    expect(calls).toEqual(["full", "prune", "dump", "drill"]);
    await ticks(9);
    expect(calls).toHaveLength(4);
  });
});

describe("when something is at work already", () => {
  test("a second call ends at once, with nothing done", async () => {
    const lock = tryLock(directory, "schedule run", now, "schedule.lock");
    expect(await tick()).toEqual({ outcome: "busy", events: [] });
    expect(calls).toEqual([]);
    if ("release" in lock) lock.release();
    await tick();
    expect(calls).toEqual(["full", "prune"]);
  });

  test("a lane that finds a backup at work is done by the next call, not given up", async () => {
    expect(await tick({ copy: locked })).toEqual({ outcome: "busy", events: [] });
    now += minute;
    await tick();
    expect(calls).toEqual(["full", "prune"]);
  });

  test("so is a later one, which has a memory", async () => {
    await tick();
    now = Date.parse("2026-11-22T02:00:05Z");
    await tick({ copy: locked });
    now += minute;
    calls = [];
    await tick();
    expect(calls).toEqual(["full", "prune", "dump"]);
  });
});

describe("jobs", () => {
  test("are seen to by each call, also by one that finds another at work, and one that fails makes no backup a failed one", async () => {
    const lock = tryLock(directory, "schedule run", now, "schedule.lock");
    const jobs = async () => ({ ok: false, lines: ["report: FAILED"] });
    expect(await tick({ jobs })).toMatchObject({
      outcome: "busy",
      events: [{ what: "jobs", lines: ["jobs: report: FAILED"] }],
    });
    if ("release" in lock) lock.release();
    expect(await tick({ jobs })).toMatchObject({ outcome: "ok" });
  });

  test("go on every minute while a long copy runs", async () => {
    let seen = 0;
    let finish: (result: RunResult) => void = () => {};
    sleep = async (_, signal) => {
      if (seen === 4) finish(result([source("postgres")]));
      await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
    };
    const jobs = async () => {
      seen += 1;
      if (seen === 2) throw new Error("the engine is away");
      return { ok: true, lines: [] };
    };
    await tick({ jobs, copy: () => new Promise((resolve) => (finish = resolve)) });
    expect(seen).toBeGreaterThanOrEqual(4);
  });
});

describe("the log", () => {
  test("is shipped by a call that finds another one at work on a long copy", async () => {
    const lock = tryLock(directory, "schedule run", now, "schedule.lock");
    const shipped: string[] = [];
    const log = async () => void shipped.push("log");
    expect(await tick({ log: async () => log().then(() => undefined) })).toEqual({ outcome: "busy", events: [] });
    expect(shipped).toEqual(["log"]);
    if ("release" in lock) lock.release();
  });

  test("goes on being shipped every minute while a long copy runs", async () => {
    let shipped = 0;
    let finish: (result: RunResult) => void = () => {};
    sleep = async (milliseconds, signal) => {
      expect(milliseconds).toBe(minute);
      if (shipped === 4) finish(result([source("postgres")]));
      await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
    };
    const log = async () => {
      shipped += 1;
      // What goes wrong meanwhile does not end the copy.
      if (shipped === 3) throw new Error("away");
      return undefined;
    };
    const copy = () =>
      new Promise<RunResult>((resolve) => {
        finish = resolve;
      });
    const { outcome, events } = await tick({ log, copy });
    expect([outcome, events.map(({ what }) => what)]).toEqual(["ok", ["full"]]);
    expect(shipped).toBe(4);
  });

  test("may want a full copy of a source at once: it is made, and not every minute", async () => {
    await tick();
    calls = [];
    const log = async () => ({
      ...result([source("postgres")]),
      basesWanted: [{ source: "postgres", reason: "a hole" }],
    });
    await ticks(9, { log });
    expect(calls).toEqual(["full postgres"]);
    await ticks(25, { log });
    expect(calls.filter((call) => call.startsWith("full"))).toEqual(["full postgres", "full postgres"]);
  });
});

describe("failures", () => {
  test("of one source: it is told, the rest goes on, and it alone is tried again", async () => {
    const bad = await tick({ copy: async () => result([source("stack"), source("postgres", "failed")]) });
    expect(bad.outcome).toBe("partial");
    expect(bad.events[0]?.lines).toContain("full: postgres: full FAILED after 2s: postgres did not answer");
    await ticks(14);
    expect(calls.filter((call) => call.startsWith("full"))).toEqual([]);
    await ticks(1);
    expect(calls).toContain("full postgres");
    await ticks(60);
    expect(calls.filter((call) => call.startsWith("full"))).toEqual(["full postgres"]);
  });

  test("that throw: their secret is hidden, the other lanes run", async () => {
    await tick();
    mkdirSync(join(directory, "secrets"));
    writeFileSync(join(directory, "secrets", "postgres-password"), "correct-horse-battery");
    now = Date.parse("2026-11-22T05:00:05Z");
    calls = [];
    const planted = {
      ...context(),
      model: model([], {
        backup: context().model.backup,
        secrets: [{ name: "postgres-password", about: "", mode: 0o444, kind: "supplied" }],
      }),
    };
    const broken = actions({
      drill: () => Promise.reject(new Error("cannot log in with correct-horse-battery")),
    });
    const { outcome, events } = await runTick(planted, broken);
    expect(calls).toEqual(["full", "prune", "dump"]);
    expect(outcome).toBe("partial");
    const told = JSON.stringify(events);
    expect(told).toContain("drill: FAILED: cannot log in with [redacted]");
    expect(told).not.toContain("correct-horse");
  });

  test("of everything", async () => {
    const { outcome } = await tick({
      copy: async () => result([source("postgres", "failed")]),
      prune: async () => ({ ok: true, lines: [] }),
    });
    expect(outcome).toBe("failed");
  });

  test("of the log are told each time", async () => {
    await tick();
    now += minute;
    const { outcome, events } = await tick({ log: async () => result([source("postgres", "failed")]) });
    expect(outcome).toBe("failed");
    expect(events.map(({ what }) => what)).toEqual(["log"]);
  });

  test("a call that was killed in a lane is not repeated each minute, and not forgotten", async () => {
    const killed = () => Promise.reject(new Error("killed"));
    const controller = new AbortController();
    await expect(
      runTick(
        { ...context(), signal: controller.signal },
        actions({
          copy: () => {
            controller.abort(new Error("killed"));
            return killed();
          },
        }),
      ),
    ).rejects.toThrow("killed");
    expect(readScheduleMemory(directory).lanes.full).toMatchObject({ attempts: 1, done: false });
    await ticks(14);
    expect(calls.filter((call) => call === "full")).toEqual([]);
    await ticks(1);
    expect(calls).toContain("full");
  });

  test("a memory that makes no sense is begun anew", async () => {
    mkdirSync(join(directory, ".stack/backup"), { recursive: true });
    writeFileSync(join(directory, ".stack/backup/schedule.json"), '{"lanes":{"full":{"due":"yesterday"}}}');
    await tick();
    expect(calls).toEqual(["full", "prune"]);
  });
});

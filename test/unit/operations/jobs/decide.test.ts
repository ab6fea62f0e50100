import { describe, expect, test } from "vitest";
import { decideBusy, decideDue, decideRun, overdueSince } from "../../../../src/operations/jobs/decide.ts";
import type { JobRun } from "../../../../src/operations/jobs/history.ts";
import type { JobMemory } from "../../../../src/operations/jobs/memory.ts";
import type { Job } from "../../../../src/stack/model.ts";

const minute = 60_000;
const at = (text: string) => Date.parse(text);
const noon = at("2026-11-21T12:00:00Z");
const job = (parts: Partial<Job> = {}): Job => ({
  name: "report",
  service: "report",
  schedule: "0 12 * * *",
  timezone: "UTC",
  timeout: 10 * minute,
  catchUp: true,
  needs: [],
  ...parts,
});
const since = (handled: number): JobMemory => ({ line: "", handled, failures: 0 });

describe("what is due", () => {
  const due = (now: number, handled = noon - minute, parts: Partial<Job> = {}, hindrance?: string) =>
    decideDue(job(parts), since(handled), hindrance, now);

  test("runs at its minute, once", () => {
    expect(due(noon - 1)).toEqual({ kind: "nothing" });
    expect(due(noon)).toEqual({ kind: "start", due: noon });
    expect(due(noon + minute, noon)).toEqual({ kind: "nothing" });
  });

  test("is one run, however many times have passed", () => {
    expect(due(noon + 3 * minute, at("2026-11-01T00:00:00Z"))).toEqual({ kind: "start", due: noon });
  });

  test("is made up for after a while, or told as missed", () => {
    const late = noon + 16 * minute;
    expect(due(late)).toEqual({ kind: "start", due: noon });
    const reason = "nothing called the schedule at that time";
    expect(due(late, undefined, { catchUp: false })).toEqual({ kind: "miss", due: noon, reason });
    expect(due(late - 2 * minute, undefined, { catchUp: false })).toEqual({ kind: "start", due: noon });
  });

  test("waits while it cannot run, and is given up late where it is not made up for", () => {
    expect(due(noon + minute, undefined, {}, "db is unhealthy")).toEqual({ kind: "wait", due: noon });
    expect(due(noon + 60 * minute, undefined, {}, "db is unhealthy")).toEqual({ kind: "wait", due: noon });
    expect(due(noon + 60 * minute, undefined, { catchUp: false }, "db is unhealthy")).toEqual({
      kind: "miss",
      due: noon,
      reason: "db is unhealthy",
    });
  });

  test("is missed where the run before it is at work", () => {
    expect(decideBusy(job(), since(noon - minute), noon)).toMatchObject({ kind: "miss", due: noon });
    expect(decideBusy(job(), since(noon), noon + minute)).toEqual({ kind: "nothing" });
  });

  test("is overdue a quarter of an hour later, and not before", () => {
    expect(overdueSince(job(), since(noon - minute), noon + 14 * minute)).toBeUndefined();
    expect(overdueSince(job(), since(noon - minute), noon + 15 * minute)).toBe(noon);
    expect(overdueSince(job(), since(noon), noon + 15 * minute)).toBeUndefined();
  });
});

describe("when the clocks change", () => {
  const berlin = { timezone: "Europe/Berlin", schedule: "30 2 * * *" };
  /** The minutes of a night in which the job begins, looked at every minute as the schedule does. */
  const begins = (from: string, to: string, parts: Partial<Job>) => {
    const found: string[] = [];
    let memory = since(at(from));
    for (let now = at(from); now < at(to); now += minute) {
      const step = decideDue(job(parts), memory, undefined, now);
      if (step.kind !== "start") continue;
      memory = since(step.due);
      found.push(new Date(now).toISOString().slice(11, 16));
    }
    return found;
  };

  test("a time that is skipped is run when they have moved on", () => {
    expect(begins("2026-03-28T23:00:00Z", "2026-03-29T06:00:00Z", berlin)).toEqual(["01:00"]);
  });

  test("a time that comes twice is run once", () => {
    expect(begins("2026-10-24T22:00:00Z", "2026-10-25T06:00:00Z", berlin)).toEqual(["00:30"]);
  });

  test("steps follow the real time that passes", () => {
    const hourly = { ...berlin, schedule: "0 * * * *" };
    expect(begins("2026-10-24T22:30:00Z", "2026-10-25T03:30:00Z", hourly)).toHaveLength(5);
    expect(begins("2026-03-28T22:30:00Z", "2026-03-29T03:30:00Z", hourly)).toHaveLength(5);
  });
});

describe("a run that was begun", () => {
  const run = (parts: Partial<JobRun> = {}): JobRun => ({
    id: "x",
    cause: "schedule",
    startedAt: new Date(noon).toISOString(),
    outcome: "running",
    ...parts,
  });
  const running = { state: "running", startedAt: noon } as const;

  test.each([
    ["at work", run(), running, noon + 9 * minute, "leave"],
    ["paused", run(), { ...running, state: "paused" as const }, noon + minute, "leave"],
    ["out of time", run(), running, noon + 10 * minute, "stop"],
    ["told to stop, and still there", run({ stopping: "timed-out" }), running, noon + minute, "stop"],
    ["at work, its history lost", undefined, running, noon + minute, "leave"],
    ["ended", run(), { state: "exited" as const, startedAt: noon }, noon + minute, "settle"],
    [
      "ended out of time, with nobody there",
      run(),
      { state: "exited" as const, startedAt: noon },
      noon + 99 * minute,
      "settle",
    ],
    ["just about to be made", run(), undefined, noon + 59_000, "leave"],
    ["never made", run(), undefined, noon + minute, "write-off"],
    ["just made", run(), { state: "created" as const }, noon + 1_000, "leave"],
    ["made and never started", run(), { state: "created" as const }, noon + minute, "remove"],
    ["none", undefined, undefined, noon, "nothing"],
  ] as const)("%s", (_, open, container, now, expected) => {
    expect(decideRun(job(), open, container, now).kind).toBe(expected);
  });
});

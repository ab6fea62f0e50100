import { describe, expect, test } from "vitest";
import { dueNow, jitterOf, nextTimes } from "../../../../src/operations/schedule/due.ts";
import type { LaneMemory, ScheduledLane } from "../../../../src/operations/schedule/lanes.ts";
import type { BackupSchedule } from "../../../../src/stack/backup-settings.ts";

const minute = 60_000;
const base: BackupSchedule = {
  full: "30 2 * * *",
  dump: "0 */6 * * *",
  increment: "*/10 * * * *",
  drill: "0 5 * * 0",
  timezone: "Europe/Berlin",
  jitter: 0,
};

/** Calls every five minutes and says when a lane was due. */
function dues(lane: ScheduledLane, from: string, to: string, given: Partial<BackupSchedule> = {}): string[] {
  const schedule = { ...base, ...given };
  const begin = Date.parse(from);
  let memory: LaneMemory = { due: begin, triedAt: begin, attempts: 0, done: true, failed: [] };
  const found: string[] = [];
  for (let now = begin + 7_000; now <= Date.parse(to); now += 5 * minute) {
    const due = dueNow(schedule, lane, memory, now, "shop");
    if (due === undefined) continue;
    found.push(new Date(due.due).toISOString().replace(":00.000Z", "Z"));
    memory = { due: due.due, triedAt: now, attempts: 1, done: true, failed: [] };
  }
  return found;
}

const handled = (at: string, more: Partial<LaneMemory> = {}): LaneMemory => ({
  due: Date.parse(at),
  triedAt: Date.parse(at),
  attempts: 1,
  done: true,
  failed: [],
  ...more,
});
const dueAt = (memory: LaneMemory | undefined, now: string, lane: ScheduledLane = "full") =>
  dueNow(base, lane, memory, Date.parse(now), "shop");

describe("when a lane is due", () => {
  test("every day once, in the schedule's own zone", () => {
    expect(dues("full", "2026-01-10T00:00:00Z", "2026-01-13T00:00:00Z")).toEqual([
      "2026-01-10T01:30Z",
      "2026-01-11T01:30Z",
      "2026-01-12T01:30Z",
    ]);
  });

  test("in the night in which 02:30 does not exist it runs once, when the clocks have moved on", () => {
    expect(dues("full", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z")).toEqual([
      "2026-03-29T01:00Z",
      "2026-03-30T00:30Z",
    ]);
  });

  test("in the night in which 02:30 comes twice it runs once, the first time", () => {
    expect(dues("full", "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z")).toEqual([
      "2026-10-25T00:30Z",
      "2026-10-26T01:30Z",
    ]);
  });

  test("every ten minutes also while an hour is doubled or skipped", () => {
    expect(dues("increment", "2026-10-25T00:00:00Z", "2026-10-25T02:00:30Z")).toHaveLength(12);
    expect(dues("increment", "2026-03-29T00:00:00Z", "2026-03-29T02:00:30Z")).toHaveLength(12);
  });

  test("on a zone of its own: no call is missed because the host's clock is in another", () => {
    expect(dues("drill", "2026-01-10T00:00:00Z", "2026-01-19T00:00:00Z", { timezone: "America/New_York" })).toEqual([
      "2026-01-11T10:00Z",
      "2026-01-18T10:00Z",
    ]);
  });
});

describe("after downtime", () => {
  test("a week without a call is one run, for the newest time", () => {
    const due = dueAt(handled("2026-01-10T01:30:00Z"), "2026-01-17T12:00:00Z");
    expect(due).toEqual({ lane: "full", due: Date.parse("2026-01-17T01:30:00Z"), attempt: 1, only: [] });
    expect(dueAt(handled("2026-01-17T01:30:00Z"), "2026-01-17T12:01:00Z")).toBeUndefined();
  });

  test("a stack that was never backed up is at once, but does not begin with a drill", () => {
    const now = "2026-01-10T12:00:00Z";
    expect(dueAt(undefined, now)?.due).toBe(Date.parse(now));
    for (const lane of ["dump", "increment", "drill"] as const) expect(dueAt(undefined, now, lane)).toBeUndefined();
  });

  test("a memory of the future, left by a clock that was wrong, does not stop backups for a year", () => {
    expect(dueAt(handled("2027-01-10T01:30:00Z"), "2026-01-17T12:00:00Z")?.attempt).toBe(1);
  });
});

describe("a run that failed or was cut short", () => {
  const failed = handled("2026-01-10T01:30:00Z", { done: false, failed: ["postgres"] });

  test("is tried again a quarter of an hour later, for what failed alone", () => {
    expect(dueAt(failed, "2026-01-10T01:44:00Z")).toBeUndefined();
    expect(dueAt(failed, "2026-01-10T01:45:00Z")).toEqual({
      lane: "full",
      due: failed.due,
      attempt: 2,
      only: ["postgres"],
    });
  });

  test("three times at most; the next time of the schedule begins anew, with everything", () => {
    const last = { ...failed, attempts: 3 };
    expect(dueAt(last, "2026-01-10T23:00:00Z")).toBeUndefined();
    expect(dueAt(last, "2026-01-11T01:30:00Z")).toMatchObject({ attempt: 1, only: [] });
  });
});

describe("jitter", () => {
  const schedule = { ...base, jitter: 5 * minute };
  const due = Date.parse("2026-01-10T01:30:00Z");

  test("is the same for one stack and time, and another for others", () => {
    const of = (seed: string, at = due) => jitterOf(schedule, "full", at, seed);
    expect(of("shop")).toBe(of("shop"));
    const many = Array.from({ length: 200 }, (_, index) => of(`shop${index}`));
    expect(Math.max(...many)).toBeLessThanOrEqual(5 * minute);
    expect(Math.max(...many)).toBeGreaterThan(4 * minute);
    expect(Math.min(...many)).toBeLessThan(minute);
    expect(of("shop", due + 86_400_000)).not.toBe(of("shop"));
  });

  test("makes a run late, never lost: not even where it is longer than the time between two", () => {
    const later = due + jitterOf(schedule, "full", due, "shop");
    const before = handled("2026-01-09T01:30:00Z");
    expect(dueNow(schedule, "full", before, later - 1, "shop")).toBeUndefined();
    expect(dueNow(schedule, "full", before, later, "shop")?.due).toBe(due);
    const often = dues("increment", "2026-01-10T00:00:00Z", "2026-01-10T03:00:00Z", { jitter: 25 * minute });
    expect(often.length).toBeGreaterThan(5);
  });
});

test("the next times are told in order", () => {
  const times = nextTimes(base, "full", Date.parse("2026-03-28T12:00:00Z"), 2);
  expect(times.map((time) => new Date(time).toISOString())).toEqual([
    "2026-03-29T01:00:00.000Z",
    "2026-03-30T00:30:00.000Z",
  ]);
});

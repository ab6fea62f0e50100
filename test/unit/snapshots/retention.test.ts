import { describe, expect, test } from "vitest";
import type { CatalogueEntry } from "../../../src/snapshots/catalogue.ts";
import { planRetention, type RetentionInput, type RetentionPlan } from "../../../src/snapshots/retention.ts";
import { clockProblem } from "../../../src/snapshots/retention-guards.ts";
import { isUnreferenced } from "../../../src/snapshots/retention-objects.ts";
import { renderRetention } from "../../../src/snapshots/retention-render.ts";
import {
  badCheck,
  baseFacts,
  day,
  entry,
  hour,
  idAt,
  minute,
  noon,
  type SnapshotParts,
  segment,
  wal,
} from "../../support/snapshots.ts";

const policy = { keepFor: 7 * day, atLeast: 3, frequentFor: day };

function plan(entries: readonly CatalogueEntry[], more: Partial<RetentionInput> = {}): RetentionPlan {
  return planRetention({ now: noon, policy, entries, ...more });
}

/** One set a day, `days` ago and so on; 0 is now. */
function daily(days: readonly number[], parts: SnapshotParts = {}): CatalogueEntry[] {
  return days.map((ago) => entry({ ...parts, at: noon - ago * day }));
}

/** Ages in days of what goes. */
function removedDays({ remove }: RetentionPlan): number[] {
  return remove.map(({ entry: { manifest } }) => (noon - Date.parse(manifest.startedAt)) / day);
}

/** Lines of the plan with ids replaced by how long ago they were made. */
function text(given: RetentionPlan, entries: readonly CatalogueEntry[]): string[] {
  const names = new Map(
    entries.map(({ manifest: { id, startedAt } }) => [id, `-${((noon - Date.parse(startedAt)) / day).toFixed(1)}d`]),
  );
  return renderRetention(given).map((line) => line.replace(/\d{8}T\d{6}Z-\w{6}/g, (id) => names.get(id) ?? id));
}

describe("an ordinary day", () => {
  test("seven days stay, older sets go", () => {
    const entries = daily([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    expect(text(plan(entries), entries)).toEqual([
      "remove files full -9.0d: 9d older than the newest checked one",
      "remove files full -8.0d: 8d older than the newest checked one",
      "keep files full -7.0d: younger than 7d",
      "keep files full -6.0d: younger than 7d",
      "keep files full -5.0d: younger than 7d",
      "keep files full -4.0d: younger than 7d",
      "keep files full -3.0d: younger than 7d",
      "keep files full -2.0d: one of the newest 3 checked (3)",
      "keep files full -1.0d: one of the newest 3 checked (2)",
      "keep files full -0.0d: one of the newest 3 checked (1)",
    ]);
  });

  test("of older increments the last of each day stays", () => {
    const full = entry({ at: noon - 3 * day });
    const increments = [60, 61, 62, 30, 31, 20, 10, 1].map((hours) =>
      entry({ at: noon - hours * hour, type: "incremental", parent: full.manifest.id }),
    );
    const gone = plan([full, ...increments]).remove.map(({ entry: { manifest }, reason }) => [
      manifest.startedAt,
      reason,
    ]);
    // 62 and 61 hours ago was one day, 60 another; 31, 30 and 20 a third, of which 20 is young.
    expect(gone.map(([at]) => (noon - Date.parse(String(at))) / hour)).toEqual([62, 31, 30]);
    expect(gone[0]?.[1]).toBe("older than 1d, a later one of the same day stays");
  });

  test("of older sets of other types the last of each six hours stays, so that a promised dump is never thinned", () => {
    const six = Array.from({ length: 16 }, (_, index) => entry({ at: noon - index * 6 * hour, type: "dump" }));
    expect(plan(six).remove).toEqual([]);
    const ten = Array.from({ length: 36 }, (_, index) =>
      entry({ at: noon - 30 * hour - index * 10 * minute, type: "dump" }),
    );
    const { keep } = plan([...ten, ...daily([0, 0.1, 0.2], { type: "dump" })]);
    expect(keep.filter(({ entry: { manifest } }) => ten.some((each) => each.manifest.id === manifest.id))).toHaveLength(
      2,
    );
  });

  test("the last of a day is one that can be restored, where there is one", () => {
    const full = entry({ at: noon - 6 * day });
    const increment = (hours: number, parts: SnapshotParts = {}) =>
      entry({ at: noon - hours * hour, type: "incremental", parent: full.manifest.id, ...parts });
    const bad = { checks: badCheck(noon) };
    const entries = [
      full,
      increment(70),
      increment(68),
      increment(66, bad),
      increment(44, bad),
      increment(42, bad),
      increment(1),
    ];
    // The floor would keep them all: it is three.
    const one = { ...policy, atLeast: 1 };
    const gone = planRetention({ now: noon, entries, policy: one }).remove.map((each) => each.entry.manifest.id);
    expect(gone).toEqual([70, 66, 44].map((hours) => idAt(noon - hours * hour)));
  });

  test("what builds on another keeps it, however old it is", () => {
    const full = entry({ at: noon - 12 * day });
    const between = entry({ at: noon - 8 * day, type: "incremental", parent: full.manifest.id });
    const young = entry({ at: noon - 6 * day, type: "incremental", parent: between.manifest.id });
    const entries = [full, between, young, ...daily([2, 1, 0])];
    expect(text(plan(entries), entries)).toEqual([
      "keep files full -12.0d: -8.0d builds on it",
      "keep files incremental -8.0d: one of the newest 2 checked (2)",
      "keep files incremental -6.0d: one of the newest 2 checked (1)",
      "keep files full -2.0d: one of the newest 3 checked (3)",
      "keep files full -1.0d: one of the newest 3 checked (2)",
      "keep files full -0.0d: one of the newest 3 checked (1)",
    ]);
  });

  test("a chain goes from its end", () => {
    const full = entry({ at: noon - 30 * day });
    const one = entry({ at: noon - 29 * day, type: "incremental", parent: full.manifest.id });
    const two = entry({ at: noon - 28 * day, type: "incremental", parent: one.manifest.id });
    const newer = entry({ at: noon - 3 * day });
    const increments = [2, 1, 0].map((ago) =>
      entry({ at: noon - ago * day, type: "incremental", parent: newer.manifest.id }),
    );
    const entries = [full, one, two, newer, ...daily([0.1, 0.2, 0.3]), ...increments];
    expect(removedDays(plan(entries, { force: true }))).toEqual([28, 29, 30]);
    expect(removedDays(plan(entries))).toEqual([28, 29]);
  });

  test("each source and type is counted by itself", () => {
    const entries = [
      ...daily([20, 19, 18], { source: "other" }),
      ...daily([20, 19, 18], { type: "dump" }),
      ...daily([1, 0]),
    ];
    expect(plan(entries).remove).toEqual([]);
  });
});

describe("the ways in which others lost everything", () => {
  test("the newest run failed: nothing of the source goes, the others are pruned", () => {
    const entries = [...daily([9, 8, 1, 0]), ...daily([9, 3, 2, 1, 0], { source: "other" })];
    const lastRuns = [
      { source: "files", type: "full" as const, at: noon - hour, outcome: "failed" as const },
      { source: "other", type: "full" as const, at: noon - hour, outcome: "ok" as const },
    ];
    const { held, remove } = plan(entries, { lastRuns });
    expect(held).toEqual([{ source: "files", reason: "its newest run (full, 2026-11-21T11:00:00.000Z) failed" }]);
    expect(remove.map(({ entry: { manifest } }) => manifest.source.name)).toEqual(["other"]);
  });

  test("a failure of something that nobody runs any more does not hold for ever", () => {
    const lastRuns = [{ source: "files", type: "dump" as const, at: noon - 8 * day, outcome: "failed" as const }];
    expect(plan(daily([9, 3, 2, 1, 0]), { lastRuns }).held).toEqual([]);
  });

  test("the newest set is not verified: nothing of the source goes", () => {
    const bad = entry({ at: noon, checks: badCheck(noon) });
    const { held, remove } = plan([...daily([9, 8, 3, 2, 1]), bad]);
    expect(held[0]?.reason).toBe(
      `its newest full ${bad.manifest.id} is not verified: it was not checked, or a check failed`,
    );
    expect(remove).toEqual([]);
  });

  test("a check that failed later counts as much", () => {
    const [old, ...rest] = daily([9, 3, 2, 1]);
    const newest: CatalogueEntry = { ...entry({ at: noon }), laterChecks: badCheck(noon) };
    expect(plan([...(old ? [old] : []), ...rest, newest]).held).toHaveLength(1);
  });

  test("backups failed for a month: age counts from the newest good set, not from today", () => {
    const entries = daily([36, 35, 34, 33, 32, 31, 30]);
    expect(plan(entries).remove).toEqual([]);
  });

  test("a missed week, then one run: the floor stays though all of it is old", () => {
    const entries = daily([40, 39, 38, 37, 0]);
    expect(removedDays(plan(entries, { force: true }))).toEqual([40, 39]);
  });

  test("bad sets do not count towards the floor", () => {
    const bad = daily([20, 19, 18], { checks: [] });
    const good = daily([33, 32, 31, 30]);
    const newest = entry({ at: noon });
    expect(removedDays(plan([...good, ...bad, newest], { force: true }))).toEqual([33, 32, 20, 19, 18]);
  });

  test("an increment without what it builds on does not count, nor does one on a bad set", () => {
    const alone = entry({ at: noon - hour, type: "incremental", parent: idAt(noon - 9 * day) });
    const badFull = entry({ at: noon - 10 * day, checks: badCheck(noon) });
    const onBad = entry({ at: noon - 2 * hour, type: "incremental", parent: badFull.manifest.id });
    const full = entry({ at: noon - 30 * day });
    const good = [29, 28, 27].map((ago) =>
      entry({ at: noon - ago * day, type: "incremental", parent: full.manifest.id }),
    );
    const entries = [full, ...good, badFull, onBad, alone, ...daily([2, 1, 0])];
    expect(plan(entries, { force: true }).remove).toEqual([]);
  });

  test("no more than a quarter of a source goes at once, the oldest first, unless forced", () => {
    const entries = daily(Array.from({ length: 20 }, (_, index) => 39 - index).concat([1, 0]));
    const { remove, keep } = plan(entries);
    expect(removedDays({ remove } as RetentionPlan)).toEqual([39, 38, 37, 36, 35]);
    expect(keep[0]?.reason).toBe("left for the next prune: one removes no more than 5 of 22 sets");
    expect(plan(entries, { force: true }).remove).toHaveLength(19);
  });

  test("a suspiciously small newest set holds what may be worth more, until forced", () => {
    const big = daily([9, 8, 4, 3, 2, 1], { content: "x".repeat(1_000) });
    const small = entry({ at: noon, content: "x".repeat(400) });
    expect(plan([...big, small]).held).toEqual([
      { source: "files", reason: "its newest full has 400 B, those before have 1000 B" },
    ]);
    expect(plan([...big, small], { force: true }).remove).toHaveLength(2);
    expect(plan([...big, entry({ at: noon, content: "x".repeat(500) })]).held).toEqual([]);
    // Two before it are no habit.
    expect(plan([...big.slice(-2), small]).held).toEqual([]);
    const increments = [...big, small].map((each) => ({
      ...each,
      manifest: { ...each.manifest, type: "incremental" as const },
    }));
    expect(plan(increments).held).toEqual([]);
  });

  test("a manifest that cannot be read may need any older set: nothing of its source goes, until forced", () => {
    const id = idAt(noon - 8 * day);
    const unreadable = [{ source: "files", id, folder: "f/", objects: [], bytes: 0, newestAt: 0, reason: "no answer" }];
    const entries = daily([9, 3, 2, 1, 0]);
    expect(plan(entries, { unreadable }).held).toEqual([
      { source: "files", reason: `the manifest of ${id} cannot be read (no answer)` },
    ]);
    expect(plan(entries, { unreadable }).remove).toEqual([]);
    expect(plan(entries, { unreadable, force: true }).remove).toHaveLength(1);
  });

  test("a set from the future is kept and counts for nothing", () => {
    const entries = [...daily([6, 5, 4, 3]), entry({ at: noon + 4 * 365 * day })];
    expect(text(plan(entries), entries).at(-1)).toBe("keep files full --1460.0d: it is dated in the future");
    expect(plan(entries).remove).toEqual([]);
  });

  test("sets that a destination lacks stay up to twice as long", () => {
    const entries = daily([15, 10, 9, 2, 1, 0]);
    const undelivered = new Set([15, 10].map((ago) => `files/${idAt(noon - ago * day)}`));
    expect(removedDays(plan(entries, { undelivered, force: true }))).toEqual([15, 9]);
  });

  test("a tampered chain that bites its tail ends", () => {
    const [a, b] = [idAt(noon - 20 * day), idAt(noon - 19 * day)];
    const entries = [
      entry({ at: noon - 20 * day, type: "incremental", parent: b }),
      entry({ at: noon - 19 * day, type: "incremental", parent: a }),
      ...daily([2, 1, 0]),
    ];
    expect(plan(entries, { force: true }).remove).toEqual([]);
  });
});

describe("the clock", () => {
  test.each([
    ["is steady", { lastSeenNow: noon - hour }, undefined],
    ["was never seen", {}, undefined],
    ["went back", { lastSeenNow: noon + 1 }, "the clock went back: it said 2026-11-21T12:00:00.001Z before"],
    [
      "went back, whatever the store says",
      { lastSeenNow: noon + 1, storeSkew: 0 },
      "the clock went back: it said 2026-11-21T12:00:00.001Z before",
    ],
    [
      "leapt, or the host was off",
      { lastSeenNow: noon - day - 1 },
      "the clock was last seen 1d ago: it jumped, or nothing ran since",
    ],
    ["leapt, and the store says that it is right", { lastSeenNow: noon - 30 * day, storeSkew: minute }, undefined],
    [
      "leapt some hours ago",
      { lastSeenNow: noon - minute, jumpedAt: noon - 5 * hour },
      "the clock jumped 5h ago: nothing is removed for a day",
    ],
    ["leapt a day ago", { lastSeenNow: noon - minute, jumpedAt: noon - day }, undefined],
    [
      "leapt some hours ago, and the store says that it is right",
      { jumpedAt: noon - 5 * hour, storeSkew: -minute },
      undefined,
    ],
    ["is ahead of the store", { storeSkew: -6 * minute }, "the clock of this host and that of the store differ by 6m"],
    ["is behind the store", { storeSkew: 5 * minute + 1 }, "the clock of this host and that of the store differ by 5m"],
  ])("%s", (_, facts, reason) => {
    expect(clockProblem(noon, facts)).toBe(reason);
  });

  test("that is not to be trusted keeps everything, also with force", () => {
    const folder = { source: "files", id: idAt(0), folder: "snapshots/files/x/", objects: [], bytes: 0, newestAt: 0 };
    const refused = plan(daily([9, 3, 2, 1, 0]), {
      clock: { lastSeenNow: noon + 1 },
      force: true,
      incomplete: [folder],
    });
    expect(renderRetention(refused)).toEqual([
      "nothing is removed: the clock went back: it said 2026-11-21T12:00:00.001Z before",
    ]);
    expect([refused.keep.length, refused.remove, refused.sweep, refused.wal]).toEqual([5, [], [], []]);
  });
});

describe("what dead runs left", () => {
  const folder = (ago: number, parts = {}) => ({
    source: "files",
    id: idAt(noon - ago),
    folder: `snapshots/files/${idAt(noon - ago)}/`,
    objects: [{ key: `snapshots/files/${idAt(noon - ago)}/part`, bytes: 2_048, modifiedAt: noon - ago }],
    bytes: 2_048,
    newestAt: noon - ago,
    ...parts,
  });

  test("goes after a day, never before", () => {
    const given = plan([], { incomplete: [folder(25 * hour), folder(23 * hour)] });
    expect(renderRetention(given)).toEqual([
      `sweep files ${idAt(noon - 25 * hour)} (2 KB): without manifest, and nothing was written for 1d1h`,
    ]);
  });

  test("goes at once where an interrupted prune had begun, and stays while a delivery is to go on", () => {
    const begun = folder(hour);
    const coming = folder(3 * day);
    const given = plan([], {
      incomplete: [begun, coming],
      abandoned: new Set([begun.folder]),
      arriving: [entry({ id: coming.id })],
    });
    expect(given.sweep.map((each) => each.folder.folder)).toEqual([begun.folder]);
  });

  test("goes also where the source is held: failing runs must not fill the disk", () => {
    const lastRuns = [{ source: "files", type: "full" as const, at: noon, outcome: "failed" as const }];
    expect(plan(daily([1]), { incomplete: [folder(2 * day)], lastRuns }).sweep).toHaveLength(1);
  });

  test("shared objects go when nothing refers to them and they are a day old", () => {
    const object = (key: string, ago: number) => ({ key, bytes: 1, modifiedAt: noon - ago });
    const referenced = new Set(["objects/minio/aa/11"]);
    expect(isUnreferenced(object("objects/minio/aa/11", 9 * day), referenced, noon)).toBe(false);
    expect(isUnreferenced(object("objects/minio/aa/11.age", 9 * day), referenced, noon)).toBe(false);
    expect(isUnreferenced(object("objects/minio/aa/22.age", 9 * day), referenced, noon)).toBe(true);
    expect(isUnreferenced(object("objects/minio/aa/22", 23 * hour), referenced, noon)).toBe(false);
  });
});

describe("the write-ahead log", () => {
  const base = (ago: number, number: number, parts: SnapshotParts = {}) =>
    entry({ source: "postgres", type: "base", at: noon - ago * day, facts: baseFacts(segment(number)), ...parts });
  const log = (...numbers: number[]) => numbers.map((number) => wal(segment(number), noon - 20 * day));
  const gone = (given: RetentionPlan) => given.wal.flatMap(({ objects }) => objects.map(({ file }) => file));

  test("before the oldest base that stays goes", () => {
    const entries = [base(9, 10), base(6, 20), base(1, 30), base(0, 40)];
    const given = plan(entries, { wal: [...log(40, 19, 9, 10, 20), wal("00000002.history")] });
    expect(given.remove.map(({ entry: { manifest } }) => manifest.id)).toEqual([idAt(noon - 9 * day)]);
    expect(gone(given)).toEqual([segment(9), segment(10), segment(19)]);
    expect(renderRetention(given)[1]).toBe(
      `remove 3 files of the log of postgres 7312345678901234567, up to ${segment(19)}: before the oldest base that stays`,
    );
  });

  test("stays where a base that is on its way still needs it", () => {
    const entries = [base(2, 20), base(1, 30), base(0, 40)];
    expect(gone(plan(entries, { wal: log(10, 15, 20), arriving: [base(3, 12)] }))).toEqual([segment(10)]);
  });

  test("stays whole where one base's place, or a manifest, cannot be read, or the source is held", () => {
    const entries = [base(1, 30), base(0, 40)];
    expect(gone(plan(entries, { wal: log(9) }))).toEqual([segment(9)]);
    expect(gone(plan([...entries, base(2, 0, { facts: {} })], { wal: log(9) }))).toEqual([]);
    const unreadable = {
      source: "postgres",
      id: idAt(1),
      folder: "f/",
      objects: [],
      bytes: 0,
      newestAt: 0,
      reason: "torn",
    };
    expect(gone(plan(entries, { wal: log(9), unreadable: [unreadable] }))).toEqual([]);
    const lastRuns = [{ source: "postgres", type: "base" as const, at: noon, outcome: "failed" as const }];
    expect(gone(plan(entries, { wal: log(9), lastRuns }))).toEqual([]);
  });

  test("without any base stays", () => {
    expect(gone(plan([], { wal: log(1, 2, 3) }))).toEqual([]);
  });

  test("of a cluster that was replaced goes when its successor's base is older than the retention time", () => {
    const old = (ago: number) => wal(segment(5), noon - ago * day, "postgres", "1");
    const entries = [base(1, 30), base(0, 40)];
    expect(gone(plan(entries, { wal: [old(9)] }))).toEqual([segment(5)]);
    expect(gone(plan(entries, { wal: [old(6)] }))).toEqual([]);
  });

  test("of a timeline that was left goes with its last base; that of later timelines follows an older base", () => {
    const entries = [base(2, 30), base(0, 40, { facts: baseFacts(segment(12, 2)) })];
    const files = [...log(29, 30), wal(segment(11, 2)), wal(segment(12, 2)), wal(segment(31, 2))];
    expect(gone(plan(entries, { wal: files }))).toEqual([segment(11, 2), segment(29)]);
    expect(gone(plan([base(0, 30)], { wal: files }))).toEqual([segment(11, 2), segment(12, 2), segment(29)]);
  });
});

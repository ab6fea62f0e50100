import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  baseWal,
  findGaps,
  needsWal,
  nextSegment,
  parseHistory,
  reachableWindows,
  segmentOfLsn,
  walNeededBy,
  walObject,
} from "../../../src/snapshots/wal-chain.ts";
import { baseFacts, hour, idAt, manifest, minute, noon, segment, wal } from "../../support/snapshots.ts";

const object = { bytes: 1, modifiedAt: 0 };
const at = (key: string) => walObject({ key, ...object });

function base(start: string, end = start, finished = noon) {
  const found = baseWal(manifest({ source: "postgres", type: "base", at: finished, facts: baseFacts(start, end) }));
  if (found === undefined) throw new Error("no base");
  return found;
}

describe("names in the archive", () => {
  test.each([
    ["000000010000000000000005.zst", "segment", "000000010000000000000005", 1, "0000000000000005"],
    ["00000002000000FF000000FE.zst.age", "segment", "00000002000000FF000000FE", 2, "000000FF000000FE"],
    ["0000000A0000000000000005.gpg", "segment", "0000000A0000000000000005", 10, "0000000000000005"],
    ["00000002.history.zst.age", "history", "00000002.history", 2, ""],
    [
      "000000010000000000000005.00000028.backup.zst",
      "backup",
      "000000010000000000000005.00000028.backup",
      1,
      "0000000000000005",
    ],
    ["000000010000000000000005.partial", "partial", "000000010000000000000005.partial", 1, "0000000000000005"],
  ])("%s is a %s", (name, kind, file, timeline, position) => {
    expect(at(`wal/postgres/7312345678901234567/${name}`)).toMatchObject({
      source: "postgres",
      systemId: "7312345678901234567",
      kind,
      file,
      timeline,
      position,
    });
  });

  test.each([
    "wal/postgres/7312/00000001000000000000000g.zst",
    "wal/postgres/7312/000000010000000000000005.tmp",
    "wal/postgres/seven/000000010000000000000005",
    "wal/postgres/000000010000000000000005",
    "wal/postgres/7312/0000000100000000000005.history",
    "objects/postgres/7312/000000010000000000000005",
  ])("%s is somebody else's", (key) => {
    expect(at(key)).toBeUndefined();
  });
});

describe("positions", () => {
  test.each([
    [1, "0/3000028", undefined, "000000010000000000000003"],
    [2, "1A/FFFFFFFF", undefined, "000000020000001A000000FF"],
    [1, "0/3000028", 1024 ** 2, "000000010000000000000030"],
    [1, "0/40000000", 1024 ** 3, "000000010000000000000001"],
    [1, "nonsense", undefined, undefined],
  ])("timeline %i, %s", (timeline, lsn, size, name) => {
    expect(segmentOfLsn(timeline, lsn, size)).toBe(name);
  });

  test("segments are counted on across the end of a log file, whatever their size", () => {
    expect(nextSegment("0000000100000000000000FE")).toBe("0000000100000000000000FF");
    expect(nextSegment("0000000100000000000000FF")).toBe("000000010000000100000000");
    expect(nextSegment("000000010000000000000FFF", 1024 ** 2)).toBe("000000010000000100000000");
    expect(nextSegment("000000030000000700000003", 1024 ** 3)).toBe("000000030000000800000000");
  });

  test("a history names each timeline before and where it was left", () => {
    const history = "1\t0/3000148\tno recovery target specified\n\n2\t0/5000000\tat restore point\n# note\n";
    expect(parseHistory(history)).toEqual([
      { timeline: 1, end: "0000000000000003" },
      { timeline: 2, end: "0000000000000005" },
    ]);
  });

  test("a base tells its place by segment or by position; without one nothing is known", () => {
    const facts = {
      systemId: "7312",
      timeline: 1,
      startLsn: "0/2000028",
      endLsn: "0/4000000",
      walSegmentSize: 2 ** 24,
    };
    const described = (given: Record<string, unknown>) => baseWal(manifest({ type: "base", facts: given }));
    expect(described(facts)).toMatchObject({ startSegment: segment(2), endSegment: segment(3), segmentSize: 2 ** 24 });
    expect(described({ ...facts, endLsn: "0/4000001" })?.endSegment).toBe(segment(4));
    expect(described({ ...facts, walSegmentSize: 3 })?.segmentSize).toBe(2 ** 24);
    expect(described({ ...facts, startLsn: undefined, startSegment: segment(1) })?.startSegment).toBe(segment(1));
    for (const broken of [{ systemId: "x" }, { timeline: 0 }, { startLsn: "2" }, { timeline: "" }])
      expect(described({ ...facts, ...broken })).toBeUndefined();
  });
});

describe("holes", () => {
  const names = (...numbers: number[]) => numbers.map((number) => segment(number));

  test.each([
    ["none", names(3, 4, 5), []],
    ["one in the middle", names(3, 4, 7), [{ from: segment(5), to: segment(6) }]],
    ["one before the first", names(5, 6), [{ from: segment(3), to: segment(4) }]],
    [
      "two",
      names(3, 5, 7),
      [
        { from: segment(4), to: segment(4) },
        { from: segment(6), to: segment(6) },
      ],
    ],
    [
      "across a log file",
      names(3, ...Array.from({ length: 252 }, (_, index) => index + 4), 257),
      [{ from: segment(256), to: segment(256) }],
    ],
    ["older segments do not matter", names(1, 3), []],
    ["nothing yet", [], []],
    ["another timeline", [segment(9, 2)], []],
  ])("%s", (_, segments, gaps) => {
    expect(findGaps(segments, segment(3))).toEqual(gaps);
  });

  test("with what is missing put back there is no hole, and nothing else was called missing", () => {
    const numbers = fc.uniqueArray(fc.integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(numbers, fc.nat(700), (present, start) => {
        const gaps = findGaps(
          present.map((number) => segment(number)),
          segment(start),
        );
        const filled = new Set(present.map((number) => segment(number)));
        for (const { from, to } of gaps)
          for (let name = from; name <= to; name = nextSegment(name)) {
            expect(filled.has(name)).toBe(false);
            filled.add(name);
          }
        expect(findGaps([...filled], segment(start))).toEqual([]);
      }),
    );
  });
});

describe("what can be restored", () => {
  const run = (from: number, to: number, timeline = 1) =>
    Array.from({ length: to - from + 1 }, (_, index) =>
      wal(segment(from + index, timeline), noon + (from + index) * minute),
    );

  test("from the end of the base to when the last segment without a hole was archived", () => {
    const [window] = reachableWindows([base(segment(3), segment(4))], run(2, 9));
    expect(window).toEqual({
      base: idAt(noon),
      source: "postgres",
      systemId: "7312345678901234567",
      timeline: 1,
      from: noon,
      to: noon + 9 * minute,
      lastSegment: segment(9),
    });
  });

  test("a hole ends it and is named", () => {
    const [window] = reachableWindows([base(segment(3))], [...run(2, 5), ...run(7, 9)]);
    expect(window).toMatchObject({
      to: noon + 5 * minute,
      lastSegment: segment(5),
      gap: { from: segment(6), to: segment(6) },
    });
  });

  test("a base without its own log reaches nothing, nor does another cluster's log help", () => {
    expect(reachableWindows([base(segment(3), segment(4))], run(4, 9))).toEqual([]);
    expect(reachableWindows([base(segment(3), segment(4))], run(3, 3))).toEqual([]);
    expect(reachableWindows([base(segment(3))], [wal(segment(3), noon, "postgres", "1")])).toEqual([]);
    expect(reachableWindows([base(segment(3))], [wal(`${segment(3)}.partial`)])).toEqual([]);
  });

  test("a restored server goes on in a new timeline, which is reached through its history", () => {
    const histories = new Map([["00000002.history", "1\t0/6000100\tbefore the accident\n"]]);
    const files = [...run(3, 9), wal("00000002.history"), ...run(6, 12, 2)];
    const windows = reachableWindows([base(segment(3))], files, histories);
    expect(windows.map(({ timeline, lastSegment }) => [timeline, lastSegment])).toEqual([
      [1, segment(9)],
      [2, segment(12, 2)],
    ]);
    expect(reachableWindows([base(segment(3))], files).map(({ timeline }) => timeline)).toEqual([1]);
  });

  test("a base made after the branch does not lead into it, and a hole before the branch closes the way", () => {
    const histories = new Map([["00000002.history", "1\t0/6000100\tbefore the accident\n"]]);
    const files = [...run(3, 9), ...run(6, 12, 2)];
    expect(reachableWindows([base(segment(8))], files, histories).map(({ timeline }) => timeline)).toEqual([1]);
    const holed = files.filter(({ file }) => file !== segment(5));
    expect(reachableWindows([base(segment(3))], holed, histories).map(({ timeline }) => timeline)).toEqual([1]);
  });

  test("a base on the segment of the branch leads into it at once", () => {
    const histories = new Map([["00000002.history", "1\t0/6000100\tat once\n"]]);
    const windows = reachableWindows([base(segment(6))], run(6, 8, 2), histories);
    expect(windows.map(({ timeline, to }) => [timeline, to])).toEqual([[2, noon + 8 * minute]]);
  });
});

describe("what a base needs", () => {
  test("all from its start on its timeline and later ones, and every history", () => {
    const own = base(segment(5, 2));
    expect(needsWal(own, wal(segment(5, 2)))).toBe(true);
    expect(needsWal(own, wal(segment(4, 2)))).toBe(false);
    expect(needsWal(own, wal(segment(9, 1)))).toBe(false);
    expect(needsWal(own, wal(segment(9, 3)))).toBe(true);
    expect(needsWal(own, wal("00000001.history"))).toBe(true);
    expect(needsWal(own, wal(segment(5, 2), noon, "other"))).toBe(false);
    expect(needsWal(own, wal(segment(5, 2), noon, "postgres", "1"))).toBe(false);
  });

  test("the oldest of several decides, for each timeline", () => {
    const bases = [base(segment(7)), base(segment(5)), base(segment(9, 2), segment(9, 2), noon + hour)];
    expect([...walNeededBy(bases)]).toEqual([
      ["postgres/7312345678901234567/1", segment(5)],
      ["postgres/7312345678901234567/2", segment(9, 2)],
    ]);
  });
});

import { describe, expect, test } from "vitest";
import { compareCounts, parseCounts, plausible } from "../../../../src/operations/backup/counts.ts";

describe("counts of a server", () => {
  test("are one JSON object of whole numbers", () => {
    expect(parseCounts("redis", '{"keys": 3, "expiring": 1}\n')).toEqual({ keys: 3, expiring: 1 });
    for (const text of ["", "NOAUTH", "{}", "[3]", '{"keys": "3"}', '{"keys": 1.5}', "null"])
      expect(() => parseCounts("redis", text), text).toThrow("redis cannot be counted");
  });

  const range = { before: { keys: 10, expiring: 4, functions: 1 }, after: { keys: 12, expiring: 3, functions: 1 } };

  test.each([
    ["between before and after", { keys: 11, functions: 1 }, true, "11 keys, 1 functions"],
    ["what expires may be gone", { keys: 6, functions: 1 }, true, "6 keys, 1 functions"],
    ["more is gone than can", { keys: 5, functions: 1 }, false, "5 keys instead of 10 to 12, 4 of which expire"],
    ["more than there was", { keys: 13, functions: 1 }, false, "13 keys instead of 10 to 12, 4 of which expire"],
    ["something else is lost", { keys: 12 }, false, "0 functions instead of 1"],
    ["nothing is there", {}, false, "0 keys instead of 10 to 12, 4 of which expire; 0 functions instead of 1"],
  ])("a restored one: %s", (_, found, ok, detail) => {
    expect(compareCounts(range, found)).toEqual({ ok, detail });
  });

  test.each([
    ["a busy server's other moment", { keys: 17 }, true, "17 keys"],
    ["less, but not by half", { keys: 5 }, true, "5 keys"],
    ["another server's", { keys: 4 }, false, "4 keys, though the server held 10"],
  ])("a file: %s", (_, found, ok, detail) => {
    expect(plausible(range, found)).toEqual({ ok, detail });
  });
});

import { describe, expect, test } from "vitest";
import { isMissed, mebibyte, table } from "../../scripts/bench/report.ts";

const base = { what: "ours", ours: 100, against: "theirs", theirs: 100 };

describe("the table of the bench", () => {
  test("a target is missed by time or by memory, and never where there is none", () => {
    expect(isMissed(base)).toBe(false);
    expect(isMissed({ ...base, target: 1 })).toBe(false);
    expect(isMissed({ ...base, ours: 101, target: 1 })).toBe(true);
    expect(isMissed({ ...base, memory: 121 * mebibyte, mostMemory: 120 * mebibyte })).toBe(true);
    expect(isMissed({ ...base, memory: 120 * mebibyte, mostMemory: 120 * mebibyte })).toBe(false);
    expect(isMissed({ what: "alone", ours: 100, memory: 200 * mebibyte, mostMemory: mebibyte })).toBe(true);
  });

  test("says the ratio, both targets, and why a comparison is not of like with like", () => {
    const lines = [
      { ...base, ours: 150, target: 1.05, memory: 90 * mebibyte, mostMemory: 120 * mebibyte, why: "it looks at more" },
      { what: "alone", ours: 12_345 },
    ];
    const [, first = "", second = "", reason] = table(lines).split("\n");
    expect(first).toMatch(/ours +150 ms +theirs +100 ms +1\.50 +<= 1\.05 +[\d.]+ MB +<= [\d.]+ MB +missed/);
    expect(second).toMatch(/^alone +12\.3 s$/);
    expect(reason).toBe("ours, against theirs: it looks at more");
  });
});

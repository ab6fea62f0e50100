import { describe, expect, test } from "vitest";
import { partSizeFor, partsOf } from "../../../src/snapshots/s3-parts.ts";

const mebibyte = 1024 ** 2;
const gibibyte = 1024 ** 3;

describe("parts of an upload", () => {
  test.each([
    [1, 8],
    [7 * gibibyte, 8],
    [7.1 * gibibyte, 9],
    [50 * gibibyte, 57],
    [5_000 * gibibyte, 5_689],
  ])("of %d bytes are %d MiB", (size, expected) => {
    expect(partSizeFor(Math.round(size), 8 * mebibyte) / mebibyte).toBe(expected);
  });

  test("are never more than Scaleway takes, and all the same size but the last", () => {
    for (const size of [8 * mebibyte + 1, 7_549_747_200, 7_549_747_201, 123_456_789_012, 4_999_999_999_999]) {
      const partSize = partSizeFor(size, 8 * mebibyte);
      const parts = partsOf(size, partSize);
      expect(parts.length).toBeLessThanOrEqual(900);
      expect(parts.slice(0, -1).every(({ length }) => length === partSize)).toBe(true);
      expect(parts.at(-1)?.length).toBeGreaterThan(0);
      expect(parts.reduce((sum, { length }) => sum + length, 0)).toBe(size);
      expect(parts.every(({ number, offset }, index) => number === index + 1 && offset === index * partSize)).toBe(
        true,
      );
    }
  });
});

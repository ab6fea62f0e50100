import { describe, expect, test } from "vitest";
import { startPace } from "../../../src/operations/progress-pace.ts";

const MB = 1024 ** 2;

/** What is said at each moment (seconds) at which so much (MB) has been moved. */
function told(total: number | undefined, moments: readonly [number, number][], guess = false): string[] {
  let now = 0;
  const pace = startPace(
    { now: () => now, sleep: async () => {} },
    total === undefined ? undefined : total * MB,
    guess,
  );
  return moments.map(([at, moved]) => {
    now = at * 1_000;
    return pace.moved(moved * MB);
  });
}

describe("how far a transfer is", () => {
  test("bytes at once; rate and time left as soon as they can be known", () => {
    expect(
      told(400, [
        [0, 0],
        [0.5, 16],
        [1, 40],
        [5, 200],
      ]),
    ).toEqual(["0/400 MB", "16/400 MB", "40/400 MB 40 MB/s 9s left", "200/400 MB 40 MB/s 5s left"]);
  });

  test("a rate has two digits", () => {
    expect(
      told(400, [
        [0, 0],
        [3, 80],
      ]).at(-1),
    ).toBe("80/400 MB 27 MB/s 12s left");
  });

  test("what was there already, of an upload that goes on, makes it no faster", () => {
    expect(
      told(400, [
        [0, 300],
        [2, 320],
      ]).at(-1),
    ).toBe("320/400 MB 10 MB/s 8s left");
  });

  test("the rate is that of the last seconds, not of all the time", () => {
    const slower: [number, number][] = [
      [0, 0],
      [10, 200],
      [20, 210],
      [30, 220],
    ];
    expect(told(400, slower).at(-1)).toBe("220/400 MB 1 MB/s 3m left");
  });

  test("without a total no time is made up; what is a guess is called one, and dropped once it was wrong", () => {
    expect(
      told(undefined, [
        [0, 0],
        [2, 20],
      ]).at(-1),
    ).toBe("20 MB 10 MB/s");
    expect(
      told(
        40,
        [
          [0, 0],
          [2, 20],
          [5, 50],
        ],
        true,
      ),
    ).toEqual(["0 B", "20 MB 10 MB/s ~2s left", "50 MB 10 MB/s"]);
  });

  test("a line that stands still promises nothing", () => {
    expect(
      told(400, [
        [0, 100],
        [30, 100],
      ]).at(-1),
    ).toBe("100/400 MB");
  });
});

import { describe, expect, test } from "vitest";
import { delayBefore, withTimeLimit } from "../../../src/snapshots/s3-retry.ts";

describe("trying again", () => {
  test("waits between half a second and a border that doubles up to half a minute", () => {
    const lowest = [1, 2, 3, 4, 5, 6, 7, 8].map((retry) => delayBefore(retry, () => 0));
    const highest = [1, 2, 3, 4, 5, 6, 7, 8].map((retry) => delayBefore(retry, () => 1));
    expect(lowest).toEqual(Array(8).fill(500));
    expect(highest).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  });

  test("a time limit ends what runs, and says that it did", async () => {
    const outcome = await withTimeLimit(10, undefined, async (signal, timedOut) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      return timedOut();
    });
    expect(outcome).toBe(true);
  });

  test("the caller's signal ends it with the caller's reason, and leaves nothing on it", async () => {
    const outer = new AbortController();
    const reason = new Error("Ctrl-C");
    const running = withTimeLimit(
      60_000,
      outer.signal,
      (signal, timedOut) =>
        new Promise((resolve) => signal.addEventListener("abort", () => resolve([signal.reason, timedOut()]))),
    );
    outer.abort(reason);
    expect(await running).toEqual([reason, false]);
    const early = await withTimeLimit(60_000, outer.signal, async (signal) => signal.aborted);
    expect(early).toBe(true);
  });
});

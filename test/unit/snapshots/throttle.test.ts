import { describe, expect, test } from "vitest";
import { throttle } from "../../../src/snapshots/throttle.ts";
import type { Clock } from "../../../src/support/clock.ts";

function testClock(): Clock & { pass(milliseconds: number): void } {
  let now = 1_000;
  return {
    now: () => now,
    async sleep(milliseconds, signal) {
      signal?.throwIfAborted();
      now += milliseconds;
    },
    pass(milliseconds) {
      now += milliseconds;
    },
  };
}

describe("a limited bandwidth", () => {
  test("is the average over everything that is sent", async () => {
    const clock = testClock();
    const limit = throttle(1_000_000, clock);
    for (let sent = 0; sent < 10_000_000; sent += limit.slice) await limit.take(limit.slice);
    expect(clock.now() - 1_000).toBeGreaterThan(9_700);
    expect(clock.now() - 1_000).toBeLessThan(10_100);
  });

  test("goes in slices of an eighth of a second, within bounds", () => {
    const slice = (rate: number | undefined) => throttle(rate, testClock()).slice;
    expect([slice(80_000), slice(100), slice(1e9), slice(undefined)]).toEqual([10_000, 1_024, 262_144, 262_144]);
  });

  test("has no burst after a pause", async () => {
    const clock = testClock();
    const limit = throttle(1_000, clock);
    await limit.take(1_000);
    clock.pass(60_000);
    const start = clock.now();
    await limit.take(1_000);
    await limit.take(1_000);
    await limit.take(1_000);
    expect(clock.now() - start).toBe(2_000);
  });

  test("ends with the signal", async () => {
    const limit = throttle(1, testClock());
    await limit.take(100);
    await expect(limit.take(1, AbortSignal.abort(new Error("Ctrl-C")))).rejects.toThrow("Ctrl-C");
  });

  test("none is none", async () => {
    const clock = testClock();
    await throttle(undefined, clock).take(1e12);
    expect(clock.now()).toBe(1_000);
  });
});

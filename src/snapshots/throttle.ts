import type { Clock } from "../support/clock.ts";
import { pieceSize } from "./byte-source.ts";

/** Bytes that go at once where the rate is not limited. */
const largestSlice = pieceSize;

/** Spreads bytes over time. One throttle is shared by everything that may not be faster together. */
export interface Throttle {
  /** Bytes to send between two calls of `take`, small enough for an even flow. */
  readonly slice: number;
  /** Resolves when these bytes may go. Rejects with the signal's reason. */
  take(bytes: number, signal?: AbortSignal): Promise<void>;
}

/**
 * Lets through the given bytes per second on average, with no burst after a pause: time that was not used is lost.
 * Undefined lets everything through at once.
 */
export function throttle(bytesPerSecond: number | undefined, clock: Clock): Throttle {
  if (bytesPerSecond === undefined) return { slice: largestSlice, take: async () => {} };
  // An eighth of a second's worth: smooth for whoever shares the line, and few timers.
  const slice = Math.max(1_024, Math.min(largestSlice, Math.floor(bytesPerSecond / 8)));
  let free = 0;
  return {
    slice,
    async take(bytes, signal) {
      const now = clock.now();
      const start = Math.max(free, now);
      free = start + (bytes / bytesPerSecond) * 1_000;
      if (start > now) await clock.sleep(start - now, signal);
    },
  };
}

import type { Clock } from "../support/clock.ts";

const shortest = 500;
const longest = 30_000;

/**
 * Milliseconds to wait before a try: between half a second and a border that doubles up to half a minute, evenly spread
 * ("full jitter", https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), so that many clients do
 * not come back in one moment.
 */
export function delayBefore(retry: number, random = Math.random): number {
  const border = Math.min(longest, shortest * 2 ** retry);
  return shortest + random() * (border - shortest);
}

/** Runs something under a time limit; the signal that it gets ends with the limit and with the caller's signal. */
export async function withTimeLimit<Result>(
  limit: number,
  outer: AbortSignal | undefined,
  run: (signal: AbortSignal, timedOut: () => boolean) => Promise<Result>,
): Promise<Result> {
  const inner = new AbortController();
  let timedOut = false;
  const stop = () => inner.abort(outer?.reason);
  if (outer?.aborted) stop();
  outer?.addEventListener("abort", stop, { once: true });
  const timer = setTimeout(() => {
    timedOut = true;
    inner.abort(new Error("time limit"));
  }, limit);
  try {
    return await run(inner.signal, () => timedOut);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener("abort", stop);
  }
}

/** Waits before a retry. */
export function pause(clock: Clock, retry: number, signal?: AbortSignal): Promise<void> {
  return clock.sleep(delayBefore(retry), signal);
}

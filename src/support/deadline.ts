import { systemClock } from "./clock.ts";

/**
 * What `work` gives, where it comes within so many milliseconds; otherwise rejects with an error of these words. Rejects
 * at once when aborted. The work itself goes on, and nobody waits for it.
 */
export async function within<Result>(
  milliseconds: number,
  what: string,
  work: Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> {
  const settled = new AbortController();
  const until = signal === undefined ? settled.signal : AbortSignal.any([signal, settled.signal]);
  const late = systemClock.sleep(milliseconds, until).then(() => {
    throw new Error(`${what}: no answer within ${milliseconds / 1_000}s`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    settled.abort();
    // Whichever of the two comes too late has nobody who listens to it.
    work.catch(() => {});
    late.catch(() => {});
  }
}

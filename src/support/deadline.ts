/** What `work` gives; rejects at once when aborted. The work itself goes on, and nobody waits for it. */
export async function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
    // What comes too late has nobody who listens to it.
    work.catch(() => {});
  }
}

/** The same with a time, in milliseconds; where it is over, rejects with an error that says who did not answer. */
export async function within<Result>(
  milliseconds: number,
  who: string,
  work: Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  const late = new AbortController();
  const timer = setTimeout(
    () => late.abort(new Error(`${who} gave no answer within ${milliseconds / 1_000}s`)),
    milliseconds,
  );
  try {
    return await unlessAborted(work, AbortSignal.any([signal, late.signal]));
  } finally {
    clearTimeout(timer);
  }
}

import type { Clock } from "../support/clock.ts";
import { request } from "./request.ts";

/** Milliseconds between attempts: three in all. */
const pauses = [1_000, 5_000];

/**
 * Posts a JSON document. Tried three times where there is no answer, or one that may be better next time (429, 5xx).
 * Rejects where none was taken; the message does not hold the address.
 */
export async function sendWebhook(
  address: string,
  document: object,
  { clock, signal, limit }: { clock: Pick<Clock, "sleep">; signal: AbortSignal; limit?: number },
): Promise<void> {
  const body = JSON.stringify(document);
  for (let count = 0; ; count += 1) {
    const pause = pauses[count];
    const failure = await post(address, body, signal, limit);
    if (failure === undefined) return;
    if (!failure.again || pause === undefined) throw failure.error;
    await clock.sleep(pause, signal);
  }
}

async function post(
  address: string,
  body: string,
  signal: AbortSignal,
  limit: number | undefined,
): Promise<{ error: Error; again: boolean } | undefined> {
  try {
    const status = await request(address, { method: "POST", body }, signal, limit);
    if (status < 300) return undefined;
    return {
      error: new Error(`the report was answered with ${status}`),
      again: status === 429 || status >= 500,
    };
  } catch (error) {
    signal.throwIfAborted();
    return { error: error instanceof Error ? error : new Error(String(error)), again: true };
  }
}

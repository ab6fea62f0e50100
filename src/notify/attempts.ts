import type { Clock } from "../support/clock.ts";
import { type Answer, request } from "./request.ts";

/** Milliseconds between attempts: three in all. */
const pauses = [1_000, 5_000];

/** What sending needs besides the message. */
export interface Sending {
  clock: Pick<Clock, "sleep">;
  signal: AbortSignal;
  /** Milliseconds that one attempt may take. */
  limit?: number;
}

/** Why an attempt was in vain, and whether a further one may help. */
export interface Failure {
  error: Error;
  again: boolean;
}

/** Tries up to three times, as long as that may help. Rejects with the failure of the last attempt. */
export async function attempts(
  { clock, signal }: Pick<Sending, "clock" | "signal">,
  attempt: () => Promise<Failure | undefined>,
): Promise<void> {
  for (let count = 0; ; count += 1) {
    const pause = pauses[count];
    const failure = await attempt();
    if (failure === undefined) return;
    if (!failure.again || pause === undefined) throw failure.error;
    await clock.sleep(pause, signal);
  }
}

/**
 * Posts a JSON document; tried again where there is no answer, or one that may be better next time (429, 5xx).
 * `taken` knows the answer of a server that has taken it: a page that was found at a wrong address is none. `refusal` says
 * in words what another answer means, without the address.
 */
export async function post(
  address: string,
  document: object,
  sending: Sending,
  refusal: (answer: Answer) => Error,
  taken: (answer: Answer) => boolean = ({ status }) => status < 300,
): Promise<void> {
  const body = JSON.stringify(document);
  await attempts(sending, async () => {
    try {
      const answer = await request(address, { method: "POST", body }, sending.signal, sending.limit);
      if (taken(answer)) return undefined;
      return { error: refusal(answer), again: answer.status === 429 || answer.status >= 500 };
    } catch (error) {
      sending.signal.throwIfAborted();
      return { error: error instanceof Error ? error : new Error(String(error)), again: true };
    }
  });
}

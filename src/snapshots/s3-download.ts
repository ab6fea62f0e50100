import { Readable } from "node:stream";
import type { S3Session } from "./s3-client.ts";
import { failureOf, s3Error } from "./s3-errors.ts";
import { pause } from "./s3-retry.ts";
import { storeError } from "./store-errors.ts";

/** Bytes that must have come for a new connection to count as a step forward. */
const step = 256 * 1024;

interface Answer {
  body: Readable;
  /** Of the whole object, as the server names this state of it. */
  tag: string | undefined;
  /** Bytes that this answer should bring. */
  length: number;
}

interface Wanted {
  session: S3Session;
  /** Full key in the bucket. */
  key: string;
  signal?: AbortSignal;
}

/**
 * The bytes of an object, or a range of them. A connection that breaks or ends early is taken up again where it broke,
 * on the same state of the object; a stream that cannot be completed ends with an error.
 */
export async function download(wanted: Wanted, range?: { offset: number; length: number }): Promise<Readable> {
  if (range?.length === 0) return Readable.from([], { objectMode: false });
  const first = await ask(wanted, range);
  const held = { current: first };
  const stream = Readable.from(pieces(wanted, held, range?.offset ?? 0), { objectMode: false });
  // Also where nobody has begun to read.
  stream.once("close", () => held.current.body.destroy());
  return stream;
}

async function ask(wanted: Wanted, range?: { offset: number; length: number }, tag?: string): Promise<Answer> {
  const { session, key, signal } = wanted;
  const doing = `read ${key}`;
  return session.request({ doing, ...(signal ? { signal } : {}) }, async (call) => {
    const answer = await call.client.send(
      new call.sdk.GetObjectCommand({
        Bucket: session.bucket,
        Key: key,
        ...(range ? { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` } : {}),
        ...(tag === undefined ? {} : { IfMatch: tag }),
      }),
      { abortSignal: call.signal },
    );
    const body = answer.Body as Readable;
    const length = answer.ContentLength;
    if (
      length !== undefined &&
      (range === undefined || (length === range.length && startOf(answer.ContentRange) === range.offset))
    ) {
      return { body, tag: answer.ETag, length };
    }
    body.destroy();
    const got = length === undefined ? "the server does not say how many" : `${length} came`;
    throw storeError(
      "store-damaged",
      `destination ${session.name}: cannot ${doing}: ${range?.length ?? "all"} bytes were asked for, ${got}`,
    );
  });
}

function startOf(contentRange: string | undefined): number {
  return Number(/^bytes (\d+)-/.exec(contentRange ?? "")?.[1] ?? Number.NaN);
}

async function* pieces(wanted: Wanted, held: { current: Answer }, offset: number): AsyncGenerator<Buffer> {
  const { session, key, signal } = wanted;
  const { length: total, tag } = held.current;
  let done = 0;
  let doneBefore = 0;
  let failures = 0;
  const stop = () => held.current.body.destroy();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    for (;;) {
      const reader = readerOf(held.current.body, session);
      let outcome = await reader.next();
      while (outcome.piece !== undefined) {
        done += outcome.piece.length;
        if (done > total) throw longerThanSaid(session, key);
        // Outside of what is caught: what goes wrong with the receiver is not the server's fault.
        yield outcome.piece;
        outcome = await reader.next();
      }
      signal?.throwIfAborted();
      if (done === total) return;
      failures = done - doneBefore >= step ? 1 : failures + 1;
      doneBefore = done;
      stop();
      if (failures > session.retries) throw brokenOff(session, key, done, total, outcome.broken);
      await pause(session.clock, failures, signal);
      held.current = await ask(wanted, { offset: offset + done, length: total - done }, tag);
    }
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

function longerThanSaid({ name }: S3Session, key: string): Error {
  return storeError("store-damaged", `destination ${name}: ${key} is longer than the server said`);
}

/** Pieces of a body; none at its end, with what broke it. A server that takes too long for too little counts as broken. */
function readerOf(
  body: Readable,
  { timeLimits }: S3Session,
): { next(): Promise<{ piece?: Buffer; broken?: unknown }> } {
  const iterator: AsyncIterator<Buffer> = body[Symbol.asyncIterator]();
  let waited = 0;
  let came = 0;
  return {
    async next() {
      // A drip keeps the idle limit from ever being reached.
      if (waited > timeLimits.request)
        return { broken: Object.assign(new Error("too slow"), { name: "TimeoutError" }) };
      const start = performance.now();
      try {
        const { value, done } = await iterator.next();
        if (done) return {};
        waited += performance.now() - start;
        came += value.length;
        if (came >= step) {
          waited = 0;
          came = 0;
        }
        return { piece: value };
      } catch (broken) {
        return { broken };
      }
    },
  };
}

function brokenOff(session: S3Session, key: string, done: number, total: number, cause: unknown): Error {
  const failure = cause === undefined ? undefined : failureOf(cause);
  const reason = `the connection ends early, after ${done} of ${total} bytes${failure ? ` (${failure.reason})` : ""}`;
  return s3Error(
    { code: "store-unreachable", reason, passing: true, hint: "look at the destination: ./prod.sh backup doctor" },
    session.name,
    `read ${key}`,
  );
}

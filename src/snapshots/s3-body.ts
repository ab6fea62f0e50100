import { createHash, type Hash } from "node:crypto";
import { Readable } from "node:stream";
import type { ByteSource } from "./byte-source.ts";
import { type S3Call, SourceBroken } from "./s3-client.ts";
import type { Throttle } from "./throttle.ts";

/** Read at once for hashing, bytes. */
const readSize = 128 * 1024;

/** A stretch of a source. */
export interface Stretch {
  source: ByteSource;
  offset: number;
  length: number;
}

/** MD5 of a stretch, in hex. Its bytes are added to the hash of the whole on the way. */
export async function hashStretch(
  { source, offset, length }: Stretch,
  whole: Hash,
  signal?: AbortSignal,
): Promise<string> {
  const md5 = createHash("md5");
  for (let done = 0; done < length; ) {
    signal?.throwIfAborted();
    const bytes = await source.read(offset + done, Math.min(readSize, length - done));
    md5.update(bytes);
    whole.update(bytes);
    done += bytes.length;
  }
  return md5.digest("hex");
}

/**
 * Sends a request whose body is a stretch of a source. The bytes are read again for sending instead of being kept:
 * memory stays the same however large the parts are.
 */
export async function sendStretch<Result>(
  stretch: Stretch,
  throttle: Throttle,
  call: S3Call,
  send: (body: Readable | Buffer, abortSignal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  // A stream that has no bytes is sent without a length, which servers refuse.
  if (stretch.length === 0) return send(Buffer.alloc(0), call.signal);
  const stop = new AbortController();
  const onAbort = () => stop.abort(call.signal.reason);
  call.signal.addEventListener("abort", onAbort, { once: true });
  let broken: SourceBroken | undefined;
  const body = Readable.from(slicesOf(stretch, throttle, stop.signal), {
    objectMode: false,
    highWaterMark: throttle.slice,
  });
  body.on("error", (error) => {
    if (error instanceof SourceBroken) broken = error;
    stop.abort(error);
  });
  try {
    call.signal.throwIfAborted();
    return await send(body, stop.signal);
  } catch (error) {
    throw broken ?? error;
  } finally {
    call.signal.removeEventListener("abort", onAbort);
    stop.abort();
    body.destroy();
  }
}

async function* slicesOf(
  { source, offset, length }: Stretch,
  throttle: Throttle,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  for (let done = 0; done < length; ) {
    const size = Math.min(throttle.slice, length - done);
    const bytes = await source.read(offset + done, size).catch((error) => {
      throw new SourceBroken(error);
    });
    await throttle.take(size, signal);
    done += size;
    yield bytes;
  }
}

/**
 * Compares the tag of what was stored with the MD5 of what was sent, where the tag is one: 32 hex digits and no key
 * service behind it (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html, ETag). True where it cannot be told.
 */
export function tagFits(tag: string | undefined, md5: string, encryption?: string): boolean {
  const bare = bareTag(tag);
  if (!/^[0-9a-f]{32}(-\d+)?$/.test(bare) || encryption?.startsWith("aws:kms")) return true;
  return bare === md5;
}

/** Servers write the tag with quotes or without, some in capitals. */
export function bareTag(tag: string | undefined): string {
  return (tag ?? "").replaceAll('"', "").toLowerCase();
}

/** The tag of an object of several parts: MD5 of their MD5s, and how many they were. */
export function tagOfParts(md5s: readonly string[]): string {
  const all = createHash("md5");
  for (const md5 of md5s) all.update(Buffer.from(md5, "hex"));
  return `${all.digest("hex")}-${md5s.length}`;
}

import { createHash, type Hash } from "node:crypto";
import { Readable } from "node:stream";
import { type ByteSource, pieceSize, piecesOf } from "./byte-source.ts";
import { type S3Call, SourceBroken } from "./s3-client.ts";
import type { Throttle } from "./throttle.ts";

/** A stretch of a source. */
export interface Stretch {
  source: ByteSource;
  offset: number;
  length: number;
}

/**
 * Memory that pieces pass through, used again and again. New memory for each is soon garbage outside of V8's heap, which
 * it hardly sees: tens of megabytes pile up before it looks.
 */
const spare: Buffer[] = [];

function takeMemory(): Buffer {
  return spare.pop() ?? Buffer.allocUnsafeSlow(pieceSize);
}

/** MD5 of a stretch, in hex. Its bytes are added to the hash of the whole on the way. */
export async function hashStretch(stretch: Stretch, whole: Hash, signal?: AbortSignal): Promise<string> {
  const md5 = createHash("md5");
  const memory = takeMemory();
  for await (const bytes of piecesOf(stretch.source, stretch, memory)) {
    signal?.throwIfAborted();
    md5.update(bytes);
    whole.update(bytes);
  }
  spare.push(memory);
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
  const body = bodyOf(stretch, throttle, stop.signal);
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

/**
 * A body that the library pipes into its request. It writes by itself, so that it learns when a piece has left and its
 * memory can take the next one; a stream that is read cannot know.
 */
function bodyOf({ source, ...place }: Stretch, throttle: Throttle, signal: AbortSignal): Readable {
  const writeTo = async (destination: NodeJS.WritableStream) => {
    const memory = takeMemory();
    const pieces = piecesOf(source, place, memory.subarray(0, throttle.slice));
    const next = () =>
      pieces.next().catch((error) => {
        throw new SourceBroken(error);
      });
    for (let piece = await next(); !piece.done; piece = await next()) {
      const bytes = piece.value;
      await throttle.take(bytes.length, signal);
      signal.throwIfAborted();
      await new Promise<void>((resolve, reject) => {
        destination.write(bytes, (error) => (error ? reject(error) : resolve()));
      });
    }
    // Not where it failed: a connection that breaks off may still be reading it.
    spare.push(memory);
    destination.end();
  };
  const body = new Readable();
  body.pipe = (destination) => {
    writeTo(destination).catch((error) => body.destroy(error));
    return destination;
  };
  return body;
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

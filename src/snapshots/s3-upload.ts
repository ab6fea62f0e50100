import { createHash, type Hash } from "node:crypto";
import type { ByteSource } from "./byte-source.ts";
import { bareTag, hashStretch, sendStretch, tagFits, tagOfParts } from "./s3-body.ts";
import type { S3Session } from "./s3-client.ts";
import { headObject } from "./s3-head.ts";
import { type PartPlan, partSizeFor, partsOf } from "./s3-parts.ts";
import { forgetUpload, noteBegun, notePart, type PartSent, readUploadState } from "./s3-upload-state.ts";
import type { PutOptions } from "./store.ts";
import { isStoreError, storeError } from "./store-errors.ts";

/** Parts on the way at a time: one connection alone rarely fills a line. */
const inFlight = 4;

/** A connection that is slower than this for the length of a part counts as broken, bytes per second. */
const slowest = 16 * 1024;

export interface Upload {
  session: S3Session;
  /** Full key in the bucket. */
  key: string;
  source: ByteSource;
  /** Remembers an upload in parts. */
  stateFile: string;
  smallestPart: number;
  bandwidth?: number;
  options: PutOptions;
}

/** Stores an object, in one request where it fits into a part. Resolves when the server has confirmed all of it. */
export async function upload(one: Upload): Promise<{ bytes: number; sha256: string }> {
  const { size } = one.source;
  const partSize = partSizeFor(size, one.smallestPart);
  const whole = createHash("sha256");
  if (size <= partSize) await putWhole(one, whole);
  else await putInParts(one, partSize, whole);
  return { bytes: size, sha256: whole.digest("hex") };
}

async function putWhole(one: Upload, whole: Hash): Promise<void> {
  const { session, key, source, options } = one;
  const stretch = { source, offset: 0, length: source.size };
  const md5 = await hashStretch(stretch, whole, options.signal);
  const sha256 = whole.copy().digest("hex");
  await session.request({ ...requestFor(one, source.size), doing: `store ${key}` }, (call) =>
    sendStretch(stretch, session.throttle, call, async (body, abortSignal) => {
      const command = new call.sdk.PutObjectCommand({
        Bucket: session.bucket,
        Key: key,
        Body: body,
        ContentLength: source.size,
        ContentMD5: base64(md5),
        Metadata: { sha256 },
      });
      const answer = await call.client.send(command, { abortSignal });
      if (!tagFits(answer.ETag, md5, answer.ServerSideEncryption)) throw damaged();
    }),
  );
  options.onProgress?.(source.size);
}

async function putInParts(one: Upload, partSize: number, whole: Hash): Promise<void> {
  const { session, key, source, stateFile, options } = one;
  const plan = partsOf(source.size, partSize);
  const { uploadId, there } = await beginOrGoOn(one, partSize);
  const parts = await sendParts(one, uploadId, plan, there, whole);
  const tag = tagOfParts(parts.map(({ md5 }) => md5));
  const comparable = parts.every((part) => part.tag === part.md5);
  try {
    await complete(one, uploadId, parts);
  } catch (error) {
    // The answer to an earlier try was lost, and the server has put the object together: what is there will tell.
    if (!isStoreError(error, "store-upload-gone")) throw error;
  }
  const stored = await headObject(session, key, options.signal);
  forgetUpload(stateFile);
  if (stored === undefined)
    throw storeError("store-failed", `destination ${session.name}: ${key} is not there after its upload`);
  if (stored.bytes === source.size && (!comparable || tagFits(stored.tag, tag, stored.encryption))) return;
  await removeDamaged(session, key);
  const found = `${stored.bytes} bytes with tag ${stored.tag}, sent were ${source.size} with tag ${tag}`;
  throw storeError("store-damaged", `destination ${session.name}: ${key} arrived damaged: ${found}`);
}

/** The parts that the server has of an earlier attempt, or a new upload. */
async function beginOrGoOn(one: Upload, partSize: number): Promise<{ uploadId: string; there: Map<number, PartSent> }> {
  const { session, key, source, stateFile, options } = one;
  const earlier = readUploadState(stateFile);
  if (earlier !== undefined) {
    const { begun } = earlier;
    const same = begun.key === key && begun.size === source.size && begun.partSize === partSize;
    const there = same ? await partsThere(one, begun.uploadId, earlier.parts) : undefined;
    if (there !== undefined) return { uploadId: begun.uploadId, there };
    await abortUpload(session, key, begun.uploadId);
    forgetUpload(stateFile);
  }
  const uploadId = await session.request({ doing: `store ${key}`, ...signalOf(options) }, async (call) => {
    const command = new call.sdk.CreateMultipartUploadCommand({ Bucket: session.bucket, Key: key });
    return (await call.client.send(command, { abortSignal: call.signal })).UploadId;
  });
  if (uploadId === undefined)
    throw storeError("store-failed", `destination ${session.name}: cannot store ${key}: the server gave no upload id`);
  noteBegun(stateFile, {
    format: 1,
    server: session.server,
    bucket: session.bucket,
    key,
    uploadId,
    begunAt: Date.now(),
    size: source.size,
    partSize,
  });
  return { uploadId, there: new Map() };
}

/** Parts that the server has; undefined where the server has forgotten the upload. */
async function partsThere(
  one: Upload,
  uploadId: string,
  noted: Map<number, PartSent>,
): Promise<Map<number, PartSent> | undefined> {
  const { session, key, options } = one;
  const there = new Map<number, PartSent>();
  let marker: string | undefined;
  try {
    do {
      const page = await session.request({ doing: `go on with ${key}`, ...signalOf(options) }, (call) =>
        call.client.send(
          new call.sdk.ListPartsCommand({
            Bucket: session.bucket,
            Key: key,
            UploadId: uploadId,
            ...(marker === undefined ? {} : { PartNumberMarker: marker }),
          }),
          { abortSignal: call.signal },
        ),
      );
      for (const { PartNumber = 0, ETag } of page.Parts ?? []) {
        const tag = bareTag(ETag);
        const part = noted.get(PartNumber);
        // A part whose answer was lost is known by its tag alone, where that is its MD5.
        there.set(PartNumber, part?.tag === tag ? part : { number: PartNumber, tag, md5: tag });
      }
      marker = page.IsTruncated ? page.NextPartNumberMarker : undefined;
    } while (marker !== undefined);
    return there;
  } catch (error) {
    if (isStoreError(error, "store-upload-gone") || isStoreError(error, "store-absent")) return undefined;
    throw error;
  }
}

/** Hashes the source in order and sends what the server does not have yet, a few parts at a time. */
async function sendParts(
  one: Upload,
  uploadId: string,
  plan: readonly PartPlan[],
  there: ReadonlyMap<number, PartSent>,
  whole: Hash,
): Promise<PartSent[]> {
  const { source, stateFile, options } = one;
  const stop = new AbortController();
  const onAbort = () => stop.abort(options.signal?.reason);
  if (options.signal?.aborted) onAbort();
  options.signal?.addEventListener("abort", onAbort, { once: true });
  const sent: PartSent[] = [];
  const onTheWay = new Set<Promise<void>>();
  let arrived = 0;
  const arrive = (part: PartSent, length: number) => {
    sent.push(part);
    arrived += length;
    options.onProgress?.(arrived);
  };
  try {
    for (const part of plan) {
      const md5 = await hashStretch({ source, offset: part.offset, length: part.length }, whole, stop.signal);
      const known = there.get(part.number);
      if (known?.md5 === md5) {
        arrive(known, part.length);
        continue;
      }
      while (onTheWay.size >= inFlight) await Promise.race(onTheWay);
      stop.signal.throwIfAborted();
      // Ends without an error whatever happens: the first failure calls off the rest and is looked at here.
      const sending: Promise<void> = sendPart(one, uploadId, part, md5, stop.signal)
        .then((done) => {
          notePart(stateFile, done);
          arrive(done, part.length);
        })
        .catch((error) => stop.abort(error))
        .finally(() => onTheWay.delete(sending));
      onTheWay.add(sending);
    }
    await Promise.all(onTheWay);
    stop.signal.throwIfAborted();
  } catch (error) {
    stop.abort(error);
    await Promise.all(onTheWay);
    throw stop.signal.reason;
  } finally {
    options.signal?.removeEventListener("abort", onAbort);
  }
  return sent.sort((a, b) => a.number - b.number);
}

async function sendPart(
  one: Upload,
  uploadId: string,
  part: PartPlan,
  md5: string,
  signal: AbortSignal,
): Promise<PartSent> {
  const { session, key, source } = one;
  const stretch = { source, offset: part.offset, length: part.length };
  const tag = await session.request(
    { ...requestFor(one, part.length * inFlight), doing: `store ${key}`, signal },
    (call) =>
      sendStretch(stretch, session.throttle, call, async (body, abortSignal) => {
        const command = new call.sdk.UploadPartCommand({
          Bucket: session.bucket,
          Key: key,
          UploadId: uploadId,
          PartNumber: part.number,
          Body: body,
          ContentLength: part.length,
          ContentMD5: base64(md5),
        });
        const answer = await call.client.send(command, { abortSignal });
        if (answer.ETag === undefined || !tagFits(answer.ETag, md5, answer.ServerSideEncryption)) throw damaged();
        return bareTag(answer.ETag);
      }),
  );
  return { number: part.number, tag, md5 };
}

async function complete(
  { session, key, options }: Upload,
  uploadId: string,
  parts: readonly PartSent[],
): Promise<void> {
  await session.request({ doing: `store ${key}`, ...signalOf(options) }, (call) =>
    call.client.send(
      new call.sdk.CompleteMultipartUploadCommand({
        Bucket: session.bucket,
        Key: key,
        UploadId: uploadId,
        MultipartUpload: { Parts: parts.map(({ number, tag }) => ({ PartNumber: number, ETag: `"${tag}"` })) },
      }),
      { abortSignal: call.signal },
    ),
  );
}

/** Gives up an upload in parts. One that the server does not know, or does not let go, is no trouble. */
export async function abortUpload(session: S3Session, key: string, uploadId: string): Promise<boolean> {
  try {
    await session.request({ doing: `give up the upload of ${key}` }, (call) =>
      call.client.send(
        new call.sdk.AbortMultipartUploadCommand({ Bucket: session.bucket, Key: key, UploadId: uploadId }),
        { abortSignal: call.signal },
      ),
    );
    return true;
  } catch (error) {
    if (
      ["store-upload-gone", "store-absent", "store-refused"].some((code) => isStoreError(error, code as "store-absent"))
    )
      return false;
    throw error;
  }
}

/** What arrived damaged must not be found as an object. Where it cannot be removed, the error says that it is damaged. */
async function removeDamaged(session: S3Session, key: string): Promise<void> {
  await session
    .request({ doing: `remove ${key}` }, (call) =>
      call.client.send(new call.sdk.DeleteObjectCommand({ Bucket: session.bucket, Key: key }), {
        abortSignal: call.signal,
      }),
    )
    .catch(() => {});
}

/** The time limit for so many bytes: what the slowest line that counts as one needs, or the set bandwidth asks for. */
function requestFor(
  { session, bandwidth, options }: Upload,
  bytes: number,
): { timeLimit: number; signal?: AbortSignal } {
  const rate = Math.min(slowest * inFlight, bandwidth ?? Number.POSITIVE_INFINITY);
  return { timeLimit: session.timeLimits.request + (bytes / rate) * 2_000, ...signalOf(options) };
}

function signalOf({ signal }: PutOptions): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

/** The server's tag is not that of what was sent: as when it had said so itself. */
function damaged(): Error {
  return Object.assign(new Error("the tag differs"), { name: "BadDigest", $metadata: { httpStatusCode: 400 } });
}

function base64(hex: string): string {
  return Buffer.from(hex, "hex").toString("base64");
}

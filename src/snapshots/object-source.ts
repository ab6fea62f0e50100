import { createHash } from "node:crypto";
import { setMaxListeners } from "node:events";
import { createWriteStream } from "node:fs";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { DeleteMarkerEntry, GetObjectCommandOutput, ListObjectVersionsCommandOutput } from "@aws-sdk/client-s3";
import type { Clock } from "../support/clock.ts";
import { StackError } from "../support/errors.ts";
import type { BucketSettings, ListedVersion, ObjectHeaders } from "./object-index.ts";
import { type S3Call, s3Session } from "./s3-client.ts";
import type { S3Credentials } from "./s3-options.ts";

type Library = typeof import("./object-library.ts");

/** A server of the stack itself that speaks S3, as its root user. */
export interface ObjectServer {
  /** Name of the data source, for messages. */
  name: string;
  /** Makes a request, again where that can help. Rejects with a StackError, or with the signal's reason. */
  request<Result>(doing: string, send: (call: S3Call, library: Library) => Promise<Result>): Promise<Result>;
}

/** Connects with the first request. `endpoint` is an address on a network of the stack: `http://172.18.0.3:9000`. */
export function objectServer(options: {
  name: string;
  endpoint: string;
  credentials: S3Credentials;
  clock: Clock;
  signal: AbortSignal;
}): ObjectServer {
  const { name, endpoint, credentials, clock, signal } = options;
  // Every request that is under way listens to it; more than ten are no leak.
  setMaxListeners(0, signal);
  const session = s3Session({
    name,
    endpoint,
    bucket: "",
    prefix: "",
    pathStyle: true,
    credentials: async () => credentials,
    stateFolder: "",
    clock,
    retries: 4,
    timeLimits: { connect: 5_000, request: 3_600_000 },
  });
  return {
    name,
    async request(doing, send) {
      const library = await import("./object-library.ts");
      return session
        .request({ doing, signal }, (call) => send(call, library))
        .catch((error: unknown) => {
          throw ofServer(error);
        });
    },
  };
}

/** What the stores say of a destination is said here of a server of the stack. */
function ofServer(error: unknown): unknown {
  if (!(error instanceof StackError)) return error;
  const { code, details } = error;
  const message = error.message.replace(/^destination /, "");
  return new StackError({ code, exit: "backupFailed", message, details, hint: "./prod.sh status", cause: error });
}

/** True where an object or a setting is not there. */
export function isAbsent(error: unknown): boolean {
  return error instanceof StackError && error.code === "store-absent";
}

/** All buckets with their settings, in order of their names. */
export async function readBuckets(server: ObjectServer): Promise<BucketSettings[]> {
  const { Buckets = [] } = await server.request("list its buckets", ({ client, signal: abortSignal }, library) =>
    client.send(new library.ListBucketsCommand({}), { abortSignal }),
  );
  const names = Buckets.flatMap(({ Name }) => (Name === undefined ? [] : [Name])).sort();
  const found: BucketSettings[] = [];
  for (const bucket of names) found.push(await readSettings(server, bucket));
  return found;
}

async function readSettings(server: ObjectServer, bucket: string): Promise<BucketSettings> {
  const input = { Bucket: bucket };
  const ask = <Result>(what: string, send: (call: S3Call, library: Library) => Promise<Result>) =>
    server.request(`read the ${what} of bucket ${bucket}`, (call, library) => send(call, library).catch(unlessUnset));
  const versioning = await ask("versioning", ({ client, signal: abortSignal }, library) =>
    client.send(new library.GetBucketVersioningCommand(input), { abortSignal }),
  );
  const policy = await ask("policy", ({ client, signal: abortSignal }, library) =>
    client.send(new library.GetBucketPolicyCommand(input), { abortSignal }),
  );
  const lifecycle = await ask("lifecycle", ({ client, signal: abortSignal }, library) =>
    client.send(new library.GetBucketLifecycleConfigurationCommand(input), { abortSignal }),
  );
  const tags = await ask("tags", ({ client, signal: abortSignal }, library) =>
    client.send(new library.GetBucketTaggingCommand(input), { abortSignal }),
  );
  const lock = await ask("object lock", ({ client, signal: abortSignal }, library) =>
    client.send(new library.GetObjectLockConfigurationCommand(input), { abortSignal }),
  );
  const configuration = lock?.ObjectLockConfiguration;
  return {
    bucket,
    ...(versioning?.Status !== undefined && { versioning: versioning.Status }),
    ...(policy?.Policy !== undefined && { policy: policy.Policy }),
    ...(lifecycle?.Rules !== undefined && { lifecycle: lifecycle.Rules }),
    ...(tags?.TagSet !== undefined && { tags: tagsOf(tags.TagSet) }),
    ...(configuration?.ObjectLockEnabled === "Enabled" && {
      lock: configuration.Rule === undefined ? {} : { rule: configuration.Rule },
    }),
  };
}

/** Codes with which a server says that something was never set for a bucket. */
const unset = [
  "NoSuchBucketPolicy",
  "NoSuchLifecycleConfiguration",
  "NoSuchTagSet",
  "NoSuchTagSetError",
  "ObjectLockConfigurationNotFoundError",
];

function unlessUnset(error: unknown): undefined {
  if (error instanceof Error && unset.includes(error.name)) return undefined;
  throw error;
}

/** Every version and delete marker of a bucket; of one key the newest first. */
export async function* listVersions(server: ObjectServer, bucket: string): AsyncIterable<ListedVersion> {
  for (let marker: PageMarker | undefined = {}; marker !== undefined; ) {
    const page: ListObjectVersionsCommandOutput = await listPage(server, bucket, marker);
    // Some servers do not encode keys although they are asked to, and say so by not saying that they did.
    const keyOf = page.EncodingType === "url" ? decoded : (key: string) => key;
    for (const entry of page.Versions ?? []) {
      yield { ...listed(bucket, entry, keyOf), etag: bare(entry.ETag), size: entry.Size ?? 0 };
    }
    for (const entry of page.DeleteMarkers ?? []) yield listed(bucket, entry, keyOf);
    marker = page.IsTruncated ? markerAfter(page, keyOf) : undefined;
  }
}

interface PageMarker {
  KeyMarker?: string;
  VersionIdMarker?: string;
}

function listPage(server: ObjectServer, bucket: string, marker: PageMarker): Promise<ListObjectVersionsCommandOutput> {
  return server.request(`list bucket ${bucket}`, ({ client, signal: abortSignal }, library) =>
    // Keys may hold what XML cannot: they come percent-encoded.
    client.send(new library.ListObjectVersionsCommand({ Bucket: bucket, EncodingType: "url", ...marker }), {
      abortSignal,
    }),
  );
}

function markerAfter(
  { NextKeyMarker, NextVersionIdMarker }: ListObjectVersionsCommandOutput,
  keyOf: (key: string) => string,
): PageMarker {
  return {
    ...(NextKeyMarker !== undefined && { KeyMarker: keyOf(NextKeyMarker) }),
    ...(NextVersionIdMarker !== undefined && { VersionIdMarker: NextVersionIdMarker }),
  };
}

function listed(
  bucket: string,
  { Key, VersionId, IsLatest, LastModified }: DeleteMarkerEntry,
  keyOf: (key: string) => string,
): ListedVersion {
  if (Key === undefined || LastModified === undefined) throw new Error(`an entry of bucket ${bucket} has no key`);
  return {
    bucket,
    key: keyOf(Key),
    version: VersionId || "null",
    latest: IsLatest === true,
    modified: LastModified.getTime(),
  };
}

function decoded(key: string): string {
  return decodeURIComponent(key.replaceAll("+", "%20"));
}

function bare(etag: string | undefined): string {
  return (etag ?? "").replaceAll('"', "");
}

/** What was fetched of one version. */
export interface FetchedVersion {
  sha256: string;
  size: number;
  etag: string;
  modified: number;
  headers: ObjectHeaders;
}

/** Fetches a version into a file and says what came. */
export async function fetchVersion(
  server: ObjectServer,
  listed: Pick<ListedVersion, "bucket" | "key" | "version">,
  path: string,
): Promise<FetchedVersion> {
  const { bucket, key } = listed;
  const fetched = await server.request(`read ${bucket}/${key}`, async ({ client, signal: abortSignal }, library) => {
    const answer = await client.send(new library.GetObjectCommand(inputOf(listed)), { abortSignal }).catch(asAbsent);
    const written = await writeBody(answer, path, abortSignal);
    return { answer, ...written };
  });
  const { answer, sha256, size } = fetched;
  const tags = (answer.TagCount ?? 0) > 0 ? await readTags(server, listed) : undefined;
  return {
    sha256,
    size,
    etag: bare(answer.ETag),
    modified: answer.LastModified?.getTime() ?? 0,
    headers: { ...headersOf(answer), ...(tags !== undefined && { tags }) },
  };
}

/** The tags of a version: they can change while everything else stays. Undefined: none. */
export async function readTags(
  server: ObjectServer,
  listed: Pick<ListedVersion, "bucket" | "key" | "version">,
): Promise<Record<string, string> | undefined> {
  const { TagSet = [] } = await server.request(
    `read the tags of ${listed.bucket}/${listed.key}`,
    ({ client, signal: abortSignal }, library) =>
      client.send(new library.GetObjectTaggingCommand(inputOf(listed)), { abortSignal }).catch(asAbsent),
  );
  return TagSet.length === 0 ? undefined : tagsOf(TagSet);
}

/** A version that is gone is told in another way than an object that is. */
function asAbsent(error: unknown): never {
  if (error instanceof Error && error.name === "NoSuchVersion") error.name = "NoSuchKey";
  throw error;
}

function inputOf({ bucket, key, version }: Pick<ListedVersion, "bucket" | "key" | "version">) {
  return { Bucket: bucket, Key: key, ...(version !== "null" && { VersionId: version }) };
}

async function writeBody(
  { Body, ContentLength }: GetObjectCommandOutput,
  path: string,
  signal: AbortSignal,
): Promise<{ sha256: string; size: number }> {
  const hash = createHash("sha256");
  let size = 0;
  const counted = async function* (body: AsyncIterable<Buffer>) {
    for await (const piece of body) {
      hash.update(piece);
      size += piece.length;
      yield piece;
    }
  };
  await pipeline(Body as Readable, counted, createWriteStream(path, { mode: 0o644 }), { signal });
  // The library ends a body that was cut short without a word.
  if (size !== ContentLength) throw Object.assign(new Error("the answer was cut short"), { code: "ECONNRESET" });
  return { sha256: hash.digest("hex"), size };
}

function headersOf(answer: GetObjectCommandOutput): ObjectHeaders {
  const { ObjectLockMode: mode, ObjectLockRetainUntilDate: until, Metadata = {} } = answer;
  const given = {
    contentType: answer.ContentType,
    cacheControl: answer.CacheControl,
    contentDisposition: answer.ContentDisposition,
    contentEncoding: answer.ContentEncoding,
    contentLanguage: answer.ContentLanguage,
    expires: answer.ExpiresString,
    metadata: Object.keys(Metadata).length === 0 ? undefined : Metadata,
    retention: mode === undefined || until === undefined ? undefined : { mode, until: until.toISOString() },
    legalHold: answer.ObjectLockLegalHoldStatus === "ON" ? true : undefined,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as ObjectHeaders;
}

function tagsOf(set: readonly { Key?: string | undefined; Value?: string | undefined }[]): Record<string, string> {
  return Object.fromEntries(set.flatMap(({ Key, Value = "" }) => (Key === undefined ? [] : [[Key, Value]])));
}

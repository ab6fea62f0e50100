import { createHash } from "node:crypto";
import type { PutObjectCommandInput } from "@aws-sdk/client-s3";
import { openFile } from "./byte-source.ts";
import type { BucketSettings, IndexedVersion, ObjectHeaders } from "./object-index.ts";
import type { ObjectServer } from "./object-source.ts";

/** Up to this size an object is one request, so that its ETag is the MD5 that it had. */
const singleLimit = 8 * 1024 ** 2;
const partSize = 8 * 1024 ** 2;

export async function createBucket(server: ObjectServer, { bucket, lock }: BucketSettings): Promise<void> {
  const library = await import("./object-library.ts");
  await server.request(`make bucket ${bucket}`, ({ client, signal: abortSignal }) =>
    client.send(
      new library.CreateBucketCommand({
        Bucket: bucket,
        // Cannot be switched on later.
        ...(lock !== undefined && { ObjectLockEnabledForBucket: true }),
      }),
      { abortSignal },
    ),
  );
}

export async function setVersioning(
  server: ObjectServer,
  bucket: string,
  status: "Enabled" | "Suspended",
): Promise<void> {
  const library = await import("./object-library.ts");
  await server.request(`set the versioning of bucket ${bucket}`, ({ client, signal: abortSignal }) =>
    client.send(
      new library.PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: status } }),
      { abortSignal },
    ),
  );
}

/** What is set for a bucket beyond versioning; last, so that no rule works on a bucket that is being filled. */
export async function applySettings(server: ObjectServer, settings: BucketSettings): Promise<void> {
  const { bucket, policy, lifecycle, tags, lock } = settings;
  const library = await import("./object-library.ts");
  if (policy !== undefined)
    await server.request(`set the policy of bucket ${bucket}`, ({ client, signal: abortSignal }) =>
      client.send(new library.PutBucketPolicyCommand({ Bucket: bucket, Policy: policy }), { abortSignal }),
    );
  if (tags !== undefined)
    await server.request(`set the tags of bucket ${bucket}`, ({ client, signal: abortSignal }) =>
      client.send(new library.PutBucketTaggingCommand({ Bucket: bucket, Tagging: { TagSet: tagSet(tags) } }), {
        abortSignal,
      }),
    );
  if (lock?.rule !== undefined)
    await server.request(`set the retention of bucket ${bucket}`, ({ client, signal: abortSignal }) =>
      client.send(
        new library.PutObjectLockConfigurationCommand({
          Bucket: bucket,
          ObjectLockConfiguration: { ObjectLockEnabled: "Enabled", Rule: lock.rule as object },
        }),
        { abortSignal },
      ),
    );
  if (lifecycle !== undefined)
    await server.request(`set the lifecycle of bucket ${bucket}`, ({ client, signal: abortSignal }) =>
      client.send(
        new library.PutBucketLifecycleConfigurationCommand({
          Bucket: bucket,
          LifecycleConfiguration: { Rules: revived(lifecycle) as never },
        }),
        { abortSignal },
      ),
    );
}

/** Dates of rules have become text in the index. */
function revived(rules: readonly object[]): object[] {
  return JSON.parse(JSON.stringify(rules), (key, value) =>
    key === "Date" && typeof value === "string" ? new Date(value) : value,
  ) as object[];
}

/** Stores a version from the file with its bytes. The server confirms the hash of each request. */
export async function putVersion(server: ObjectServer, version: IndexedVersion, path: string): Promise<void> {
  const library = await import("./object-library.ts");
  const { bucket, key } = version;
  const target = { Bucket: bucket, Key: key, ...inputOf(version) };
  const source = await openFile(path);
  try {
    if (source.size <= singleLimit) {
      const Body = await source.read(0, source.size);
      await server.request(`write ${bucket}/${key}`, ({ client, signal: abortSignal }) =>
        client.send(new library.PutObjectCommand({ ...target, Body, ContentMD5: md5(Body) }), { abortSignal }),
      );
    } else await putParts(server, target, source);
  } finally {
    await source.close();
  }
}

async function putParts(
  server: ObjectServer,
  target: PutObjectCommandInput,
  source: Awaited<ReturnType<typeof openFile>>,
): Promise<void> {
  const library = await import("./object-library.ts");
  const { Bucket, Key } = target;
  const doing = `write ${Bucket}/${Key}`;
  const { UploadId } = await server.request(doing, ({ client, signal: abortSignal }) =>
    client.send(new library.CreateMultipartUploadCommand(target), { abortSignal }),
  );
  const Parts: { PartNumber: number; ETag: string | undefined }[] = [];
  for (let offset = 0; offset < source.size; offset += partSize) {
    const PartNumber = Parts.length + 1;
    const Body = await source.read(offset, Math.min(partSize, source.size - offset));
    const { ETag } = await server.request(doing, ({ client, signal: abortSignal }) =>
      client.send(new library.UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ContentMD5: md5(Body) }), {
        abortSignal,
      }),
    );
    Parts.push({ PartNumber, ETag });
  }
  await server.request(doing, ({ client, signal: abortSignal }) =>
    client.send(new library.CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }), {
      abortSignal,
    }),
  );
}

/** Makes a key look deleted, as it did. */
export async function putDeleteMarker(
  server: ObjectServer,
  { bucket, key }: Pick<IndexedVersion, "bucket" | "key">,
): Promise<void> {
  const library = await import("./object-library.ts");
  await server.request(`mark ${bucket}/${key} deleted`, ({ client, signal: abortSignal }) =>
    client.send(new library.DeleteObjectCommand({ Bucket: bucket, Key: key }), { abortSignal }),
  );
}

function inputOf(headers: ObjectHeaders): Omit<PutObjectCommandInput, "Bucket" | "Key"> {
  const { tags, retention, legalHold, metadata } = headers;
  const isHeld = retention !== undefined && Date.parse(retention.until) > Date.now();
  const given = {
    ContentType: headers.contentType,
    CacheControl: headers.cacheControl,
    ContentDisposition: headers.contentDisposition,
    ContentEncoding: headers.contentEncoding,
    ContentLanguage: headers.contentLanguage,
    Expires: headers.expires === undefined ? undefined : new Date(headers.expires),
    Metadata: metadata,
    Tagging: tags === undefined ? undefined : new URLSearchParams(tags).toString(),
    ObjectLockMode: isHeld ? retention.mode : undefined,
    ObjectLockRetainUntilDate: isHeld ? new Date(retention.until) : undefined,
    ObjectLockLegalHoldStatus: legalHold ? ("ON" as const) : undefined,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function tagSet(tags: Record<string, string>): { Key: string; Value: string }[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

function md5(bytes: Buffer): string {
  return createHash("md5").update(bytes).digest("base64");
}

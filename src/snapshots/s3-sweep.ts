import type { ListMultipartUploadsCommandOutput, MultipartUpload } from "@aws-sdk/client-s3";
import { isObjectKey } from "./object-key.ts";
import type { S3Session } from "./s3-client.ts";
import { abortUpload } from "./s3-upload.ts";
import { forgetUpload, rememberedUploads, type UploadBegun } from "./s3-upload-state.ts";

/**
 * Gives up uploads in parts that were begun longer ago than `age` milliseconds, for keys of this store only; says how
 * many. Their parts cost money and are seen in no list of objects.
 */
export async function sweepUploads(session: S3Session, stateFolder: string, age: number): Promise<number> {
  const remembered = rememberedUploads(stateFolder).filter(({ begun }) => isOfStore(begun, session));
  const old = new Map<string, string>();
  for (const { Key = "", UploadId = "" } of await unfinishedUploads(session, age)) old.set(UploadId, Key);
  // MinIO lists the uploads of one exact key only and clears what is older than a day by itself; what was begun from
  // this host is known here.
  for (const { begun } of remembered) if (begun.begunAt <= Date.now() - age) old.set(begun.uploadId, begun.key);
  let swept = 0;
  for (const [uploadId, key] of old) if (await abortUpload(session, key, uploadId)) swept += 1;
  for (const { file, begun } of remembered) if (old.has(begun.uploadId)) forgetUpload(file);
  return swept;
}

function isOfStore({ server, bucket, key }: UploadBegun, session: S3Session): boolean {
  return server === session.server && bucket === session.bucket && isKeyOf(session, key);
}

function isKeyOf({ root }: S3Session, key: string): boolean {
  return key.startsWith(root) && isObjectKey(key.slice(root.length));
}

/** By the server's clock. */
async function unfinishedUploads(session: S3Session, age: number): Promise<MultipartUpload[]> {
  const found: MultipartUpload[] = [];
  let from: { KeyMarker?: string; UploadIdMarker?: string } = {};
  for (;;) {
    const page = await uploadsPage(session, from);
    const before = Date.now() + (session.clockSkew() ?? 0) - age;
    found.push(...(page.Uploads ?? []).filter((upload) => isOurs(upload, session) && isBefore(upload, before)));
    if (!page.IsTruncated) return found;
    const next = markersOf(page);
    if (next.KeyMarker === from.KeyMarker && next.UploadIdMarker === from.UploadIdMarker) return found;
    from = next;
  }
}

function uploadsPage(session: S3Session, from: { KeyMarker?: string; UploadIdMarker?: string }) {
  return session.request({ doing: "list unfinished uploads" }, (call) =>
    call.client.send(
      new call.sdk.ListMultipartUploadsCommand({ Bucket: session.bucket, Prefix: session.root, ...from }),
      { abortSignal: call.signal },
    ),
  );
}

function markersOf(page: ListMultipartUploadsCommandOutput): { KeyMarker?: string; UploadIdMarker?: string } {
  return {
    ...(page.NextKeyMarker === undefined ? {} : { KeyMarker: page.NextKeyMarker }),
    ...(page.NextUploadIdMarker === undefined ? {} : { UploadIdMarker: page.NextUploadIdMarker }),
  };
}

function isOurs({ Key = "", UploadId }: MultipartUpload, session: S3Session): boolean {
  return UploadId !== undefined && isKeyOf(session, Key);
}

function isBefore({ Initiated }: MultipartUpload, time: number): boolean {
  return Initiated !== undefined && Initiated.getTime() <= time;
}

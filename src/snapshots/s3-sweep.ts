import type { ListMultipartUploadsCommandOutput, MultipartUpload } from "@aws-sdk/client-s3";
import { isObjectKey } from "./object-key.ts";
import type { S3Session } from "./s3-client.ts";
import { abortUpload } from "./s3-upload.ts";
import { forgetUpload, readUploadState, uploadStateFiles } from "./s3-upload-state.ts";

/**
 * Gives up uploads in parts that were begun longer ago than `age` milliseconds, by the server's clock, for keys of this
 * store only; says how many. Their parts cost money and are seen in no list of objects.
 */
export async function sweepUploads(session: S3Session, stateFolder: string, age: number): Promise<number> {
  let swept = 0;
  for (const { Key = "", UploadId = "" } of await unfinishedUploads(session, age)) {
    if (await abortUpload(session, Key, UploadId)) swept += 1;
    for (const file of uploadStateFiles(stateFolder)) {
      if (readUploadState(file)?.begun.uploadId === UploadId) forgetUpload(file);
    }
  }
  return swept;
}

async function unfinishedUploads(session: S3Session, age: number): Promise<MultipartUpload[]> {
  const found: MultipartUpload[] = [];
  let from: { KeyMarker?: string; UploadIdMarker?: string } = {};
  for (;;) {
    const page = await uploadsPage(session, from);
    const before = Date.now() + (session.clockSkew() ?? 0) - age;
    found.push(...(page.Uploads ?? []).filter((upload) => isOurs(upload, session.root) && isBefore(upload, before)));
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

function isOurs({ Key = "", UploadId }: MultipartUpload, root: string): boolean {
  return UploadId !== undefined && Key.startsWith(root) && isObjectKey(Key.slice(root.length));
}

function isBefore({ Initiated }: MultipartUpload, time: number): boolean {
  return Initiated !== undefined && Initiated.getTime() <= time;
}

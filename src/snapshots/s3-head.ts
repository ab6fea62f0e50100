import { bareTag } from "./s3-body.ts";
import type { S3Session } from "./s3-client.ts";
import { isStoreError, storeError } from "./store-errors.ts";

export interface HeadAnswer {
  bytes: number;
  modifiedAt: number;
  tag: string;
  sha256?: string;
  encryption?: string;
  /** A lock or legal hold keeps it. */
  held: boolean;
}

/** What the server says about an object; undefined where there is none. */
export async function headObject(
  session: S3Session,
  key: string,
  signal?: AbortSignal,
): Promise<HeadAnswer | undefined> {
  try {
    return await session.request({ doing: `look at ${key}`, ...(signal ? { signal } : {}) }, async (call) => {
      const command = new call.sdk.HeadObjectCommand({ Bucket: session.bucket, Key: key });
      const answer = await call.client.send(command, { abortSignal: call.signal });
      if (answer.ContentLength === undefined || answer.LastModified === undefined) {
        throw storeError("store-failed", `destination ${session.name}: the server does not say how long ${key} is`);
      }
      const until = answer.ObjectLockRetainUntilDate?.getTime() ?? 0;
      return {
        bytes: answer.ContentLength,
        modifiedAt: answer.LastModified.getTime(),
        tag: bareTag(answer.ETag),
        held: until > Date.now() || answer.ObjectLockLegalHoldStatus === "ON",
        ...(answer.Metadata?.sha256 === undefined ? {} : { sha256: answer.Metadata.sha256 }),
        ...(answer.ServerSideEncryption === undefined ? {} : { encryption: answer.ServerSideEncryption }),
      };
    });
  } catch (error) {
    if (isStoreError(error, "store-absent")) return undefined;
    throw error;
  }
}

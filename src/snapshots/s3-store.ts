import { checkKey, checkPrefix } from "./object-key.ts";
import { type S3Session, s3Session } from "./s3-client.ts";
import { download } from "./s3-download.ts";
import { headObject } from "./s3-head.ts";
import { listObjects } from "./s3-list.ts";
import { defaultPartSize, type S3StoreOptions } from "./s3-options.ts";
import { probeS3 } from "./s3-probe.ts";
import { sweepUploads } from "./s3-sweep.ts";
import { upload } from "./s3-upload.ts";
import { uploadStateFile } from "./s3-upload-state.ts";
import type { SnapshotStore } from "./store.ts";
import { isStoreError } from "./store-errors.ts";

export type { S3StoreOptions } from "./s3-options.ts";

/** A bucket, or a part of one, at AWS or any server that speaks its language. Nothing is asked before the first call. */
export function s3Store(options: S3StoreOptions): SnapshotStore {
  const session = s3Session(options);
  const fullKey = (key: string) => {
    checkKey(key);
    return `${session.root}${key}`;
  };
  return {
    name: options.name,
    offHost: true,
    async put(key, source, put = {}) {
      const full = fullKey(key);
      return upload({
        session,
        key: full,
        source,
        stateFile: uploadStateFile(options.stateFolder, { server: session.server, bucket: session.bucket, key: full }),
        smallestPart: options.partSize ?? defaultPartSize,
        ...(options.bandwidth === undefined ? {} : { bandwidth: options.bandwidth }),
        options: put,
      });
    },
    async get(key, range, signal) {
      return download({ session, key: fullKey(key), ...(signal ? { signal } : {}) }, range);
    },
    async head(key) {
      const found = await headObject(session, fullKey(key));
      if (found === undefined) return undefined;
      const { bytes, modifiedAt, sha256 } = found;
      return { key, bytes, modifiedAt, ...(sha256 === undefined ? {} : { sha256 }) };
    },
    list(prefix, signal) {
      checkPrefix(prefix);
      return listObjects(session, prefix, signal);
    },
    async remove(key) {
      return removeObject(session, fullKey(key));
    },
    sweep: (age) => sweepUploads(session, options.stateFolder, age),
    probe: () => probeS3(options),
    clockSkew: () => session.clockSkew(),
  };
}

async function removeObject(session: S3Session, key: string): Promise<"removed" | "absent" | "refused"> {
  const found = await headObject(session, key).catch((error) => {
    // Credentials that may not look may still be allowed to remove.
    if (isStoreError(error, "store-refused")) return "unknown" as const;
    throw error;
  });
  if (found === undefined) return "absent";
  // In a bucket with versions a removal would only hide it: the lock holds the bytes, and whoever pays goes on paying.
  if (found !== "unknown" && found.held) return "refused";
  try {
    await session.request({ doing: `remove ${key}` }, (call) =>
      call.client.send(new call.sdk.DeleteObjectCommand({ Bucket: session.bucket, Key: key }), {
        abortSignal: call.signal,
      }),
    );
    return "removed";
  } catch (error) {
    if (isStoreError(error, "store-refused")) return "refused";
    throw error;
  }
}

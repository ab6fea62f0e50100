import { s3Session } from "./s3-client.ts";
import type { S3StoreOptions } from "./s3-options.ts";

/** Lists one key of a bucket, to see whether it opens. Rejects with a StackError. `timeLimit`: milliseconds. */
export async function lookInto(
  options: Pick<S3StoreOptions, "name" | "bucket" | "region" | "endpoint" | "pathStyle" | "credentials"> & {
    timeLimit: number;
  },
): Promise<void> {
  const { timeLimit, ...place } = options;
  const session = s3Session({
    ...place,
    prefix: "",
    stateFolder: "",
    retries: 0,
    timeLimits: { connect: timeLimit, request: timeLimit },
  });
  await session.request({ doing: "list a key" }, ({ client, sdk, signal: abortSignal }) =>
    client.send(new sdk.ListObjectsV2Command({ Bucket: place.bucket, MaxKeys: 1 }), { abortSignal }),
  );
}

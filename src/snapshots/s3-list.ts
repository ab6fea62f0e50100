import type { ListObjectsV2CommandOutput } from "@aws-sdk/client-s3";
import { isObjectKey } from "./object-key.ts";
import type { S3Session } from "./s3-client.ts";
import type { StoredObject } from "./store.ts";
import { storeError } from "./store-errors.ts";

/** Every object of the store below a prefix, page by page. What others keep in the same place is none of ours. */
export async function* listObjects(
  session: S3Session,
  prefix: string,
  signal?: AbortSignal,
): AsyncGenerator<StoredObject> {
  let token: string | undefined;
  do {
    const page = await listPage(session, `${session.root}${prefix}`, token, signal);
    yield* objectsOf(page, session.root);
    token = page.IsTruncated ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}

async function listPage(
  session: S3Session,
  prefix: string,
  token: string | undefined,
  signal: AbortSignal | undefined,
): Promise<ListObjectsV2CommandOutput> {
  const doing = `list ${prefix}`;
  const page = await session.request({ doing, ...(signal ? { signal } : {}) }, (call) =>
    call.client.send(
      new call.sdk.ListObjectsV2Command({
        Bucket: session.bucket,
        Prefix: prefix,
        // A key may hold letters that XML cannot.
        EncodingType: "url",
        ...(token === undefined ? {} : { ContinuationToken: token }),
      }),
      { abortSignal: call.signal },
    ),
  );
  // A list that stops short would make objects look lost: better none than half of one.
  if (page.IsTruncated && (page.NextContinuationToken ?? token) === token) {
    throw storeError("store-failed", `destination ${session.name}: cannot ${doing}: the server breaks the list off`);
  }
  return page;
}

function* objectsOf(page: ListObjectsV2CommandOutput, root: string): Generator<StoredObject> {
  for (const { Key = "", Size, LastModified } of page.Contents ?? []) {
    const full = page.EncodingType === "url" ? decodeURIComponent(Key.replaceAll("+", " ")) : Key;
    const key = full.slice(root.length);
    if (!full.startsWith(root) || !isObjectKey(key) || Size === undefined || LastModified === undefined) continue;
    yield { key, bytes: Size, modifiedAt: LastModified.getTime() };
  }
}

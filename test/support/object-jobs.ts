import { createHash } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { GetObjectCommand, GetObjectTaggingCommand, ListObjectsV2Command, type S3Client } from "@aws-sdk/client-s3";
import { expect } from "vitest";
import { objectStoreKind } from "../../src/operations/backup/kind-object-store.ts";
import type { LoadJob, Produced } from "../../src/operations/backup/kinds.ts";
import { publishLocally } from "../../src/operations/backup/publish.ts";
import { backupsFolder } from "../../src/operations/backup/stores.ts";
import type { Context } from "../../src/operations/context.ts";
import { engineName } from "../../src/operations/engine-name.ts";
import { sharedObjects } from "../../src/operations/restore/fetch.ts";
import { localStore } from "../../src/snapshots/local-store.ts";
import { type SnapshotManifest, snapshotFolder } from "../../src/snapshots/manifest.ts";
import { noIdentities } from "../../src/snapshots/recipients.ts";
import type { DataSourceOf } from "../../src/stack/data-source.ts";
import { inParallel } from "../../src/support/parallel.ts";
import { loadJob, partsJob, produceJob, serverOn, snapshotIn } from "./backup-jobs.ts";

type Source = DataSourceOf<"object-store">;

export interface StoredObjects {
  manifest: SnapshotManifest;
  folder: string;
  produced: Produced;
}

/** Copies, checks and publishes what a server holds, as a run does. */
export async function snapshotObjects(context: Context, source: Source): Promise<StoredObjects> {
  const job = produceJob(context, source);
  const produced = await objectStoreKind.produce(job);
  const { manifest } = snapshotIn(job, produced);
  expect((await objectStoreKind.check(partsJob(job, { manifest, folder: job.staging }))).ok).toBe(true);
  const whole = { ...manifest, objectsPart: produced.shared?.objectsPart ?? "" };
  const root = backupsFolder(context.directory);
  await publishLocally(localStore(root), root, job.staging, whole, produced.shared?.objects ?? []);
  rmSync(job.staging, { recursive: true });
  return { manifest: whole, folder: join(root, snapshotFolder(source.name, whole.id)), produced };
}

/** What a restore of that snapshot is given, with the objects from the local store. */
export function loadingObjects(
  context: Context,
  source: Source,
  { manifest, folder }: StoredObjects,
  depth: "quick" | "deep" = "deep",
): LoadJob<Source> {
  const job = loadJob(produceJob(context, source), { manifest, folder }, depth);
  const shared = join(job.shared, "shared");
  mkdirSync(shared);
  const origins = [{ store: localStore(backupsFolder(context.directory)), identities: noIdentities }];
  const objects = sharedObjects(context, origins, shared);
  return { ...job, shared, fetchShared: objects.fetch, listShared: objects.list };
}

/** The server of the source on a volume, on its own network, as long as `body` works with its address. */
export async function serverOnVolume<Result>(
  context: Context,
  source: Source,
  volume: string,
  body: (address: string) => Promise<Result>,
): Promise<Result> {
  const { model, engine } = context;
  const network = engineName(model, source.network);
  const addressed = async ({ id }: { id: string }) => body((await engine.address(id, network)) ?? "");
  return await serverOn(context, source, volume, addressed, { networks: [network] });
}

/** Everything that a client can see, read by another program text than the one that is tested. */
export async function contentOf(
  client: S3Client,
  bucket: string,
  { tags = true }: { tags?: boolean } = {},
): Promise<Record<string, object>> {
  const seen: Record<string, object> = {};
  let ContinuationToken: string | undefined;
  do {
    const page = await client.send(
      new ListObjectsV2Command({
        Bucket: bucket,
        EncodingType: "url",
        ...(ContinuationToken && { ContinuationToken }),
      }),
    );
    await inParallel(page.Contents ?? [], 16, async ({ Key = "" }) => {
      const name = decodeURIComponent(Key.replaceAll("+", "%20"));
      const got = await client.send(new GetObjectCommand({ Bucket: bucket, Key: name }));
      const bytes = await got.Body?.transformToByteArray();
      const TagSet = tags
        ? (await client.send(new GetObjectTaggingCommand({ Bucket: bucket, Key: name }))).TagSet
        : undefined;
      const { ContentType, CacheControl, ContentDisposition, ContentEncoding, ContentLanguage, ExpiresString } = got;
      seen[name] = {
        hash: createHash("sha256")
          .update(bytes ?? "")
          .digest("hex"),
        headers: [ContentType, CacheControl, ContentDisposition, ContentEncoding, ContentLanguage, ExpiresString],
        metadata: got.Metadata,
        tags: TagSet,
      };
    });
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
  return Object.fromEntries(Object.entries(seen).sort(([a], [b]) => (a < b ? -1 : 1)));
}

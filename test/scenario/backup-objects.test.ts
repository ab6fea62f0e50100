import { createHash, randomBytes } from "node:crypto";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectVersionsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketTaggingCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  PutObjectTaggingCommand,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { objectStoreKind } from "../../src/operations/backup/kind-object-store.ts";
import { backupsFolder } from "../../src/operations/backup/stores.ts";
import type { Context } from "../../src/operations/context.ts";
import type { DataSourceOf } from "../../src/stack/data-source.ts";
import { inParallel } from "../../src/support/parallel.ts";
import { contextFor, oneOffs, partsJob, produceJob, removeOneOffs, sourceOf } from "../support/backup-jobs.ts";
import { describeWithDocker } from "../support/docker.ts";
import {
  contentOf,
  loadingObjects,
  type StoredObjects,
  serverOnVolume,
  snapshotObjects,
} from "../support/object-jobs.ts";
import { type DataStack, dataStack, uniqueName } from "./data-stack.ts";

const image = "pgsty/silo:RELEASE.2026-09-16T00-00-00Z";
const many = 300;

await describeWithDocker("backup of an object store", [image, "busybox:1.38.0"], (engine: Engine) => {
  let stack: DataStack;
  let context: Context;
  let source: DataSourceOf<"object-store">;
  let s3: S3Client;
  const big = randomBytes(11 * 1024 ** 2);

  const clientOf = (address: string) =>
    new S3Client({
      region: "us-east-1",
      endpoint: `http://${address}:9000`,
      forcePathStyle: true,
      requestChecksumCalculation: "WHEN_REQUIRED",
      credentials: {
        accessKeyId: stack.secret("minio_root_user"),
        secretAccessKey: stack.secret("minio_root_password"),
      },
    });
  const put = (Key: string, Body: string | Buffer, more: Partial<PutObjectCommandInput> = {}) =>
    s3.send(new PutObjectCommand({ Bucket: "uploads", Key, Body, ...more }));

  async function historyOf(client: S3Client, Bucket: string): Promise<string[]> {
    const page = await client.send(new ListObjectVersionsCommand({ Bucket }));
    const versions = (page.Versions ?? []).map(({ Key, Size, IsLatest }) => `${Key} ${Size} ${IsLatest ? "now" : ""}`);
    const markers = (page.DeleteMarkers ?? []).map(({ Key, IsLatest }) => `${Key} deleted ${IsLatest ? "now" : ""}`);
    return [...versions, ...markers].sort();
  }

  const snapshot = () => snapshotObjects(context, source);
  const loadingOf = (stored: StoredObjects, depth?: "quick" | "deep") => loadingObjects(context, source, stored, depth);

  /** The server of the source on a volume, on its own network. */
  const on = <Result>(volume: string, body: (client: S3Client, address: string) => Promise<Result>) =>
    serverOnVolume(context, source, volume, (address) => body(clientOf(address), address));

  beforeAll(async () => {
    stack = await dataStack(`
name: ${uniqueName("backup-objects")}
components:
  minio:
    buckets: [uploads, { name: avatars, public: true, versioning: true }, empty]
    limits: { memory: 512m }
`);
    await stack.up();
    context = contextFor(stack, engine);
    await vi.waitUntil(
      async () => {
        const { containers } = await engine.observe(stack.model.name);
        return containers.some(({ service, state }) => service === "minio-setup" && state === "exited");
      },
      { timeout: 60_000, interval: 200 },
    );
    source = sourceOf(stack.model, "object-store", "minio");
    s3 = clientOf(await stack.address("minio", "minio"));
    await put("plain.txt", "hello", {
      ContentType: "text/plain; charset=utf-8",
      CacheControl: "max-age=60",
      ContentDisposition: 'attachment; filename="a b.txt"',
      ContentEncoding: "identity",
      ContentLanguage: "de",
      Expires: new Date("2031-01-31T10:00:00Z"),
      Metadata: { owner: "ann", "some-thing": "a b=c" },
      Tagging: "class=a%20b&state=new",
    });
    for (const key of [
      "with space.txt",
      "plus+plus & more=?#%25.txt",
      "ünï/çødé/日本/🎉.bin",
      "a/ b /c",
      "folder/",
      "tab\tkey",
    ])
      await put(key, key === "folder/" ? "" : `content of ${key}`);
    await put("empty.bin", "");
    await put("same-1", "the same bytes");
    await put("same-2", "the same bytes");
    await put("goes.txt", "soon gone");
    const { UploadId } = await s3.send(
      new CreateMultipartUploadCommand({ Bucket: "uploads", Key: "big.bin", Metadata: { parts: "3" } }),
    );
    const Parts = [];
    for (const [index, start] of [0, 5 * 1024 ** 2, 10 * 1024 ** 2].entries()) {
      const PartNumber = index + 1;
      const Body = big.subarray(start, Math.min(start + 5 * 1024 ** 2, big.length));
      const part = { Bucket: "uploads", Key: "big.bin", UploadId, PartNumber };
      const { ETag } = await s3.send(new UploadPartCommand({ ...part, Body }));
      Parts.push({ PartNumber, ETag });
    }
    await s3.send(
      new CompleteMultipartUploadCommand({ Bucket: "uploads", Key: "big.bin", UploadId, MultipartUpload: { Parts } }),
    );
    for (const text of ["one", "second", "the third"])
      await s3.send(new PutObjectCommand({ Bucket: "avatars", Key: "v.txt", Body: text }));
    await s3.send(new PutObjectCommand({ Bucket: "avatars", Key: "gone.txt", Body: "was here" }));
    await s3.send(new DeleteObjectCommand({ Bucket: "avatars", Key: "gone.txt" }));
    await s3.send(
      new PutBucketTaggingCommand({ Bucket: "empty", Tagging: { TagSet: [{ Key: "team", Value: "web" }] } }),
    );
    await s3.send(
      new PutBucketLifecycleConfigurationCommand({
        Bucket: "uploads",
        LifecycleConfiguration: {
          Rules: [{ ID: "old", Status: "Enabled", Filter: { Prefix: "tmp/" }, Expiration: { Days: 30 } }],
        },
      }),
    );
    await s3.send(new CreateBucketCommand({ Bucket: "locked", ObjectLockEnabledForBucket: true }));
    await s3.send(
      new PutObjectCommand({
        Bucket: "locked",
        Key: "deed.pdf",
        Body: "signed",
        ContentMD5: createHash("md5").update("signed").digest("base64"),
        ObjectLockMode: "GOVERNANCE",
        ObjectLockRetainUntilDate: new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 86_400_000),
      }),
    );
    await inParallel(
      Array.from({ length: many }, (_, index) => index),
      16,
      async (index) => void (await put(`many/${index}.txt`, `small ${index}`)),
    );
  });
  afterAll(async () => {
    s3?.destroy();
    if (context !== undefined) await removeOneOffs(context);
    await stack?.remove();
  });

  let first: StoredObjects;
  let before: Record<string, object>;

  test("copies everything once, each content once", async () => {
    before = await contentOf(s3, "uploads");
    first = await snapshot();
    const { facts, warnings, shared } = first.produced;
    expect(warnings).toEqual([]);
    expect(facts).toMatchObject({ buckets: 4, objects: many + 14, fetched: { objects: many + 17 } });
    expect(shared?.objects.length).toBe(many + 15);
  });

  test("comes back on a new volume byte for byte, with headers, tags, versions and settings of buckets", async () => {
    const job = loadingOf(first);
    const { volumes, checks } = await objectStoreKind.load(job);
    expect(checks).toEqual([
      { ok: true, detail: `${many + 18} versions of ${many + 15} keys` },
      { ok: true, detail: `${many + 14} objects read again, bytes, headers and tags` },
    ]);
    const [restored = ""] = volumes.map((volume) => volume.restored);
    await on(restored, async (client, address) => {
      expect(await contentOf(client, "uploads")).toEqual(before);
      expect(Object.keys(before)).toContain("ünï/çødé/日本/🎉.bin");
      expect(await historyOf(client, "avatars")).toEqual(await historyOf(s3, "avatars"));
      const page = await client.send(new GetObjectCommand({ Bucket: "avatars", Key: "v.txt" }));
      expect(await page.Body?.transformToString()).toBe("the third");
      const deed = { Bucket: "locked", Key: "deed.pdf" };
      const [there, here] = await Promise.all([client, s3].map((one) => one.send(new GetObjectCommand(deed))));
      expect(there?.ObjectLockRetainUntilDate).toEqual(here?.ObjectLockRetainUntilDate);
      expect(there?.ObjectLockMode).toBe("GOVERNANCE");
      const anonymous = await fetch(`http://${address}:9000/avatars/v.txt`);
      expect(await anonymous.text()).toBe("the third");
    });
    await engine.removeVolume(restored);
    rmSync(job.shared, { recursive: true });
    expect(await oneOffs(context)).toEqual([]);
  });

  test("the next copy fetches only what has changed, and what was deleted stays in the store", async () => {
    await s3.send(new DeleteObjectCommand({ Bucket: "uploads", Key: "goes.txt" }));
    await put("plain.txt", "hello again");
    await put("new.txt", "new");
    const second = await snapshot();
    expect(second.produced.facts).toMatchObject({ objects: many + 14, fetched: { objects: 2, bytes: 14 } });
    expect(second.produced.shared?.objects.filter(({ file }) => file !== undefined)).toHaveLength(2);
    const none = await snapshot();
    expect(none.produced.facts).toMatchObject({ fetched: { objects: 0 } });
    // The first one is still whole, with what has gone since.
    const job = produceJob(context, source);
    expect(await objectStoreKind.check(partsJob(job, first))).toMatchObject({ ok: true });
    const { volumes, checks } = await objectStoreKind.load(loadingOf(second, "quick"));
    expect(checks.map(({ ok }) => ok)).toEqual([true, true]);
    await on(volumes[0]?.restored ?? "", async (client) => {
      const content = await contentOf(client, "uploads");
      expect(content["goes.txt"]).toBeUndefined();
      expect(content["new.txt"]).toBeDefined();
    });
    await engine.removeVolume(volumes[0]?.restored ?? "");
  });

  test("a tag that changed alone is in the copy of the next day, and a lost memory costs nothing but time", async () => {
    await s3.send(
      new PutObjectTaggingCommand({
        Bucket: "uploads",
        Key: "same-1",
        Tagging: { TagSet: [{ Key: "a", Value: "b" }] },
      }),
    );
    const memory = join(context.directory, ".stack/backup/memory/minio");
    writeFileSync(join(memory, "tags.json"), '{"tagsAt":0}');
    const later = await snapshot();
    const load = loadingOf(later);
    const { volumes } = await objectStoreKind.load(load);
    await on(volumes[0]?.restored ?? "", async (client) => {
      expect(await contentOf(client, "uploads")).toEqual(await contentOf(s3, "uploads"));
    });
    await engine.removeVolume(volumes[0]?.restored ?? "");
    for (const name of readdirSync(memory)) rmSync(join(memory, name));
    const anew = await snapshot();
    expect(anew.produced.shared?.objects.filter(({ file }) => file !== undefined)).toEqual([]);
  });

  test("damage to an object is found, and what is missing is fetched again", async () => {
    const job = produceJob(context, source);
    const key = first.produced.shared?.objects[0]?.key ?? "";
    const path = join(backupsFolder(context.directory), key);
    const whole = readFileSync(path);
    rmSync(path);
    writeFileSync(path, whole.subarray(1));
    expect(await objectStoreKind.check(partsJob(job, first))).toEqual({
      ok: false,
      detail: `${path} has ${whole.length - 1} of ${whole.length} bytes`,
    });
    rmSync(path);
    expect(await objectStoreKind.check(partsJob(job, first))).toEqual({ ok: false, detail: `${key} is missing` });
    const again = await snapshot();
    expect(again.produced.facts).toMatchObject({ fetched: { objects: 1 } });
    expect(statSync(path).size).toBe(whole.length);
  });

  test("a wrong password of the root user is told without it", async () => {
    const right = stack.secret("minio_root_password");
    stack.writeSecret("minio_root_password", "wrong-password-of-the-test\n");
    const error = await objectStoreKind.produce(produceJob(context, source)).catch((thrown: unknown) => thrown);
    stack.writeSecret("minio_root_password", `${right}\n`);
    expect(error).toMatchObject({ exit: "backupFailed", code: "store-credentials" });
    expect(JSON.stringify(error)).not.toContain("wrong-password-of-the-test");
  });
});

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { silentProgress } from "../../../src/operations/progress.ts";
import { forgetBegun } from "../../../src/operations/restore/from-begun.ts";
import { unpackStack } from "../../../src/operations/restore/from-bucket.ts";
import { bytesOf } from "../../../src/snapshots/byte-source.ts";
import { manifestName, printManifest, snapshotFolder } from "../../../src/snapshots/manifest.ts";
import { s3Store } from "../../../src/snapshots/s3-store.ts";
import { type FaultyS3, startFaultyS3 } from "../../support/faulty-s3.ts";
import { manifest, sha256 } from "../../support/snapshots.ts";

let bucket: FaultyS3;
let work: string;
beforeEach(async () => {
  bucket = await startFaultyS3();
  work = mkdtempSync(join(tmpdir(), "restore-from-"));
});
afterEach(async () => {
  await bucket.close();
  rmSync(work, { recursive: true, force: true });
});

const env = { AWS_ACCESS_KEY_ID: "key", AWS_SECRET_ACCESS_KEY: "secret" };

/** The stack's own files, in the bucket: one stack.yaml. */
async function putStack(name = "shop"): Promise<void> {
  const from = mkdtempSync(join(work, "stack-"));
  writeFileSync(join(from, "stack.yaml"), `name: ${name}\n`);
  const bytes = execFileSync("tar", ["--create", "--gzip", `--directory=${from}`, "."]);
  const stored = { bytes: bytes.length, sha256: sha256(bytes) };
  const described = {
    ...manifest({ stack: name }),
    source: { name: "stack", kind: "stack" as const, component: "", service: "" },
    parts: [{ name: "stack.tar.gz", content: stored, stored: { name: "stack.tar.gz", ...stored } }],
  };
  const store = s3Store({
    name: "offsite",
    bucket: "backups",
    prefix: name,
    endpoint: bucket.endpoint,
    credentials: async () => ({ accessKeyId: "key", secretAccessKey: "secret" }),
    stateFolder: join(work, "uploads"),
  });
  const folder = snapshotFolder("stack", described.id);
  await store.put(`${folder}stack.tar.gz`, bytesOf(bytes));
  await store.put(`${folder}${manifestName}`, bytesOf(printManifest(described)));
}

function unpack(more: { url?: string; into?: string; endpoint?: string } = {}) {
  return unpackStack({
    url: "s3://backups/shop",
    endpoint: bucket.endpoint,
    into: join(work, "shop"),
    env,
    progress: silentProgress,
    signal: new AbortController().signal,
    ...more,
  });
}

describe("a stack out of its bucket", () => {
  test("one that was cut short is begun again by the same command; one that is whole is not touched", async () => {
    await putStack();
    await unpack();
    writeFileSync(join(work, "shop/stack.yaml"), "half");
    await unpack();
    expect(readFileSync(join(work, "shop/stack.yaml"), "utf8")).toBe("name: shop\n");
    // As every restore and every start does that comes to its end.
    forgetBegun(join(work, "shop"));
    await expect(unpack()).rejects.toMatchObject({ code: "directory-occupied", hint: expect.stringContaining("cd ") });
  });

  test("nothing is put into a folder of somebody else's, nor into that of another stack that was cut short", async () => {
    await putStack();
    await putStack("blog");
    mkdirSync(join(work, "mine"));
    writeFileSync(join(work, "mine/letter"), "");
    await expect(unpack({ into: join(work, "mine") })).rejects.toMatchObject({ code: "directory-occupied" });
    await unpack();
    await expect(unpack({ url: "s3://backups/blog" })).rejects.toMatchObject({ code: "directory-occupied" });
  });

  test("what cannot be reached is told in words of that command: there is no stack.yaml yet", async () => {
    bucket.fault("ListObjectsV2", ({ response }) => {
      response.writeHead(404, { "content-type": "application/xml" });
      response.end("<Error><Code>NoSuchBucket</Code><Message>no</Message></Error>");
    });
    await expect(unpack()).rejects.toMatchObject({
      code: "store-bucket",
      hint: "correct the name of the bucket: s3://BUCKET/FOLDER; then run the same command again",
    });
  });
});

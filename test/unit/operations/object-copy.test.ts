import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Engine } from "../../../src/engine/engine.ts";
import type { ProduceJob } from "../../../src/operations/backup/kinds.ts";
import type { ObjectStoreSource } from "../../../src/operations/backup/object-access.ts";
import { indexIn } from "../../../src/operations/backup/object-check.ts";
import { copyObjects } from "../../../src/operations/backup/object-copy.ts";
import { contextFor } from "../../support/backup-jobs.ts";
import { container, model, service } from "../../support/models.ts";

interface Scripted {
  key: string;
  body: string;
  version?: string;
  /** ETag that the listing tells; left out: the one that the object has. */
  listedAs?: string;
  /** When the object says that it was written, where that is later than the listing. */
  written?: string;
  answer?: "NoSuchKey" | "NoSuchVersion" | "cut" | "cut-once";
  tags?: string;
}

let directory: string;
let server: Server;
let objects: Scripted[];
let asked: string[];

const md5 = (text: string) => createHash("md5").update(text).digest("hex");
const encode = (key: string) => encodeURIComponent(key).replaceAll("%20", "+").replaceAll("%2F", "/");
const xml = (body: string) => `<?xml version="1.0" encoding="UTF-8"?>${body}`;
const refusal = (code: string) => xml(`<Error><Code>${code}</Code><Message>no</Message></Error>`);

/** A server with one bucket whose listing comes in pages of two. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? "/", "http://x");
  const key = decodeURIComponent(url.pathname.slice("/uploads/".length));
  if (url.pathname === "/") {
    response.end(
      xml("<ListAllMyBucketsResult><Buckets><Bucket><Name>uploads</Name></Bucket></Buckets></ListAllMyBucketsResult>"),
    );
  } else if (url.searchParams.has("versions")) response.end(page(url.searchParams));
  else if (url.searchParams.has("versioning")) response.end(xml("<VersioningConfiguration/>"));
  else if (key === "") response.writeHead(404).end(refusal(unsetCode(url.searchParams)));
  else getObject(url, key, response);
}

function unsetCode(query: URLSearchParams): string {
  if (query.has("policy")) return "NoSuchBucketPolicy";
  if (query.has("lifecycle")) return "NoSuchLifecycleConfiguration";
  return query.has("tagging") ? "NoSuchTagSet" : "ObjectLockConfigurationNotFoundError";
}

function page(query: URLSearchParams): string {
  const marker = query.get("key-marker");
  const start = marker === null ? 0 : objects.findIndex(({ key }) => key === marker) + 1;
  const entries = objects.slice(start, start + 2);
  const more = start + 2 < objects.length;
  const lines = entries.map(
    ({ key, body, version = "null", listedAs }) =>
      `<Version><Key>${encode(key)}</Key><VersionId>${version}</VersionId><IsLatest>true</IsLatest>` +
      `<LastModified>2026-11-21T12:00:00.123Z</LastModified><ETag>&quot;${listedAs ?? md5(body)}&quot;</ETag>` +
      `<Size>${body.length}</Size></Version>`,
  );
  const next = more ? `<NextKeyMarker>${encode(entries.at(-1)?.key ?? "")}</NextKeyMarker>` : "";
  return xml(
    `<ListVersionsResult><EncodingType>url</EncodingType><IsTruncated>${more}</IsTruncated>${next}${lines.join("")}</ListVersionsResult>`,
  );
}

function getObject(url: URL, key: string, response: ServerResponse): void {
  const found = objects.find((object) => object.key === key);
  asked.push(`${url.searchParams.has("tagging") ? "tags of " : ""}${key}`);
  if (found === undefined) return void response.writeHead(404).end(refusal("NoSuchKey"));
  if (url.searchParams.has("tagging")) {
    const set = found.tags === undefined ? "" : `<Tag><Key>class</Key><Value>${found.tags}</Value></Tag>`;
    return void response.end(xml(`<Tagging><TagSet>${set}</TagSet></Tagging>`));
  }
  if (found.answer === "NoSuchKey" || found.answer === "NoSuchVersion")
    return void response.writeHead(404).end(refusal(found.answer));
  const isCut = found.answer !== undefined;
  if (found.answer === "cut-once") delete found.answer;
  response.writeHead(200, {
    "content-length": found.body.length,
    "content-type": "text/plain",
    etag: `"${md5(found.body)}"`,
    "last-modified": found.written ?? "Sat, 21 Nov 2026 12:00:00 GMT",
    ...(found.tags !== undefined && { "x-amz-tagging-count": "1" }),
  });
  if (!isCut) return void response.end(found.body);
  response.write(found.body.slice(0, 2), () => response.destroy());
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "objects-"));
  asked = [];
  server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  mkdirSync(join(directory, "secrets"));
  writeFileSync(join(directory, "secrets", "user"), "root\n");
  writeFileSync(join(directory, "secrets", "password"), "of-the-test\n");
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

let runs = 0;
function job(): ProduceJob<ObjectStoreSource> {
  runs += 1;
  const engine = {
    observe: async () => ({ containers: [container("minio")] }),
    image: async () => ({ id: "sha256:1", architecture: "amd64", size: 1, digests: [] }),
    address: async () => "127.0.0.1",
  } as unknown as Engine;
  const stack = { directory, model: model([service("minio")]) };
  const source: ObjectStoreSource = {
    kind: "object-store",
    name: "minio",
    component: "minio",
    service: "minio",
    volume: "data",
    port: (server.address() as AddressInfo).port,
    network: "minio",
    userSecret: "user",
    passwordSecret: "password",
    target: "/data",
  };
  const staging = join(directory, `staging-${runs}`);
  mkdirSync(staging);
  // No wait between two attempts.
  const context = { ...contextFor(stack, engine), clock: { now: () => 1, sleep: async () => {} } };
  return { context, source, staging, memory: join(directory, "memory"), type: "full", id: "x", earlier: [] } as never;
}

describe("copying an object store", () => {
  test("follows the pages of a listing, whatever is in the keys", async () => {
    const keys = ["a b", "a+b", "c/ü 🎉", "d%20", "e\tf"];
    objects = keys.map((key) => ({ key, body: `of ${key}` }));
    const produced = job();
    await copyObjects(produced);
    expect(indexIn(produced.staging).versions.map(({ key }) => key)).toEqual([...keys].sort());
    expect(asked.sort()).toEqual([...keys].sort());
  });

  test("an object or version that goes meanwhile is a warning, and the rest is copied", async () => {
    objects = [
      { key: "a", body: "here" },
      { key: "b", body: "gone", answer: "NoSuchKey" },
      { key: "c", body: "gone", version: "v1", answer: "NoSuchVersion" },
    ];
    const produced = job();
    const { warnings, facts } = await copyObjects(produced);
    expect(warnings.sort()).toEqual([
      "uploads/b was removed while it was copied",
      "uploads/c was removed while it was copied",
    ]);
    expect(facts).toMatchObject({ objects: 1 });
    expect(indexIn(produced.staging).versions.map(({ key }) => key)).toEqual(["a"]);
  });

  test("one that is written meanwhile is copied as it is then, and looked at again next time", async () => {
    objects = [{ key: "a", body: "newer", listedAs: md5("older"), written: "Sat, 21 Nov 2026 12:00:05 GMT" }];
    const produced = job();
    const { warnings } = await copyObjects(produced);
    expect(warnings).toEqual(["uploads/a was written while it was copied"]);
    const [entry] = indexIn(produced.staging).versions;
    expect(entry).toMatchObject({ etag: md5("newer"), sha256: createHash("sha256").update("newer").digest("hex") });
    objects = [{ key: "a", body: "newer" }];
    asked = [];
    await copyObjects(job());
    expect(asked).toEqual(["a"]);
  });

  test("one whose listing has another ETag than the object itself, as with SeaweedFS, is known by that of the listing", async () => {
    objects = [{ key: "a", body: "in pieces", listedAs: "of-its-pieces-3" }];
    const produced = job();
    const { warnings } = await copyObjects(produced);
    expect(warnings).toEqual([]);
    expect(indexIn(produced.staging).versions[0]).toMatchObject({ etag: "of-its-pieces-3" });
  });

  test("an answer that breaks off is asked for again, and is never an object", async () => {
    objects = [{ key: "a", body: "the whole", answer: "cut-once" }];
    const produced = job();
    const { shared } = await copyObjects(produced);
    expect(asked).toEqual(["a", "a"]);
    expect(readFileSync(shared?.objects[0]?.file ?? "", "utf8")).toBe("the whole");
    objects = [{ key: "b", body: "another", answer: "cut" }];
    const broken = job();
    await expect(copyObjects(broken)).rejects.toMatchObject({ exit: "backupFailed", hint: "./prod.sh status" });
    expect(readdirSync(broken.staging)).toEqual(["arriving"]);
  });

  test("tags come with the object", async () => {
    objects = [{ key: "a", body: "x", tags: "new" }];
    const produced = job();
    await copyObjects(produced);
    expect(asked).toEqual(["a", "tags of a"]);
    expect(indexIn(produced.staging).versions[0]?.tags).toEqual({ class: "new" });
  });

  test("a memory of what is not in the local store is no copy", async () => {
    objects = [{ key: "a", body: "x" }];
    await copyObjects(job());
    await copyObjects(job());
    // Nothing was published in between.
    expect(asked).toEqual(["a", "a"]);
  });
});

import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bytesOf } from "../../src/snapshots/byte-source.ts";
import type { S3StoreOptions } from "../../src/snapshots/s3-options.ts";
import { s3Store } from "../../src/snapshots/s3-store.ts";
import type { SnapshotStore } from "../../src/snapshots/store.ts";
import type { Clock } from "../../src/support/clock.ts";
import {
  type Behaviour,
  cutShort,
  drip,
  type FaultyS3,
  loseAnswer,
  refuse,
  resetAfter,
  silence,
  startFaultyS3,
  wrongTag,
} from "../support/faulty-s3.ts";
import { content, keys, patternSource, sha256, sourceHash } from "./store-suite.ts";

const mebibyte = 1024 ** 2;

/** For servers that say nothing; otherwise a busy machine would look like one. */
const impatient = { timeLimits: { connect: 1_000, idle: 300, request: 2_000 } };

describe("a bucket on a bad day", () => {
  let server: FaultyS3;
  let stateFolder: string;
  /** How long it would have waited before each try, milliseconds. */
  let waits: number[];
  let clock: Clock;

  beforeEach(async () => {
    server = await startFaultyS3();
    stateFolder = mkdtempSync(join(tmpdir(), "s3-state-"));
    waits = [];
    clock = {
      now: () => Date.now(),
      sleep: async (milliseconds, signal) => {
        waits.push(milliseconds);
        signal?.throwIfAborted();
      },
    };
  });

  afterEach(async () => {
    await server.close();
    rmSync(stateFolder, { recursive: true, force: true });
  });

  function open(more: Partial<S3StoreOptions> = {}): SnapshotStore {
    return s3Store({
      name: "offsite",
      bucket: "bucket",
      endpoint: server.endpoint,
      prefix: "prod/",
      credentials: async () => ({ accessKeyId: "id-of-the-key", secretAccessKey: "value-of-the-key" }),
      stateFolder,
      partSize: mebibyte,
      clock,
      timeLimits: { connect: 5_000, idle: 5_000, request: 20_000 },
      ...more,
    });
  }

  const whole = () => server.objects.get("prod/objects/x")?.bytes;
  const times = (operation: string) => server.asked.filter((asked) => asked === operation).length;

  describe("storing", () => {
    test.each<[string, Behaviour]>([
      ["500 InternalError", refuse(500, "InternalError")],
      ["503 SlowDown", refuse(503, "SlowDown")],
      ["429 without a body that can be read", refuse(429, "")],
      ["400 RequestTimeout", refuse(400, "RequestTimeout")],
      [
        "a page of a proxy",
        ({ response }) => void response.writeHead(502, { "content-type": "text/html" }).end("<html>Bad Gateway"),
      ],
      ["a reset in the middle", resetAfter(100_000)],
      ["silence", silence],
      ["a lost answer", loseAnswer],
      ["a damaged body", refuse(400, "BadDigest")],
    ])("%s passes: it is tried again", async (_, behaviour) => {
      server.fault("PutObject", behaviour, { times: 2 });
      const bytes = Buffer.alloc(500_000, "content");
      const done = await open(behaviour === silence ? impatient : {}).put("objects/x", bytesOf(bytes));
      expect(done.sha256).toBe(sha256(bytes));
      expect(whole()?.equals(bytes)).toBe(true);
      expect(times("PutObject")).toBe(3);
      expect(waits).toHaveLength(2);
    });

    test.each<[string, Behaviour, string, string]>([
      ["403 AccessDenied", refuse(403, "AccessDenied"), "store-refused", "these credentials may not do it"],
      [
        "403 InvalidAccessKeyId",
        refuse(403, "InvalidAccessKeyId"),
        "store-credentials",
        "the server does not know the access key",
      ],
      [
        "403 SignatureDoesNotMatch",
        refuse(403, "SignatureDoesNotMatch"),
        "store-credentials",
        "the secret key does not belong to the access key",
      ],
      ["404 NoSuchBucket", refuse(404, "NoSuchBucket"), "store-bucket", "there is no such bucket"],
      ["301 PermanentRedirect", refuse(301, "PermanentRedirect"), "store-region", "the bucket is in another region"],
      ["a full bucket", refuse(507, "XMinioStorageFull"), "store-full", "no space is left for this bucket"],
      ["a quota", refuse(400, "XMinioAdminBucketQuotaExceeded"), "store-full", "no space is left for this bucket"],
      [
        "403 of a proxy",
        ({ response }) => void response.writeHead(403, { "content-type": "text/plain" }).end("denied destination"),
        "store-failed",
        "what answers there is no S3 server (403)",
      ],
      ["501 NotImplemented", refuse(501, "NotImplemented"), "store-failed", "the server answered 501 NotImplemented"],
    ])("%s stays: it is said at once", async (_, behaviour, code, words) => {
      server.fault("PutObject", behaviour, { times: 2 });
      const put = open().put("objects/x", bytesOf("content"));
      await expect(put).rejects.toMatchObject({
        code,
        exit: "backupFailed",
        message: `destination offsite: cannot store prod/objects/x: ${words}`,
      });
      expect(times("PutObject")).toBe(1);
      expect(waits).toEqual([]);
      expect(whole()).toBeUndefined();
    });

    test("it is tried eight times more, at times that are spread, and then given up", async () => {
      server.fault("PutObject", refuse(503, "SlowDown"), { times: 99 });
      await expect(open().put("objects/x", bytesOf("content"))).rejects.toMatchObject({ code: "store-unreachable" });
      expect(times("PutObject")).toBe(9);
      expect(waits).toHaveLength(8);
      for (const [index, wait] of waits.entries()) {
        expect(wait).toBeGreaterThanOrEqual(500);
        expect(wait).toBeLessThanOrEqual(Math.min(30_000, 500 * 2 ** (index + 1)));
      }
    });

    test("a source that breaks while it is sent is no fault of the server: it is said, and not tried again", async () => {
      for (const size of [500_000, 3 * mebibyte]) {
        const source = patternSource(size);
        let read = 0;
        const breaking = {
          ...source,
          read: async (offset: number, length: number) => {
            read += length;
            if (read > size + 100_000) throw new Error("the disk has a bad block");
            return source.read(offset, length);
          },
        };
        await expect(open().put("objects/x", breaking)).rejects.toThrow("the disk has a bad block");
      }
      expect(waits).toEqual([]);
      expect(whole()).toBeUndefined();
    });

    test("no message holds a credential", async () => {
      for (const [status, code] of [
        [403, "SignatureDoesNotMatch"],
        [403, "InvalidAccessKeyId"],
        [500, "InternalError"],
        [418, "Odd"],
      ] as const) {
        server.fault("PutObject", refuse(status, code), { times: 1 });
        const error = await open({ retries: 0 })
          .put("objects/x", bytesOf("content"))
          .catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(Error);
        const text =
          JSON.stringify(error, Object.getOwnPropertyNames(error)) +
          String((error as Error).stack) +
          String((error as Error).cause);
        expect(text).not.toMatch(/(id|value)-of-the-key/);
      }
    });

    test("a refusal that is lost with the connection is found out", async () => {
      server.fault("PutObject", resetAfter(1), { times: 99 });
      server.fault("ListObjectsV2", refuse(403, "InvalidAccessKeyId"), { times: 99 });
      await expect(open().put("objects/x", patternSource(900_000))).rejects.toMatchObject({
        code: "store-credentials",
      });
      expect(times("PutObject")).toBe(1);
    });

    test("a wrong tag is damage", async () => {
      server.fault("PutObject", wrongTag, { times: 99 });
      await expect(open({ retries: 2 }).put("objects/x", bytesOf("content"))).rejects.toMatchObject({
        code: "store-damaged",
      });
      expect(times("PutObject")).toBe(3);
    });

    test("a clock that is off is corrected by the server's, once", async () => {
      const skewed = refuse(403, "RequestTimeTooSkewed", { date: new Date(Date.now() - 3_600_000).toUTCString() });
      server.fault("PutObject", skewed);
      const store = open();
      const first: string[] = [];
      server.fault("PutObject", async ({ request, proceed }) => {
        first.push(String(request.headers["x-amz-date"]));
        await proceed();
      });
      await store.put("objects/x", bytesOf("content"));
      const [, year, month, day, hour, minute] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)/.exec(first[0] ?? "") ?? [];
      const signed = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:00Z`);
      expect(Math.abs(Date.now() - 3_600_000 - signed)).toBeLessThan(120_000);
      server.fault("PutObject", skewed, { times: 99 });
      await expect(store.put("objects/y", bytesOf("content"))).rejects.toMatchObject({ code: "store-clock" });
      expect(times("PutObject")).toBe(4);
      expect(Math.round((store.clockSkew() ?? 0) / 60_000)).toBe(-60);
    });
  });

  describe("storing in parts", () => {
    const size = 5 * mebibyte + 1_000;

    test.each<[string, Behaviour]>([
      ["CreateMultipartUpload", refuse(503, "SlowDown")],
      ["UploadPart", refuse(500, "InternalError")],
      ["UploadPart", resetAfter(300_000)],
      ["UploadPart", silence],
      ["UploadPart", loseAnswer],
      ["UploadPart", wrongTag],
      ["CompleteMultipartUpload", refuse(500, "InternalError")],
      ["CompleteMultipartUpload", refuse(200, "InternalError")],
      ["CompleteMultipartUpload", ({ response }) => void response.writeHead(200).end()],
      ["CompleteMultipartUpload", loseAnswer],
      ["HeadObject", refuse(503, "")],
    ])("%s that fails twice is tried again", async (operation, behaviour) => {
      server.fault(operation, behaviour, { times: 2 });
      const source = patternSource(size);
      const arrived: number[] = [];
      const done = await open(behaviour === silence ? impatient : {}).put("objects/x", source, {
        onProgress: (bytes) => void arrived.push(bytes),
      });
      expect(done).toEqual({ bytes: size, sha256: await sourceHash(source) });
      expect(sha256(whole() ?? Buffer.alloc(0))).toBe(done.sha256);
      expect(arrived).toEqual([...arrived].sort((a, b) => a - b));
      expect(arrived.at(-1)).toBe(size);
      expect([server.uploads.size, readdirSync(stateFolder)]).toEqual([0, []]);
      expect(times(operation)).toBe((operation === "UploadPart" ? 6 : 1) + 2);
    });

    test("an error in an answer that says 200 is an error", async () => {
      server.fault("CompleteMultipartUpload", refuse(200, "InternalError"), { times: 99 });
      await expect(open().put("objects/x", patternSource(size))).rejects.toMatchObject({ code: "store-unreachable" });
      expect(whole()).toBeUndefined();
    });

    test("what arrives damaged is taken away again", async () => {
      server.fault("CompleteMultipartUpload", async ({ proceed }) => {
        await proceed();
        const stored = server.objects.get("prod/objects/x");
        if (stored) stored.bytes = stored.bytes.subarray(1);
      });
      await expect(open().put("objects/x", patternSource(size))).rejects.toMatchObject({ code: "store-damaged" });
      expect(whole()).toBeUndefined();
    });

    test("an object put together of other parts is damaged", async () => {
      server.fault("CompleteMultipartUpload", async ({ proceed }) => {
        await proceed();
        const stored = server.objects.get("prod/objects/x");
        if (stored) stored.tag = `${"a".repeat(32)}-6`;
      });
      await expect(open().put("objects/x", patternSource(size))).rejects.toMatchObject({ code: "store-damaged" });
    });

    test("the next put sends only what is missing", async () => {
      const source = patternSource(size);
      server.fault("UploadPart", refuse(403, "AccessDenied"), { after: 4 });
      await expect(open().put("objects/x", source)).rejects.toMatchObject({ code: "store-refused" });
      expect(whole()).toBeUndefined();
      const there = [...server.uploads.values()].flatMap(({ parts }) => [...parts.keys()]).length;
      expect(there).toBeGreaterThanOrEqual(1);
      for (const name of readdirSync(stateFolder)) expect(statSync(join(stateFolder, name)).mode & 0o777).toBe(0o600);
      const before = times("UploadPart");
      const done = await open().put("objects/x", source);
      expect(times("UploadPart") - before).toBe(6 - there);
      expect(times("CreateMultipartUpload")).toBe(1);
      expect(sha256(whole() ?? Buffer.alloc(0))).toBe(done.sha256);
    });

    test("of another content nothing is kept", async () => {
      server.fault("UploadPart", refuse(403, "AccessDenied"), { after: 4 });
      await expect(open().put("objects/x", patternSource(size, 1))).rejects.toThrow();
      const other = patternSource(size, 2);
      const done = await open().put("objects/x", other);
      expect(done.sha256).toBe(await sourceHash(other));
      expect(sha256(whole() ?? Buffer.alloc(0))).toBe(done.sha256);
    });

    test("an upload that the server forgot, or of another size, is begun anew", async () => {
      server.fault("UploadPart", refuse(403, "AccessDenied"), { after: 2 });
      await expect(open().put("objects/x", patternSource(size))).rejects.toThrow();
      server.uploads.clear();
      await open().put("objects/x", patternSource(size));
      expect(times("CreateMultipartUpload")).toBe(2);
      server.fault("UploadPart", refuse(403, "AccessDenied"), { after: 2 });
      await expect(open().put("objects/y", patternSource(size))).rejects.toThrow();
      await open().put("objects/y", patternSource(size + mebibyte));
      expect(server.uploads.size).toBe(0);
      expect(server.objects.get("prod/objects/y")?.bytes.length).toBe(size + mebibyte);
    });

    test("sweeping gives up old uploads below our own prefix, and no others", async () => {
      const begun = (key: string, age: number) =>
        server.uploads.set(key, { key, initiated: new Date(Date.now() - age), parts: new Map() });
      begun("prod/objects/old", 90_000_000);
      begun("prod/objects/new", 1_000);
      begun("prod-old/objects/old", 90_000_000);
      begun("prod/foreign/old", 90_000_000);
      expect(await open().sweep(86_400_000)).toBe(1);
      expect([...server.uploads.keys()]).toEqual(["prod/objects/new", "prod-old/objects/old", "prod/foreign/old"]);
    });
  });

  describe("reading", () => {
    const bytes = Buffer.alloc(2 * mebibyte, "0123456789abc");
    beforeEach(() => {
      server.objects.set("prod/objects/x", { bytes, tag: "t1", metadata: {}, modifiedAt: new Date() });
    });

    test.each([
      ["cut short", cutShort(700_000)],
      ["cut before the first byte", cutShort(0)],
      ["silence before the answer", silence],
      ["500", refuse(500, "InternalError")],
    ] as const)("%s: it goes on where it broke", async (_, behaviour) => {
      server.fault("GetObject", behaviour, { times: 2 });
      const read = await content(open(behaviour === silence ? impatient : {}), "objects/x");
      expect(read.equals(bytes)).toBe(true);
      expect(times("GetObject")).toBe(3);
    });

    test("a stream that stands still is taken up again", async () => {
      server.fault("GetObject", drip(100_000, 100_000));
      expect((await content(open(impatient), "objects/x")).equals(bytes)).toBe(true);
    });

    test("a drip is not waited for without end", async () => {
      server.fault("GetObject", drip(1, 20));
      const store = open({ timeLimits: { connect: 5_000, idle: 5_000, request: 200 } });
      expect((await content(store, "objects/x")).equals(bytes)).toBe(true);
      expect(times("GetObject")).toBe(2);
    });

    test("a range is taken up again inside the range", async () => {
      server.fault("GetObject", cutShort(1_000));
      const read = await content(open(), "objects/x", { offset: 500, length: 1_500_000 });
      expect(read.equals(bytes.subarray(500, 1_500_500))).toBe(true);
    });

    test("a connection that always ends early is an error, never a shorter object", async () => {
      server.fault("GetObject", cutShort(1_000), { times: 99 });
      await expect(content(open(), "objects/x")).rejects.toMatchObject({ code: "store-unreachable" });
      expect(times("GetObject")).toBeLessThanOrEqual(11);
    });

    test("an object that was replaced meanwhile is an error, never a mixture", async () => {
      server.fault("GetObject", async (exchange) => {
        await cutShort(1_000)(exchange);
        server.objects.set("prod/objects/x", {
          bytes: Buffer.alloc(bytes.length),
          tag: "t2",
          metadata: {},
          modifiedAt: new Date(),
        });
      });
      await expect(content(open(), "objects/x")).rejects.toMatchObject({ code: "store-damaged" });
    });

    test("a server that does not know ranges is found out", async () => {
      server.fault(
        "GetObject",
        ({ response }) => void response.writeHead(200, { "content-length": bytes.length }).end(bytes),
        { times: 99 },
      );
      await expect(content(open(), "objects/x", { offset: 5, length: 10 })).rejects.toMatchObject({
        code: "store-damaged",
      });
    });

    test("called off in the middle, it ends with the caller's reason", async () => {
      server.fault("GetObject", drip(1_000, 5));
      const stop = new AbortController();
      const stream = await open().get("objects/x", undefined, stop.signal);
      const read = (async () => {
        for await (const _ of stream) stop.abort(new Error("Ctrl-C"));
      })();
      await expect(read).rejects.toThrow("Ctrl-C");
    });
  });

  describe("listing and removing", () => {
    beforeEach(() => {
      for (const name of ["a", "b", "c", "d", "e"]) {
        server.objects.set(`prod/objects/${name}`, {
          bytes: Buffer.from(name),
          tag: name,
          metadata: {},
          modifiedAt: new Date(),
        });
      }
    });

    test("a page that fails is asked for again", async () => {
      server.fault("ListObjectsV2", refuse(503, "SlowDown"), { after: 1, times: 2 });
      expect(await keys(open(), "objects/")).toEqual(["objects/a", "objects/b", "objects/c", "objects/d", "objects/e"]);
    });

    test("a list that breaks off is an error, never a shorter list", async () => {
      server.fault(
        "ListObjectsV2",
        ({ response }) => void response.end("<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"),
      );
      await expect(keys(open(), "objects/")).rejects.toMatchObject({ code: "store-failed" });
      server.fault("ListObjectsV2", ({ response }) => void response.end("<html>Welcome to the hotel's network"), {
        times: 99,
      });
      await expect(keys(open(), "objects/")).rejects.toThrow(
        "cannot list prod/objects/: what answers there is no S3 server (200)",
      );
    });

    test.each([
      ["AccessDenied", refuse(403, "AccessDenied"), "refused"],
      ["MethodNotAllowed", refuse(405, "MethodNotAllowed"), "refused"],
    ] as const)("%s is no error: the removal is refused", async (_, behaviour, outcome) => {
      server.fault("DeleteObject", behaviour);
      expect(await open().remove("objects/a")).toBe(outcome);
      expect(server.objects.has("prod/objects/a")).toBe(true);
    });

    test("what a lock holds is not removed, and not hidden either", async () => {
      const until = new Date(Date.now() + 86_400_000).toISOString();
      server.fault("HeadObject", async ({ response, proceed }) => {
        response.setHeader("x-amz-object-lock-mode", "COMPLIANCE");
        response.setHeader("x-amz-object-lock-retain-until-date", until);
        await proceed();
      });
      expect(await open().remove("objects/a")).toBe("refused");
      expect(times("DeleteObject")).toBe(0);
    });

    test("a server that is out of order is an error, no refusal", async () => {
      server.fault("DeleteObject", refuse(500, "InternalError"), { times: 99 });
      await expect(open().remove("objects/a")).rejects.toMatchObject({ code: "store-unreachable" });
    });
  });

  test("a probe tells what it found, and rejects for none of it", async () => {
    server.fault("DeleteObject", refuse(403, "AccessDenied"));
    const adding = await open().probe();
    expect(adding.appendOnly).toBe(true);
    expect(adding.checks.filter(({ ok }) => !ok)).toEqual([]);
    server.fault("ListObjectsV2", refuse(403, "AccessDenied"));
    const blind = await open().probe();
    expect(blind.checks.map(({ name, ok }) => `${name} ${ok}`)).toEqual(["connect false"]);
    server.fault("PutObject", refuse(403, "RequestTimeTooSkewed", { date: "Mon, 01 Jan 2024 00:00:00 GMT" }), {
      times: 99,
    });
    const early = await open().probe();
    expect(early.checks.at(-1)).toMatchObject({ name: "write", ok: false });
    expect(early.checks.at(-1)?.detail).toContain("clocks");
    await server.close();
    expect((await open().probe()).checks).toMatchObject([{ name: "connect", ok: false }]);
  });

  test("the upload keeps to its bandwidth, over all parts together", async () => {
    let now = 0;
    const slept: number[] = [];
    const slow: Clock = {
      now: () => now,
      async sleep(milliseconds) {
        slept.push(milliseconds);
        now += milliseconds;
      },
    };
    await open({ clock: slow, bandwidth: mebibyte }).put("objects/x", patternSource(4 * mebibyte));
    expect(now).toBeGreaterThan(3_700);
    expect(now).toBeLessThan(4_100);
    expect(Math.max(...slept)).toBeLessThan(1_000);
  });
});

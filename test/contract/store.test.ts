import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { bytesOf, openFile } from "../../src/snapshots/byte-source.ts";
import { localStore } from "../../src/snapshots/local-store.ts";
import { makeIdentity } from "../../src/snapshots/recipients.ts";
import { type S3StoreOptions, s3Store } from "../../src/snapshots/s3-store.ts";
import { ageSealer } from "../../src/snapshots/seal.ts";
import { readText } from "../../src/snapshots/store.ts";
import { describeWithDocker } from "../support/docker.ts";
import { memoryStore } from "../support/memory-store.ts";
import { startS3Proxy } from "../support/s3-proxy.ts";
import { type S3Server, silo, startMinio, startVersitygw, versitygw } from "../support/s3-servers.ts";
import { content, keys, patternSource, sha256, storeSuite } from "./store-suite.ts";

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "store-"));
  folders.push(folder);
  return folder;
}

storeSuite("memory", async () => ({ store: memoryStore(), sizes: [1_048_576] }));

storeSuite("folder", async () => ({
  store: localStore(temporaryFolder()),
  sizes: [1_048_575, 1_048_576, 1_048_577, 5_000_000],
}));

const part = 5 * 1024 ** 2;
const uploadChild = join(import.meta.dirname, "..", "support", "upload-child.ts");

await describeWithDocker("MinIO", [silo], () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startMinio();
  });
  afterAll(() => server?.stop());
  storeSuite("the suite", async () => ({
    store: s3Store({ ...(await server.bucket("suite")), partSize: part }),
    sizes: [part - 1, part, part + 1, 3 * part, 6 * part + 12_345],
  }));
});

/** What real servers do beyond the suite: locks, versions, credentials that may only add, uploads that are killed. */
await describeWithDocker("MinIO as it is used", [silo], () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startMinio();
  });
  afterAll(() => server?.stop());

  test("a bucket that locks what is stored takes everything and lets nothing go", async () => {
    const options = await server.bucket("locked", { objectLock: true });
    server.run("mc", "retention", "set", "--default", "COMPLIANCE", "1d", "own/locked");
    const store = s3Store({ ...options, partSize: part });
    await store.put("objects/small", bytesOf("small"));
    await store.put("objects/large", patternSource(2 * part));
    expect(await store.remove("objects/small")).toBe("refused");
    expect(await store.remove("objects/large")).toBe("refused");
    expect(await keys(store, "")).toEqual(["objects/large", "objects/small"]);
    const report = await store.probe();
    expect(report.checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(report).toMatchObject({ objectLock: true, appendOnly: false });
    expect(report.checks.find(({ name }) => name === "object lock")?.detail).toContain("locked for 1 d (compliance)");
  });

  test("credentials that may only add store, read and list, and are told apart", async () => {
    const options = await server.bucket("adding");
    const actions = ["s3:PutObject", "s3:GetObject", "s3:ListBucket", "s3:ListMultipartUploadParts"];
    const resources = ["arn:aws:s3:::adding", "arn:aws:s3:::adding/*"];
    const policy = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: actions, Resource: resources }] };
    server.run("sh", "-c", `echo '${JSON.stringify(policy)}' > /tmp/adder.json`);
    server.run("mc", "admin", "policy", "create", "own", "adder", "/tmp/adder.json");
    server.run("mc", "admin", "user", "add", "own", "adder-key", "adder-secret");
    server.run("mc", "admin", "policy", "attach", "own", "adder", "--user", "adder-key");
    const credentials = async () => ({ accessKeyId: "adder-key", secretAccessKey: "adder-secret" });
    const store = s3Store({ ...options, credentials, partSize: part });
    await store.put("objects/small", bytesOf("small"));
    await store.put("objects/large", patternSource(2 * part));
    expect(await readText(store, "objects/small")).toBe("small");
    expect(await keys(store, "")).toEqual(["objects/large", "objects/small"]);
    expect(await store.remove("objects/small")).toBe("refused");
    expect(await store.remove("objects/none")).toBe("absent");
    const report = await store.probe();
    expect(report).toMatchObject({ appendOnly: true, objectLock: false });
    expect(report.checks.filter(({ ok }) => !ok)).toEqual([]);
  });

  test("wrong keys and wrong names are said in words", async () => {
    const options = await server.bucket("words");
    const put = (more: Partial<S3StoreOptions>, source = bytesOf("x")) =>
      s3Store({ ...options, ...more }).put("objects/x", source);
    const wrongSecret = async () => ({ accessKeyId: server.accessKeyId, secretAccessKey: "not-the-secret" });
    const code = (wanted: string) => expect.objectContaining({ code: wanted });
    await expect(put({ credentials: wrongSecret })).rejects.toEqual(code("store-credentials"));
    // Refused while the body is on the way: the connection may be gone before the answer is read.
    await expect(put({ credentials: wrongSecret }, patternSource(8_000_000))).rejects.toEqual(
      code("store-credentials"),
    );
    await expect(put({ credentials: wrongSecret }, patternSource(20_000_000))).rejects.toEqual(
      code("store-credentials"),
    );
    await expect(put({ bucket: "nobody-made-it" })).rejects.toEqual(code("store-bucket"));
    await expect(put({ endpoint: options.endpoint?.replace("http:", "https:") ?? "" })).rejects.toEqual(
      code("store-certificate"),
    );
    await expect(put({ endpoint: "http://127.0.0.1:9", retries: 0 })).rejects.toEqual(code("store-unreachable"));
    await expect(s3Store({ ...options, credentials: wrongSecret }).head("objects/x")).rejects.toMatchObject({
      exit: "backupFailed",
    });
  });

  test("an upload whose program is killed goes on; parts that are there are not sent again", async () => {
    const options = await server.bucket("killed");
    const proxy = await startS3Proxy(options.endpoint ?? "");
    onTestFinished(() => proxy.close());
    const folder = temporaryFolder();
    const file = join(folder, "file");
    const bytes = randomBytes(8 * part + 1_234);
    writeFileSync(file, bytes);
    const here = { ...options, endpoint: proxy.endpoint, stateFolder: folder, partSize: part };
    const notes = () => readdirSync(folder).filter((name) => name.endsWith(".jsonl"));
    const noted = () =>
      notes().flatMap((name) => readFileSync(join(folder, name), "utf8").trim().split("\n")).length - 1;

    proxy.allowed = 3;
    const child = spawn(process.execPath, ["--import", "tsx", uploadChild], { stdio: ["pipe", "inherit", "inherit"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    child.stdin.end(JSON.stringify({ ...here, key: "objects/x", file, credentials: await options.credentials() }));
    await expect.poll(noted, { timeout: 60_000, interval: 20 }).toBe(3);
    const ended = once(child, "close");
    child.kill("SIGKILL");
    await ended;

    const store = s3Store(here);
    expect(await store.head("objects/x")).toBeUndefined();
    expect(await keys(store, "")).toEqual([]);
    const before = [...proxy.taken];
    proxy.allowed = Number.POSITIVE_INFINITY;
    const arrived: number[] = [];
    const source = await openFile(file);
    onTestFinished(() => source.close());
    const done = await store.put("objects/x", source, { onProgress: (sum) => void arrived.push(sum) });
    expect([...before, ...proxy.taken.slice(3)].sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(arrived.at(-1)).toBe(bytes.length);
    expect(done).toEqual({ bytes: bytes.length, sha256: sha256(bytes) });
    expect(sha256(await content(store, "objects/x"))).toBe(done.sha256);
    expect(notes()).toEqual([]);
  });

  test("a large file, sealed on the way, passes through little memory", async () => {
    const path = join(temporaryFolder(), "large");
    writeFileSync(path, "");
    truncateSync(path, 160 * 1024 ** 2);
    const source = await ageSealer([(await makeIdentity()).recipient]).seal(path);
    onTestFinished(() => source.close());
    const options = await server.bucket("large");
    const buffers = () => process.memoryUsage().arrayBuffers;
    const before = buffers();
    let most = before;
    await s3Store(options).put("objects/x", source, {
      onProgress: () => {
        most = Math.max(most, buffers());
      },
    });
    // Four parts on the way and one that is hashed: a piece each, and what is read ahead from the disk for it.
    expect(most - before).toBeLessThan(12 * 1024 ** 2);
  });

  test("sweeping gives up what a killed upload left, with its memory", async () => {
    const options = await server.bucket("swept");
    const proxy = await startS3Proxy(options.endpoint ?? "");
    onTestFinished(() => proxy.close());
    const stateFolder = temporaryFolder();
    proxy.allowed = 1;
    const store = s3Store({ ...options, endpoint: proxy.endpoint, stateFolder, partSize: part, retries: 0 });
    const stop = new AbortController();
    const put = store.put("objects/x", patternSource(3 * part), {
      signal: stop.signal,
      onProgress: () => stop.abort(new Error("Ctrl-C")),
    });
    await expect(put).rejects.toThrow("Ctrl-C");
    expect(readdirSync(stateFolder)).toHaveLength(1);
    const elsewhere = s3Store({ ...options, prefix: "prod-old", stateFolder });
    expect(await elsewhere.sweep(0)).toBe(0);
    expect(await store.sweep(3_600_000)).toBe(0);
    // The server's clock says whole seconds, and may be a little ahead.
    expect(await store.sweep(-5_000)).toBe(1);
    expect(readdirSync(stateFolder)).toEqual([]);
    expect(server.run("mc", "ls", "--incomplete", "-r", "own/swept")).toBe("");
  });
});

await describeWithDocker("versitygw", [versitygw], () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startVersitygw();
  });
  afterAll(() => server?.stop());
  storeSuite("the suite", async () => ({
    store: s3Store({ ...(await server.bucket("suite")), partSize: part }),
    sizes: [part, part + 1, 3 * part],
  }));
});

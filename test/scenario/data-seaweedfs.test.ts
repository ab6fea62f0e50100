import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListBucketsCommand,
  ListObjectVersionsCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { component as seaweedfs } from "../../src/components/seaweedfs/index.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { handbook } from "../../src/generator/handbook.ts";
import { objectStoreKind } from "../../src/operations/backup/kind-object-store.ts";
import type { Context } from "../../src/operations/context.ts";
import type { DataSourceOf } from "../../src/stack/data-source.ts";
import type { InspectionAnswer } from "../../src/stack/model.ts";
import { run } from "../../src/support/process.ts";
import { contextFor, oneOffs, removeOneOffs, sourceOf } from "../support/backup-jobs.ts";
import { catalogue } from "../support/catalogue.ts";
import { describeWithDocker, smallImage } from "../support/docker.ts";
import { contentOf, loadingObjects, serverOnVolume, snapshotObjects } from "../support/object-jobs.ts";
import { toolboxImage } from "../support/volume-content.ts";
import { client, type DataStack, dataStack, hardened, hardeningOf, uniqueName } from "./data-stack.ts";
import { giveBack, takeRoom, withSmallDisks } from "./small-disk.ts";

const image = "chrislusf/seaweedfs:4.44";

await describeWithDocker("seaweedfs", [image, smallImage, toolboxImage], (engine: Engine) => {
  let stack: DataStack;
  let context: Context;
  let source: DataSourceOf<"object-store">;
  let admin: S3Client;
  const clientOf = (address: string, accessKeyId: string, secretAccessKey: string) =>
    new S3Client({
      region: "us-east-1",
      endpoint: `http://${address}:8333`,
      forcePathStyle: true,
      maxAttempts: 1,
      requestChecksumCalculation: "WHEN_REQUIRED",
      credentials: { accessKeyId, secretAccessKey },
    });
  const adminAt = (address: string) =>
    clientOf(address, stack.secret("seaweedfs_admin_access_key"), stack.secret("seaweedfs_admin_secret_key"));
  const address = () => stack.address("seaweedfs", "seaweedfs");
  const put = (Key: string, Body: string | Buffer, more: Partial<PutObjectCommandInput> = {}) =>
    admin.send(new PutObjectCommand({ Bucket: "uploads", Key, Body, ...more }));
  /** A request as the app, with what the app was given. */
  const curl = (service: string, path: string, options = "", input?: string) =>
    stack.sh(
      service,
      `curl -sS -m 10 -w ' %{http_code}' --aws-sigv4 "aws:amz:$S3_REGION:s3" -u "$S3_ACCESS_KEY_ID:$S3_SECRET_ACCESS_KEY" ${options} "$S3_ENDPOINT/${path}"`,
      input,
    );
  const inspected = async (key: string) => {
    const { command = [] } = stack.model.inspections.find(({ component }) => component === key) ?? {};
    return JSON.parse((await stack.sh(key, command.join(" "))).stdout) as InspectionAnswer;
  };
  const refused = async (work: Promise<unknown>) =>
    work.then(
      () => "done",
      (error: Error) => error.name,
    );

  beforeAll(async () => {
    stack = await dataStack(
      `
name: ${uniqueName("data-seaweedfs")}
components:
${client("server", image, ["seaweedfs/uploads", "seaweedfs/avatars"], "1000:1000")}
${client("other", image, ["seaweedfs/private"], "1000:1000")}
${client("outsider", image, ["server"], "1000:1000").replace(", uses: [server]", "")}
${client("guest", image, ["small"], "1000:1000")}
  small: { type: seaweedfs, limits: { memory: 512m } }
  seaweedfs:
    buckets: [uploads, { name: avatars, public: true, versioning: true }, private]
    limits: { memory: 768m }
`,
      [seaweedfs as never],
    );
    // A volume of its own, of 256 MB, is made for each bucket.
    withSmallDisks(stack, "small", ["small-data"], 700);
    await stack.up();
    context = contextFor(stack, engine);
    source = sourceOf(stack.model, "object-store", "seaweedfs");
    admin = adminAt(await address());
  });
  afterAll(async () => {
    admin?.destroy();
    if (context !== undefined) await removeOneOffs(context);
    await stack?.remove();
  });

  test("an app reads what it wrote with the key that it is given", async () => {
    const known = await stack.sh("server", 'echo "$S3_BUCKET of $S3_BUCKETS at $S3_ENDPOINT"');
    expect(known.stdout.trim()).toBe("uploads of uploads,avatars at http://seaweedfs:8333");
    expect((await curl("server", "uploads/a.txt", "-T -", "hello")).stdout).toBe(" 200");
    expect((await curl("server", "uploads/a.txt")).stdout).toBe("hello 200");
  });

  test("runs hardened; what asks nobody for a password is reached from nowhere else", async () => {
    expect(await hardeningOf(stack, "seaweedfs")).toEqual(hardened("1000:1000"));
    expect(await hardeningOf(stack, "seaweedfs-setup")).toEqual(hardened("1000:1000"));
    const reach = (port: number) => stack.sh("server", `curl -s -m 3 -o /dev/null http://seaweedfs:${port}/; echo $?`);
    for (const port of [9333, 8888, 8080, 19333, 18888, 18080, 8181, 9101, 23646])
      expect((await reach(port)).stdout.trim(), String(port)).toBe("7");
    expect((await reach(8333)).stdout.trim()).toBe("0");
  });

  test("the port that makes administrators wants a certificate that nobody has", async () => {
    const open = (url: string, options = "") =>
      stack.sh("server", `curl -sS -m 5 -o /dev/null ${options} ${url}; echo $?`);
    const plain = await open("http://seaweedfs:18333/", "--http2-prior-knowledge");
    expect(plain.stdout.trim()).not.toBe("0");
    const bare = await open("https://seaweedfs:18333/", "-k --http2");
    expect(bare.stdout.trim()).not.toBe("0");
    expect(bare.stderr).toMatch(/certificate required|bad certificate|handshake/i);
  });

  test("an app cannot open what is another's, nor see that it is there", async () => {
    expect((await curl("other", "private/mine.txt", "-T -", "mine")).stdout).toBe(" 200");
    expect((await curl("server", "private/mine.txt")).stdout).toMatch(/AccessDenied.* 403$/s);
    expect((await curl("server", "private?list-type=2")).stdout).toMatch(/ 403$/);
    expect((await curl("server", "private/x", "-T -", "x")).stdout).toMatch(/ 403$/);
    expect((await curl("server", "private/mine.txt", "-X DELETE")).stdout).toMatch(/ 403$/);
    const seen = (await curl("server", "")).stdout;
    expect(seen).not.toContain("private");
    expect((await stack.sh("outsider", "curl -s -m 3 http://seaweedfs:8333/; echo $?")).stdout.trim()).not.toBe("0");
  });

  test("an app may administer nothing, and a wrong secret key opens nothing", async () => {
    const app = clientOf(await address(), "seaweedfs-server", stack.secret("seaweedfs_server"));
    const policy = JSON.stringify({ Version: "2012-10-17", Statement: [] });
    expect(await refused(app.send(new CreateBucketCommand({ Bucket: "mine" })))).toBe("AccessDenied");
    expect(await refused(app.send(new DeleteBucketCommand({ Bucket: "avatars" })))).toBe("AccessDenied");
    expect(await refused(app.send(new PutBucketPolicyCommand({ Bucket: "uploads", Policy: policy })))).toBe(
      "AccessDenied",
    );
    app.destroy();
    const wrong = clientOf(await address(), "seaweedfs-server", "wrong");
    expect(await refused(wrong.send(new GetObjectCommand({ Bucket: "uploads", Key: "a.txt" })))).toBe(
      "SignatureDoesNotMatch",
    );
    wrong.destroy();
  });

  test("only a public bucket is read without a key, and nothing is written", async () => {
    await curl("server", "avatars/me.txt", "-T -", "me");
    const anonymous = async (path: string, options = "") =>
      (await stack.sh("server", `curl -s -o /dev/null -w '%{http_code}' ${options} http://seaweedfs:8333/${path}`))
        .stdout;
    expect([
      await anonymous("avatars/me.txt"),
      await anonymous("uploads/a.txt"),
      await anonymous("avatars/me.txt", "-X DELETE"),
      await anonymous(""),
    ]).toEqual(["200", "403", "403", "403"]);
  });

  test("a versioned bucket keeps what was overwritten and deleted", async () => {
    await admin.send(new PutObjectCommand({ Bucket: "avatars", Key: "v.txt", Body: "one" }));
    await admin.send(new PutObjectCommand({ Bucket: "avatars", Key: "v.txt", Body: "second" }));
    await admin.send(new DeleteObjectCommand({ Bucket: "avatars", Key: "v.txt" }));
    const { Versions, DeleteMarkers } = await admin.send(
      new ListObjectVersionsCommand({ Bucket: "avatars", Prefix: "v" }),
    );
    expect([Versions?.length, DeleteMarkers?.length]).toEqual([2, 1]);
  });

  test("a backup brings every object back, with headers, tags and versions; the next one costs what is new", async () => {
    await put("plain.txt", "hello", {
      ContentType: "text/plain; charset=utf-8",
      CacheControl: "max-age=60",
      ContentDisposition: 'attachment; filename="a b.txt"',
      ContentLanguage: "de",
      Metadata: { owner: "ann", "some-thing": "a b=c" },
      Tagging: "class=a%20b&state=new",
    });
    for (const key of ["with space.txt", "plus+plus & more=?#%25.txt", "ünï/çødé/日本.bin", "deep/er/file"])
      await put(key, `content of ${key}`);
    await put("empty.bin", "");
    await put("big.bin", randomBytes(11 * 1024 ** 2));
    const before = await contentOf(admin, "uploads");
    const first = await snapshotObjects(context, source);
    expect(first.produced.warnings).toEqual([]);
    await put("new.txt", "new");
    const second = await snapshotObjects(context, source);
    expect(second.produced.facts).toMatchObject({ fetched: { objects: 1, bytes: 3 } });
    const job = loadingObjects(context, source, first);
    const { volumes, checks } = await objectStoreKind.load(job);
    expect(checks.map(({ ok, detail }) => (ok ? "ok" : detail))).toEqual(["ok", "ok"]);
    const [restored = ""] = volumes.map((volume) => volume.restored);
    await serverOnVolume(context, source, restored, async (at) => {
      const there = adminAt(at);
      expect(await contentOf(there, "uploads")).toEqual(before);
      const { Versions, DeleteMarkers } = await there.send(
        new ListObjectVersionsCommand({ Bucket: "avatars", Prefix: "v" }),
      );
      expect([Versions?.map(({ Size }) => Size), DeleteMarkers?.length]).toEqual([[6, 3], 1]);
      const anonymous = await fetch(`http://${at}:8333/avatars/me.txt`);
      expect(await anonymous.text()).toBe("me");
      there.destroy();
    });
    await engine.removeVolume(restored);
    rmSync(job.shared, { recursive: true });
    expect(await oneOffs(context)).toEqual([]);
  });

  test("the runbook's lines, with ordinary tools, bring back what the newest snapshot holds", async () => {
    const before = await contentOf(admin, "uploads", { tags: false });
    const runbook = handbook(stack.model, catalogue.templates).find(({ path }) => path === "RUNBOOK.md")?.content ?? "";
    const [, section = ""] = runbook.split("\n#### The server seaweedfs\n");
    const [, lines = ""] = /```sh\n([\s\S]*?)```/.exec(section) ?? [];
    expect(lines).toContain("docker volume create");
    const store = `STORE=${join(stack.directory, "backups")}`;
    const done = await run(["bash", "-c", `set -euo pipefail\n${store}\n${lines}`], { cwd: stack.directory });
    expect(done.code, done.stdout + done.stderr).toBe(0);
    const restored = `${stack.model.name}_seaweedfs-data-new`;
    await serverOnVolume(context, source, restored, async (at) => {
      const there = adminAt(at);
      expect(await contentOf(there, "uploads", { tags: false })).toEqual(before);
      there.destroy();
    });
    await engine.removeVolume(restored);
  });

  test("on a full disk uploads are refused, status says so, and with room again nothing that was confirmed is lost", async () => {
    expect(await inspected("small")).toMatchObject({
      facts: { free: expect.stringMatching(/ of 700 MB$/) },
      problems: [],
    });
    const upload = (key: string) =>
      curl("guest", `guest/${key}`, "-T -", `${key} ${"x".repeat(500_000)}`).then(({ stdout }) => stdout.slice(-3));
    expect(await upload("first")).toBe("200");
    await takeRoom(stack, "small-data");
    await vi.waitUntil(async () => (await upload("full")) === "500", { timeout: 60_000, interval: 500 });
    expect((await curl("guest", "guest/full-2", "-T -", "x".repeat(500_000))).stdout).toContain("InternalError");
    expect(await inspected("small")).toMatchObject({
      facts: { free: "0 MB of 700 MB" },
      problems: [{ message: "small takes no uploads: 0 MB of its disk are free", hint: "df -h" }],
    });
    expect((await curl("guest", "guest/first")).stdout).toMatch(/^first x{500000} 200$/);
    await giveBack(stack, "small-data");
    await vi.waitUntil(async () => (await upload("room")) === "200", { timeout: 90_000, interval: 500 });
    for (const key of ["first", "room"])
      expect((await curl("guest", `guest/${key}`)).stdout).toMatch(new RegExp(`^${key} x{500000} 200$`));
    expect((await inspected("small")).problems).toEqual([]);
  });

  test("status is told how much room there is, and when a part of the server does not answer", async () => {
    const { facts, problems } = await inspected("seaweedfs");
    expect(Object.keys(facts)).toEqual(["free", "volumes", "volumes to come"]);
    expect(Number(facts.volumes)).toBeGreaterThan(1);
    expect(problems).toEqual([]);
    const script = (await stack.sh("seaweedfs", "cat /etc/seaweedfs/inspect.sh")).stdout;
    const silent = async (port: string) => {
      const { stdout } = await stack.sh("seaweedfs", "sh -s", script.replaceAll(port, "8339/"));
      return (JSON.parse(stdout) as InspectionAnswer).problems?.map(({ message }) => message);
    };
    expect(await silent("8080/")).toEqual(["the part of seaweedfs that holds the objects does not answer"]);
    expect(await silent("9333/")).toEqual(["the master of seaweedfs does not answer: nothing can be written"]);
  });

  test("a restart keeps everything; set-up a second time changes nothing", async () => {
    expect((await stack.compose("down")).code).toBe(0);
    await stack.up();
    admin.destroy();
    admin = adminAt(await address());
    expect((await curl("server", "uploads/a.txt")).stdout).toBe("hello 200");
    const { Buckets } = await admin.send(new ListBucketsCommand({}));
    expect(Buckets?.map(({ Name }) => Name).sort()).toEqual(["avatars", "private", "uploads"]);
  });

  test("a secret key that was changed is asked for by name, and counts after a restart", async () => {
    await stack.rotate("seaweedfs_server", "it's a \\new: p@ss/word%\"");
    const early = await stack.compose("run", "--rm", "-T", "--no-deps", "seaweedfs-setup");
    expect(early.code).toBe(1);
    expect(early.stderr).toContain("docker compose restart seaweedfs");
    expect((await stack.compose("restart", "seaweedfs")).code).toBe(0);
    await stack.up();
    await vi.waitUntil(async () => (await curl("server", "uploads/a.txt")).stdout === "hello 200", {
      timeout: 30_000,
      interval: 500,
    });
    const good = stack.secret("seaweedfs_other");
    stack.writeSecret("seaweedfs_other", "\n");
    const empty = await stack.compose("run", "--rm", "-T", "--no-deps", "seaweedfs-setup");
    stack.writeSecret("seaweedfs_other", `${good}\n`);
    expect(empty.code).not.toBe(0);
    expect(empty.stderr).toContain("seaweedfs_other is missing or empty");
  });

  test("no secret stands in inspect, logs or process lists", async () => {
    const text = await stack.readable(["seaweedfs", "seaweedfs-setup"]);
    expect(text).toContain("seaweedfs-server");
    for (const value of stack.secretValues()) expect(text.includes(value)).toBe(false);
  });

  test("the health check fails where nothing listens; the shell of the server answers", async () => {
    const check = stack.model.services.find(({ name }) => name === "seaweedfs")?.healthcheck?.test.slice(1) ?? [];
    expect((await stack.sh("seaweedfs", check.join(" "))).code).toBe(0);
    for (const port of ["8333", "8080", "9333"])
      expect((await stack.sh("seaweedfs", check.join(" ").replace(port, "8339"))).code).not.toBe(0);
    const shell = stack.model.shortcuts.find(({ component }) => component === "seaweedfs")?.command.join(" ");
    const listed = await stack.sh("seaweedfs", `echo s3.bucket.list | ${shell}`);
    expect(listed.stdout).toContain("uploads");
  });

  test("its metrics are those that rules and dashboard ask for", async () => {
    const text = await (await fetch(`http://${await address()}:9327/metrics`)).text();
    for (const metric of [
      'volumeServer_resource{name="/data",type="all"}',
      'volumeServer_resource{name="/data",type="used"}',
      'volumeServer_read_only_volumes{collection="uploads",type="noWriteOrDelete"}',
      'volumeServer_read_only_volumes{collection="uploads",type="isDiskSpaceLow"}',
      "volumeServer_start_time_seconds",
    ])
      expect(text).toContain(`SeaweedFS_${metric} `);
    expect(text).toMatch(/^SeaweedFS_s3_request_total\{bucket="uploads",code="200",type="\w+"\} \d/m);
    expect(text).toMatch(/^SeaweedFS_s3_bucket_traffic_sent_bytes_total\{bucket="uploads"\}/m);
  });
});

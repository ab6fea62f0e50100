import { createHash, randomBytes } from "node:crypto";
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { component as garage } from "../../src/components/garage/index.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { runBackup } from "../../src/operations/backup/run.ts";
import type { Context } from "../../src/operations/context.ts";
import { runRestore } from "../../src/operations/restore/run.ts";
import { undoRestore } from "../../src/operations/restore/undo.ts";
import { run } from "../../src/support/process.ts";
import { contextFor, removeOneOffs } from "../support/backup-jobs.ts";
import { describeWithDocker, smallImage } from "../support/docker.ts";
import { toolboxImage } from "../support/volume-content.ts";
import { client, type DataStack, dataStack, hardened, hardeningOf, uniqueName } from "./data-stack.ts";
import { giveBack, takeRoom, withSmallDisks } from "./small-disk.ts";

const image = "dxflrs/garage:v2.4.1";
const version = "0.0.0";
const name = uniqueName("data-garage");

const stackYaml = (uses: string) => `
name: ${name}
components:
${client("server", smallImage, ["garage/uploads", "garage/avatars"], "1000:1000")}
${client("other", smallImage, uses.split(","), "1000:1000")}
${client("guest", smallImage, ["small"], "1000:1000")}
  garage: { buckets: [uploads, avatars, private] }
  small: { type: garage }
`;

await describeWithDocker("garage", [image, smallImage, toolboxImage], (engine: Engine) => {
  let stack: DataStack;
  let context: Context;
  const clients: S3Client[] = [];

  /** A client of S3 with what an app was given, at the address that the server has now; or with other keys. */
  const clientOf = async (app: string, change: { id?: string; key?: string } = {}) => {
    const { stdout } = await stack.sh(
      app,
      'printf "%s\\n" "$S3_ENDPOINT" "$S3_REGION" "$S3_ACCESS_KEY_ID" "$S3_SECRET_ACCESS_KEY"',
    );
    const [endpoint = "", region = "", accessKeyId = "", secretAccessKey = ""] = stdout.split("\n");
    const { hostname, port } = new URL(endpoint);
    const made = new S3Client({
      region,
      endpoint: `http://${await stack.address(hostname, hostname)}:${port}`,
      forcePathStyle: true,
      maxAttempts: 1,
      requestChecksumCalculation: "WHEN_REQUIRED",
      credentials: { accessKeyId: change.id ?? accessKeyId, secretAccessKey: change.key ?? secretAccessKey },
    });
    clients.push(made);
    return made;
  };
  const put = (s3: S3Client, Bucket: string, Key: string, Body: string | Buffer) =>
    s3.send(new PutObjectCommand({ Bucket, Key, Body, ContentType: "text/x-own", Metadata: { owner: "ann" } }));
  const get = async (s3: S3Client, Bucket: string, Key: string) => {
    const { Body, ContentType, Metadata } = await s3.send(new GetObjectCommand({ Bucket, Key }));
    return { bytes: Buffer.from((await Body?.transformToByteArray()) ?? []), ContentType, Metadata };
  };
  const text = async (s3: S3Client, bucket: string, key: string) => (await get(s3, bucket, key)).bytes.toString();
  const refused = (work: Promise<unknown>) =>
    work.then(
      () => "done",
      (error: Error) => error.name,
    );
  /** Every object of a bucket with all that there is of it. */
  const contentOf = async (s3: S3Client, Bucket: string) => {
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
    const found = Contents.map(async ({ Key = "", LastModified }) => {
      const { bytes, ...headers } = await get(s3, Bucket, Key);
      return { Key, LastModified, ...headers, sha256: createHash("sha256").update(bytes).digest("hex") };
    });
    return Promise.all(found);
  };
  const smallDisks = () => withSmallDisks(stack, "small-volume", ["small-data", "small-meta"], 32);
  const health = async (service: string) =>
    (await engine.observe(stack.model.name)).containers.find((container) => container.service === service)?.health;
  /** How many objects the server counts in a bucket. */
  const counted = async (bucket: string) => {
    const told = await stack.shortcut("garage", "json-api", "GetBucketInfo", JSON.stringify({ globalAlias: bucket }));
    return (JSON.parse(told.stdout) as { objects: number }).objects;
  };
  const setup = () => stack.compose("run", "--rm", "-T", "--no-deps", "garage-setup");

  beforeAll(async () => {
    stack = await dataStack(stackYaml("garage/private"), [garage as never]);
    smallDisks();
    await stack.up();
    context = contextFor(stack, engine);
  });
  afterAll(async () => {
    for (const made of clients) made.destroy();
    if (context !== undefined) await removeOneOffs(context);
    await stack?.remove();
  });

  test("an app reads what it wrote with the key that it is given", async () => {
    const known = await stack.sh("server", 'echo "$S3_BUCKET of $S3_BUCKETS at $S3_ENDPOINT in $S3_REGION"');
    expect(known.stdout.trim()).toBe("uploads of uploads,avatars at http://garage:3900 in garage");
    const app = await clientOf("server");
    await put(app, "uploads", "a.txt", "hello");
    expect(await get(app, "uploads", "a.txt")).toEqual({
      bytes: Buffer.from("hello"),
      ContentType: "text/x-own",
      Metadata: { owner: "ann" },
    });
  });

  test("runs hardened; a node's port is closed to others, and the administrator's wants a token", async () => {
    expect(await hardeningOf(stack, "garage")).toEqual(hardened("1000:1000"));
    expect(await hardeningOf(stack, "garage-setup")).toEqual(hardened("1000:1000"));
    expect(await hardeningOf(stack, "garage-metadata")).toEqual(hardened("1000:1000"));
    expect(await hardeningOf(stack, "garage-volume")).toEqual({ ...hardened("0:0"), CapAdd: ["CAP_CHOWN"] });
    const open = async (port: number) =>
      (await stack.sh("server", `nc -w 2 garage ${port} </dev/null >/dev/null 2>&1; echo $?`)).stdout.trim();
    expect([await open(3900), await open(3901), await open(3902)]).toEqual(["0", "1", "1"]);
    const admin = `http://${await stack.address("garage", "garage")}:3903`;
    const asked = async (path: string, token?: string) =>
      (await fetch(`${admin}${path}`, { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } }))
        .status;
    expect([await asked("/v2/ListKeys"), await asked("/metrics")]).toEqual([403, 403]);
    expect(await asked("/v2/ListKeys", stack.secret("garage_metrics_token"))).toBe(403);
    expect(await asked("/v2/ListKeys", stack.secret("garage_admin_token"))).toBe(200);
  });

  test("an app cannot open what is another's, nor see that it is there; a wrong secret key opens nothing", async () => {
    const [app, other] = [await clientOf("server"), await clientOf("other")];
    await put(other, "private", "mine.txt", "mine");
    expect(await refused(get(app, "private", "mine.txt"))).toBe("AccessDenied");
    expect(await refused(put(app, "private", "x", "x"))).toBe("AccessDenied");
    expect(await refused(app.send(new ListObjectsV2Command({ Bucket: "private" })))).toBe("AccessDenied");
    expect(await refused(app.send(new DeleteObjectCommand({ Bucket: "private", Key: "mine.txt" })))).toBe(
      "AccessDenied",
    );
    expect(await refused(app.send(new CreateBucketCommand({ Bucket: "mine" })))).toBe("AccessDenied");
    expect(await refused(app.send(new DeleteBucketCommand({ Bucket: "avatars" })))).toBe("AccessDenied");
    const { Buckets } = await app.send(new ListBucketsCommand({}));
    expect(Buckets?.map(({ Name }) => Name).sort()).toEqual(["avatars", "uploads"]);
    const wrong = await clientOf("server", { key: "0".repeat(64) });
    expect(await refused(get(wrong, "uploads", "a.txt"))).toBe("AccessDenied");
    const unknown = await clientOf("server", { id: "nobody-here" });
    expect(await refused(get(unknown, "uploads", "a.txt"))).toMatch(/AccessDenied|InvalidAccessKeyId|Forbidden/);
  });

  test("a backup while it serves brings every object back, byte by byte, with names, keys and rights; undo brings back what was", async () => {
    const app = await clientOf("server");
    for (const key of ["with space.txt", "plus+plus & more=?#%25.txt", "ünï/çødé/日本.bin", "deep/er/file"])
      await put(app, "uploads", key, `content of ${key}`);
    await put(app, "uploads", "empty.bin", "");
    await put(app, "uploads", "big.bin", randomBytes(11 * 1024 ** 2));
    const before = await contentOf(app, "uploads");
    expect((await runBackup(context, { only: ["garage"], version })).sources).toMatchObject([{ outcome: "ok" }]);
    await put(app, "uploads", "later.txt", "later");
    await app.send(new DeleteObjectCommand({ Bucket: "uploads", Key: "big.bin" }));

    await runRestore(context, { only: ["garage"], version });
    const again = await clientOf("server");
    expect(await contentOf(again, "uploads")).toEqual(before);
    expect(await counted("uploads")).toBe(before.length);
    expect(await text(await clientOf("other"), "private", "mine.txt")).toBe("mine");
    expect(await refused(get(again, "private", "mine.txt"))).toBe("AccessDenied");
    await put(again, "uploads", "new.txt", "new");

    // Stopped and started again with what it had.
    await undoRestore(context, { version });
    const undone = await clientOf("server");
    expect(await text(undone, "uploads", "later.txt")).toBe("later");
    expect(await refused(get(undone, "uploads", "big.bin"))).toBe("NoSuchKey");
  });

  test("damaged metadata are put aside by the runbook's lines, and the newest snapshot takes their place; set-up a second time changes nothing", async () => {
    expect((await stack.shortcut("garage", "meta", "snapshot")).code).toBe(0);
    const note = stack.model.notes?.find(({ title }) => title.startsWith("garage "))?.text ?? "";
    const lines = /```sh\n([\s\S]*?)```/.exec(note)?.[1]?.trim().split("\n") ?? [];
    expect(lines.at(-1)).toBe("./prod.sh start");
    for (const line of lines.slice(0, -1)) {
      const done = await run(["sh", "-c", line], { cwd: stack.directory });
      expect(done.code, done.stderr).toBe(0);
    }
    await stack.up();
    expect(await text(await clientOf("server"), "uploads", "a.txt")).toBe("hello");
    expect((await stack.compose("logs", "garage-metadata")).stdout).toContain(
      "garage had no metadata: took those of 20",
    );
    const again = await setup();
    expect([again.code, again.stdout.trim()]).toEqual([0, ""]);
  });

  test("a changed secret is a new key, and the one before opens nothing; what an app no longer uses is closed", async () => {
    const former = await clientOf("server");
    const secret = stack.secret("garage_server");
    await stack.rotate("garage_server", "it's-a-\\\\new:p@ss/word%\"");
    await stack.become(stackYaml("garage/avatars"));
    smallDisks();
    await stack.up();
    const app = await clientOf("server");
    expect(await text(app, "uploads", "a.txt")).toBe("hello");
    expect(await refused(get(former, "uploads", "a.txt"))).toBe("AccessDenied");
    const other = await clientOf("other");
    expect(await refused(get(other, "private", "mine.txt"))).toBe("AccessDenied");
    expect(await refused(get(other, "avatars", "nothing"))).toBe("NoSuchKey");
    await stack.rotate("garage_server", secret);
    await stack.up();
    expect(await text(former, "uploads", "a.txt")).toBe("hello");
    expect(await refused(get(app, "uploads", "a.txt"))).toBe("AccessDenied");

    stack.writeSecret("garage_server", "\n");
    const empty = await setup();
    stack.writeSecret("garage_server", `${secret}\n`);
    expect([empty.code, empty.stderr]).toEqual([1, expect.stringContaining("garage_server is missing or empty")]);
    const token = stack.secret("garage_admin_token");
    stack.writeSecret("garage_admin_token", "other\n");
    const early = await setup();
    stack.writeSecret("garage_admin_token", `${token}\n`);
    expect([early.code, early.stderr]).toEqual([1, expect.stringContaining("docker compose restart garage")]);
  });

  test("on a full disk it refuses uploads, keeps what it confirmed, and takes more when there is room again", async () => {
    let guest = await clientOf("guest");
    const confirmed = new Map<string, Buffer>();
    const upload = async (key: string) => {
      const body = randomBytes(900_000);
      await put(guest, "guest", key, body);
      confirmed.set(key, body);
    };
    await upload("first");
    await takeRoom(stack, "small-data", 3000);
    const answers: string[] = [];
    for (let count = 0; count < 8; count += 1) answers.push(await refused(upload(`full-${count}`)));
    expect(answers.slice(-3)).toEqual(Array(3).fill("ServiceUnavailable"));
    const log = async () => (await stack.compose("logs", "--no-color", "small")).stdout;
    expect(await log()).toMatch(/No space left on device/);
    for (const [key, body] of confirmed) expect((await get(guest, "guest", key)).bytes.equals(body), key).toBe(true);

    await giveBack(stack, "small-data");
    await takeRoom(stack, "small-meta");
    for (let count = 0; count < 3; count += 1) await refused(upload(`full-meta-${count}`));
    await giveBack(stack, "small-meta");
    await expect.poll(() => health("small"), { timeout: 60_000, interval: 250 }).toBe("healthy");
    guest = await clientOf("guest");
    await upload("room");
    for (const [key, body] of confirmed) expect((await get(guest, "guest", key)).bytes.equals(body), key).toBe(true);
  });

  test("no secret stands in inspect, logs or process lists", async () => {
    const readable = await stack.readable(["garage", "garage-setup", "garage-metadata", "garage-volume"]);
    expect(readable).toContain("garage-server");
    for (const value of stack.secretValues()) expect(readable.includes(value)).toBe(false);
  });

  test("its metrics are those that rules and dashboard ask for, and the health check fails where nothing listens", async () => {
    const app = await clientOf("server");
    await put(app, "uploads", "seen.bin", randomBytes(100_000));
    await get(app, "uploads", "seen.bin");
    expect(await refused(get(app, "private", "mine.txt"))).toBe("AccessDenied");
    const told = await fetch(`http://${await stack.address("garage", "garage")}:3903/metrics`, {
      headers: { authorization: `Bearer ${stack.secret("garage_metrics_token")}` },
    });
    const metrics = await told.text();
    for (const metric of [
      /^garage_local_disk_avail\{volume="data"\} \d/m,
      /^garage_local_disk_total\{volume="data"\} \d/m,
      /^block_resync_errored_blocks(\{\})? 0$/m,
      /^block_resync_queue_length(\{\})? \d/m,
      /^api_s3_request_counter\{api_endpoint="GetObject"\} \d/m,
      /^api_s3_error_counter\{api_endpoint="GetObject",status_code="403"\} \d/m,
      /^api_s3_request_duration_bucket\{api_endpoint="GetObject",le="0.1"\} \d/m,
      /^block_bytes_written(\{\})? \d/m,
      /^block_bytes_read(\{\})? \d/m,
      /^table_size\{table_name="object"\} \d/m,
    ])
      expect(metrics).toMatch(metric);
    const ask = (...more: string[]) => stack.compose("exec", "-T", ...more, "garage", "/garage", "health", "--quiet");
    expect((await ask()).code).toBe(0);
    expect((await ask("-e", "GARAGE_RPC_SECRET_FILE=/run/secrets/garage_admin_token")).code).not.toBe(0);
    expect((await stack.shortcut("garage", "bucket", "list")).stdout).toContain("uploads");
  });
});

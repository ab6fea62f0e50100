import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runVerify, type VerifyOptions } from "../../src/operations/backup/verify.ts";
import type { Context } from "../../src/operations/context.ts";
import type { StackModel } from "../../src/stack/model.ts";
import { contextFor } from "../support/backup-jobs.ts";
import { describeWithDocker, docker } from "../support/docker.ts";
import { appWithVolume, createFaultStack, type FaultStack, succeed } from "../support/faults.ts";
import { type S3Server, silo, startMinio } from "../support/s3-servers.ts";

const images = ["busybox:1.38.0", "postgres:18.6-trixie", "redis:8.2.9-bookworm", silo];

const components = `${appWithVolume}    uses: [postgres, redis, minio]
  postgres: { version: 18 }
  redis: { profile: durable }
  minio: { buckets: [files] }
`;

/** A store whose objects can be read and replaced past the program. */
interface Medium {
  name: string;
  keys(): Promise<string[]>;
  read(key: string): Promise<Buffer>;
  /** Other bytes under the same name, with everything else as it was. */
  replace(key: string, content: Buffer): Promise<void>;
}

function folderMedium(root: string): Medium {
  return {
    name: "local",
    keys: async () =>
      readdirSync(root, { recursive: true, encoding: "utf8" })
        .filter((name) => /^(snapshots|wal|objects)\//.test(name) && statSync(join(root, name)).isFile())
        .sort(),
    read: async (key) => readFileSync(join(root, key)),
    async replace(key, content) {
      // As a disk does it: with the time of before, to the nanosecond.
      const times = join(root, ".times");
      execFileSync("touch", ["-r", join(root, key), times]);
      writeFileSync(join(root, key), content);
      execFileSync("touch", ["-r", times, join(root, key)]);
      rmSync(times);
    },
  };
}

function bucketMedium(server: S3Server, prefix: string): Medium {
  const { endpoint, accessKeyId, secretAccessKey } = server;
  const credentials = { accessKeyId, secretAccessKey };
  const client = new S3Client({ endpoint, region: "us-east-1", forcePathStyle: true, credentials });
  const place = (key: string) => ({ Bucket: "backups", Key: `${prefix}/${key}` });
  return {
    name: "offsite",
    async keys() {
      const { Contents = [], IsTruncated } = await client.send(
        new ListObjectsV2Command({ Bucket: "backups", Prefix: `${prefix}/` }),
      );
      expect(IsTruncated).toBe(false);
      return Contents.map(({ Key = "" }) => Key.slice(prefix.length + 1)).sort();
    },
    async read(key) {
      const { Body } = await client.send(new GetObjectCommand(place(key)));
      return Buffer.from((await Body?.transformToByteArray()) ?? []);
    },
    async replace(key, content) {
      const { Metadata } = await client.send(new HeadObjectCommand(place(key)));
      await client.send(new PutObjectCommand({ ...place(key), Body: content, ...(Metadata && { Metadata }) }));
    },
  };
}

function flipped(content: Buffer): Buffer {
  const copy = Buffer.from(content);
  const middle = Math.floor(copy.length / 2);
  copy[middle] = (copy[middle] ?? 0) ^ 0x10;
  return copy;
}

const isManifest = (key: string) => key.endsWith("/manifest.json");
const folderOf = (key: string) => key.slice(0, key.lastIndexOf("/"));

await describeWithDocker("one flipped bit", images, () => {
  let bucket: S3Server;
  let stack: FaultStack;
  let context: Context;
  let away: string;
  let key: string;
  let media: Record<"local" | "offsite", Medium>;

  beforeAll(async () => {
    bucket = await startMinio();
    await bucket.bucket("backups");
    away = mkdtempSync(join(tmpdir(), "flip-"));
    key = join(away, "key.txt");
    const identity = await generateX25519Identity();
    writeFileSync(key, `${identity}\n`, { mode: 0o600 });
    const backup = `  encrypt: { recipients: [${await identityToRecipient(identity)}] }\n`;
    stack = createFaultStack({ components, backup, bucket });
    await succeed(stack, "start");
    stack.sh("app", "echo photo >/uploads/photo");
    putFile("first");
    await succeed(stack, "backup", "run");
    stack.sh("app", "echo later >/uploads/later");
    putFile("second");
    await succeed(stack, "backup", "run", "--lane", "dump");
    await succeed(stack, "backup", "run", "--lane", "increment");
    const model = JSON.parse(readFileSync(join(stack.directory, ".stack/model.json"), "utf8")) as StackModel;
    const { engine } = await docker();
    if (engine === undefined) throw new Error("there was an engine a moment ago");
    context = contextFor({ directory: stack.directory, model }, engine);
    media = {
      local: folderMedium(join(stack.directory, "backups")),
      offsite: bucketMedium(bucket, stack.name),
    };
  });
  afterAll(() => {
    stack?.remove();
    bucket?.stop();
    if (away !== undefined) rmSync(away, { recursive: true, force: true });
  });

  function putFile(name: string): void {
    stack.sh(
      "minio",
      `export MC_CONFIG_DIR=/tmp/.t; mc -q alias set t http://127.0.0.1:9000 "$(cat /run/secrets/minio_root_user)" "$(cat /run/secrets/minio_root_password)" >/dev/null; echo ${name} >/tmp/i && mc -q cp /tmp/i t/files/${name}.txt`,
    );
  }

  /** What the last look said, for a test that fails. */
  let said = "";

  /** Folders of snapshots and keys of other objects that are named as damaged. */
  async function damaged(options: VerifyOptions): Promise<string[]> {
    const { ok, snapshots, shared } = await runVerify(context, { all: true, ...options });
    said = snapshots.flatMap(({ error }) => error?.message ?? []).join("\n");
    const named = [
      ...snapshots.filter((found) => !found.ok).map(({ source, id }) => `snapshots/${source}/${id}`),
      ...shared.flatMap((found) => found.damaged),
    ].sort();
    expect(ok).toBe(named.length === 0);
    return named;
  }

  /** Runs with other content in some objects, and puts back what was there. */
  async function withChanged<Result>(
    medium: Medium,
    keys: readonly string[],
    change: (content: Buffer) => Buffer,
    body: () => Promise<Result>,
  ): Promise<Result> {
    const before = new Map<string, Buffer>();
    for (const name of keys) before.set(name, await medium.read(name));
    try {
      for (const [name, content] of before) await medium.replace(name, change(content));
      return await body();
    } finally {
      for (const [name, content] of before) await medium.replace(name, content);
    }
  }

  /** One object of each snapshot at a time, and with each of these one of those that stand beside them. */
  function rounds(keys: readonly string[]): string[][] {
    const groups = new Map<string, string[]>();
    for (const name of keys) {
      const group = name.startsWith("snapshots/") ? folderOf(name) : "shared";
      groups.set(group, [...(groups.get(group) ?? []), name]);
    }
    const longest = Math.max(...[...groups.values()].map((group) => group.length));
    return Array.from({ length: longest }, (_, index) => [...groups.values()].flatMap((group) => group[index] ?? []));
  }

  const namesOf = (keys: readonly string[]) =>
    keys.map((name) => (name.startsWith("snapshots/") ? folderOf(name) : name)).sort();

  test.each([
    ["local", false],
    ["offsite", false],
    ["offsite", true],
  ] as const)("in any object of %s is found (private key: %s)", async (store, withKey) => {
    const medium = media[store];
    const options = { on: store, ...(withKey && { key }) };
    expect(await damaged(options)).toEqual([]);
    const keys = await medium.keys();
    expect(keys.filter(isManifest).length).toBeGreaterThan(6);
    for (const prefix of ["snapshots/", "wal/", "objects/"])
      expect(keys.filter((name) => name.startsWith(prefix)).length).toBeGreaterThan(1);
    for (const round of rounds(keys)) {
      const named = await withChanged(medium, round, flipped, () => damaged(options));
      expect(named).toEqual(namesOf(round));
    }
    expect(await damaged(options)).toEqual([]);
  });

  /** Replaces the first match in the text of a manifest. */
  const edit = (shape: RegExp, text: (found: string) => string) => (content: Buffer) => {
    const before = content.toString("utf8");
    const after = before.replace(shape, text);
    expect(after).not.toBe(before);
    return Buffer.from(after);
  };
  const otherDigit = (found: string) => `${found.slice(0, -1)}${found.endsWith("1") ? "3" : "1"}`;

  test.each([
    ["a digit that nothing else compares", edit(/"pointInTime": "\d\d/, otherDigit)],
    ["its first character", edit(/^\{/, () => "k")],
    ["everything behind its middle", (content: Buffer) => content.subarray(0, content.length / 2)],
  ])("in a manifest is found, whether it is remembered or not: %s", async (_, change) => {
    for (const medium of Object.values(media)) {
      const manifests = (await medium.keys()).filter(isManifest);
      await withChanged(medium, manifests, change, async () => {
        for (const time of ["first", "second"])
          expect(await damaged({ on: medium.name }), `${time} look: ${said}`).toEqual(namesOf(manifests));
      });
    }
  });
});

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CliStack, createCliStack } from "../support/cli-stack.ts";
import { buildDemo } from "../support/demo-image.ts";
import { describeWithDocker } from "../support/docker.ts";
import { type S3Server, silo, startMinio } from "../support/s3-servers.ts";

const root = join(import.meta.dirname, "../..");
const images = [
  "traefik:v3.7.11",
  "postgres:18.6-trixie",
  "redis:8.2.9-bookworm",
  "busybox:1.38.0",
  "node:22-trixie-slim",
  silo,
];

/** The demo's application with every kind of data source behind it. */
const yaml = (recipient: string, endpoint: string) => `name: drill
components:
  traefik: {}
  app:
    image: create-stack/demo:1.0.0
    port: 3000
    user: "1000:1000"
    routes: [demo.localhost]
    health: /health
    connections: files
    uses: [postgres, redis, minio]
    migrate: [node, migrate.mjs]
    seed: [node, seed.mjs]
    volumes: [{ name: uploads, path: /app/uploads }]
    limits: { cpus: 0.5, memory: 256m }
  postgres: { version: 18 }
  redis: { profile: durable }
  minio: { buckets: [files] }
backup:
  encrypt: { recipients: [${recipient}] }
  destinations:
    offsite: { bucket: backups, prefix: drill, endpoint: "${endpoint}", credentials: offsite_s3 }
`;

/** The server burns down: everything that it had is gone, and what is left is the bucket, the private key, the program. */
await describeWithDocker("a lost server comes back from its bucket", images, () => {
  let stack: CliStack;
  let bucket: S3Server;
  let away: string;
  let key: string;
  let recovered: string;
  let program: string;

  beforeAll(async () => {
    buildDemo();
    bucket = await startMinio();
    await bucket.bucket("backups");
    away = mkdtempSync(join(tmpdir(), "drill-"));
    const identity = await generateX25519Identity();
    key = join(away, "key.txt");
    writeFileSync(key, `${identity}\n`, { mode: 0o600 });
    stack = await createCliStack({ yaml: yaml(await identityToRecipient(identity), bucket.endpoint) });
    program = join(root, "dist/create-stack.mjs");
    writeFileSync(join(stack.directory, "secrets/offsite_s3"), `${bucket.accessKeyId}\n${bucket.secretAccessKey}\n`, {
      mode: 0o600,
    });
  });
  afterAll(() => {
    if (recovered !== undefined) down(recovered);
    stack?.remove();
    bucket?.stop();
    if (away !== undefined) rmSync(away, { recursive: true, force: true });
  });

  const sh = (service: string, line: string, directory = stack.directory) =>
    execFileSync("docker", ["compose", "exec", "-T", service, "sh", "-c", line], { cwd: directory, encoding: "utf8" });
  const sql = (text: string, directory = stack.directory) =>
    sh("postgres", `psql -U postgres -d app -Atc "${text}"`, directory).trim();
  const mc = (line: string, directory = stack.directory) =>
    sh(
      "minio",
      `export MC_CONFIG_DIR=/tmp/.t; mc -q alias set t http://127.0.0.1:9000 "$(cat /run/secrets/minio_root_user)" "$(cat /run/secrets/minio_root_password)" >/dev/null; ${line}`,
      directory,
    );
  const redis = (line: string, directory = stack.directory) =>
    sh(
      "redis",
      `REDISCLI_AUTH=$(cat /run/secrets/redis_stack_admin) redis-cli --user stack_admin --no-auth-warning ${line}`,
      directory,
    ).trim();

  test("the application serves, and every source holds something", async () => {
    for (const verb of [["start"], ["migrate", "--seed"]]) {
      const result = await stack.run(...verb);
      expect(result, result.stderr).toMatchObject({ code: 0 });
    }
    sh("app", "mkdir -p /app/uploads/deep && echo photo >/app/uploads/deep/photo.jpg");
    mc("echo invoice >/tmp/i && mc -q cp /tmp/i t/files/invoice.txt");
    redis("SET session:1 ada");
    expect((await stack.get("demo.localhost", "/api/notes")).body).toContain("This row came out of Postgres.");
  });

  test("a full backup reaches the bucket", async () => {
    const result = await stack.run("backup", "run");
    expect(result, result.stdout + result.stderr).toMatchObject({ code: 0 });
  });

  test("so does what changed afterwards", async () => {
    sql("INSERT INTO notes (text) VALUES ('written after the backup')");
    sh("app", "echo later >/app/uploads/later.txt; rm -r /app/uploads/deep");
    mc("echo second >/tmp/i && mc -q cp /tmp/i t/files/second.txt");
    redis("SET session:2 grace");
    const segment = sql("SELECT pg_walfile_name(pg_switch_wal())");
    await archived(segment);
    const result = await stack.run("backup", "run", "--lane", "increment");
    expect(result, result.stdout + result.stderr).toMatchObject({ code: 0 });
  });

  async function archived(segment: string): Promise<void> {
    const end = Date.now() + 60_000;
    while (sql("SELECT coalesce(max(last_archived_wal), '') FROM pg_stat_archiver") < segment) {
      if (Date.now() > end) throw new Error(sql("SELECT * FROM pg_stat_archiver"));
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  test("nothing in the bucket can be read without the private key", () => {
    const listed = bucket.run("mc", "ls", "--recursive", "own/backups");
    const names = listed.split("\n").map((line) => line.split(" ").at(-1) ?? "");
    expect(names.filter((name) => !name.endsWith(".age") && !name.endsWith("/manifest.json"))).toEqual([]);
    expect(names.length).toBeGreaterThan(8);
    const secrets = ["minio_root_password", "redis_stack_admin", "postgres_app"].map((name) =>
      readFileSync(join(stack.directory, "secrets", name), "utf8").trim(),
    );
    const manifests = names.filter((name) => name.endsWith("manifest.json"));
    const text = manifests.map((name) => bucket.run("mc", "cat", `own/backups/${name}`)).join("");
    for (const secret of secrets) expect(text).not.toContain(secret);
  });

  test("the server is lost; bucket, key and program bring everything back", () => {
    const before = sql("SELECT string_agg(text, '|' ORDER BY id) FROM notes");
    const ports = stack.ports;
    down(stack.directory);
    rmSync(stack.directory, { recursive: true });
    const began = Date.now();
    const result = spawnSync(
      process.execPath,
      [
        program,
        "restore",
        "from",
        "s3://backups/drill",
        "--key",
        key,
        "--endpoint",
        bucket.endpoint,
        "--into",
        stack.directory,
      ],
      {
        cwd: away,
        encoding: "utf8",
        env: { ...process.env, AWS_ACCESS_KEY_ID: bucket.accessKeyId, AWS_SECRET_ACCESS_KEY: bucket.secretAccessKey },
      },
    );
    recovered = stack.directory;
    expect(result, result.stdout + result.stderr).toMatchObject({ status: 0 });
    process.stdout.write(`an empty host served again after ${((Date.now() - began) / 1000).toFixed(1)} s\n`);
    expect(ports).toEqual(stack.ports);
    expect(sql("SELECT string_agg(text, '|' ORDER BY id) FROM notes")).toBe(before);
    expect(before).toContain("written after the backup");
    expect(redis("MGET session:1 session:2")).toBe("ada\ngrace");
    expect(mc("mc -q cat t/files/invoice.txt t/files/second.txt")).toBe("invoice\nsecond\n");
    expect(sh("app", "cd /app/uploads && find . -type f && cat later.txt")).toBe("./later.txt\nlater\n");
  });

  test("the application answers over TLS as before, and backups go on", async () => {
    const answer = await stack.get("demo.localhost", "/api/notes");
    expect(answer.body).toContain("written after the backup");
    const result = await stack.run("backup", "run");
    expect(result, result.stdout + result.stderr).toMatchObject({ code: 0 });
  });
});

function down(directory: string): void {
  spawnSync("docker", ["compose", "--profile", "jobs", "down", "--volumes", "--remove-orphans", "--timeout", "1"], {
    cwd: directory,
  });
}

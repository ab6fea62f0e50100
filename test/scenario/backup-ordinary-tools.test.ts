import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { afterAll, beforeAll, expect, test } from "vitest";
import { handbook } from "../../src/generator/handbook.ts";
import { catalogue, modelOf } from "../support/catalogue.ts";
import { type CliStack, createCliStack } from "../support/cli-stack.ts";
import { describeWithDocker } from "../support/docker.ts";
import { type S3Server, silo, startMinio } from "../support/s3-servers.ts";
import { shellBlocks } from "../support/shell-blocks.ts";

const images = ["traefik:v3.7.11", "postgres:18.6-trixie", "redis:8.2.9-bookworm", "busybox:1.38.0", silo];

const yaml = (recipient: string, endpoint: string) => `name: byhand
components:
  traefik: {}
  app:
    type: app
    image: busybox:1.38.0
    user: "1000:1000"
    command: [sleep, "100000"]
    uses: [postgres, redis, minio]
    volumes: [{ name: uploads, path: /uploads }]
    stopGrace: 1s
  postgres: { version: 18 }
  redis: { profile: durable }
  minio: { buckets: [files] }
backup:
  encrypt: { recipients: [${recipient}] }
  destinations:
    offsite: { bucket: backups, prefix: servers/one, endpoint: "${endpoint}", region: us-east-1, credentials: offsite_s3 }
`;

const clients = [
  { program: "rclone", of: (blocks: string[]) => blocks.slice(0, 1) },
  { program: "aws", of: (blocks: string[]) => [withoutRclone(blocks[0] ?? ""), blocks[1] ?? ""] },
  // It asks for the keys where it may.
  { program: "mc", of: (blocks: string[]) => [withoutRclone(blocks[0] ?? ""), withKeys(blocks[2] ?? "")] },
].filter(({ program }) => spawnSync("which", [program]).status === 0);

/** Nothing that this machine tells clients of S3. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(AWS|RCLONE|MC)_/.test(name)));
const withoutRclone = (block: string) => block.replace(/^.*rclone.*$/gim, "");
const withKeys = (block: string) => block.replace(/^(mc alias set .*)$/m, "$1 KEY_ID SECRET_KEY");

/** What the runbook of a stack prints is all that is typed here: its shell lines, with what is to be filled in filled in. */
await describeWithDocker("a stack comes back with what its runbook prints, and without this program", images, () => {
  let stack: CliStack;
  let bucket: S3Server;
  let away: string;
  let runbook: string;
  let moment: string;

  beforeAll(async () => {
    bucket = await startMinio();
    await bucket.bucket("backups");
    away = mkdtempSync(join(tmpdir(), "by-hand-"));
    const identity = await generateX25519Identity();
    writeFileSync(join(away, "key.txt"), `${identity}\n`, { mode: 0o600 });
    stack = await createCliStack({ yaml: yaml(await identityToRecipient(identity), bucket.endpoint) });
    const keys = `${bucket.accessKeyId}\n${bucket.secretAccessKey}\n`;
    writeFileSync(join(stack.directory, "secrets/offsite_s3"), keys, { mode: 0o600 });
    runbook = readFileSync(join(stack.directory, "RUNBOOK.md"), "utf8");
  });
  afterAll(() => {
    if (stack !== undefined) removeAll(stack, join(away, stack.name));
    bucket?.stop();
    if (away !== undefined) rmSync(away, { recursive: true, force: true });
  });

  const filled = (script: string) =>
    script
      .replaceAll("SECRET_KEY", bucket.secretAccessKey)
      .replaceAll(/(?<!_)\bKEY_ID\b/g, bucket.accessKeyId)
      .replace(/^MOMENT=.*$/m, `MOMENT='${moment}'`)
      .replaceAll("TABLE", "notes");
  const bash = (blocks: readonly string[], cwd = away) => {
    const script = `set -euo pipefail\n${blocks.map(filled).join("\n")}`;
    const { status, stdout, stderr } = spawnSync("bash", ["-c", script], { cwd, encoding: "utf8", env });
    expect(status, `${stdout}\n${stderr}`).toBe(0);
    return stdout;
  };
  const under = (heading: string) => shellBlocks(runbook, heading);
  const sh = (service: string, line: string, directory = stack.directory) =>
    execFileSync("docker", ["compose", "exec", "-T", service, "sh", "-c", line], { cwd: directory, encoding: "utf8" });
  const sql = (text: string, directory = stack.directory, database = "app") =>
    sh("postgres", `psql -U postgres -d ${database} -Atc "${text}"`, directory).trim();
  const redis = (line: string, directory = stack.directory) =>
    sh(
      "redis",
      `REDISCLI_AUTH=$(cat /run/secrets/redis_stack_admin) redis-cli --user stack_admin --no-auth-warning ${line}`,
      directory,
    ).trim();
  const mc = (line: string, directory = stack.directory) =>
    sh(
      "minio",
      `export MC_CONFIG_DIR=/tmp/.t; mc -q alias set t http://127.0.0.1:9000 "$(cat /run/secrets/minio_root_user)" "$(cat /run/secrets/minio_root_password)" >/dev/null; ${line}`,
      directory,
    );
  const backUp = async (...words: string[]) => {
    const result = await stack.run("backup", "run", ...words);
    expect(result, result.stdout + result.stderr).toMatchObject({ code: 0 });
  };

  test("a stack is filled, copied in full, changed, and copied again", async () => {
    const started = await stack.run("start");
    expect(started, started.stderr).toMatchObject({ code: 0 });
    sql("CREATE TABLE notes (id int PRIMARY KEY, text text); INSERT INTO notes VALUES (1, 'first')");
    sh(
      "app",
      "mkdir -p /uploads/deep && echo photo >/uploads/deep/photo && echo keep >/uploads/kept && chmod 640 /uploads/kept",
    );
    mc(
      "printf invoice >/tmp/i && mc -q cp --attr 'Content-Type=text/x-bill;colour=red' /tmp/i t/files/2026/invoice.txt",
    );
    redis("SET session:1 ada");
    await backUp();
    await backUp("--lane", "dump", "--only", "postgres");
    sql("INSERT INTO notes VALUES (2, 'second')");
    moment = sql("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00')");
    sql("DELETE FROM notes");
    sh("app", "rm -r /uploads/deep && echo later >/uploads/later");
    mc("printf second >/tmp/i && mc -q cp /tmp/i t/files/second.txt");
    redis("SET session:2 grace");
    await archived(sql("SELECT pg_walfile_name(pg_switch_wal())"));
    await backUp("--lane", "increment");
  });

  async function archived(segment: string): Promise<void> {
    const end = Date.now() + 60_000;
    while (sql("SELECT coalesce(max(last_archived_wal), '') FROM pg_stat_archiver") < segment) {
      if (Date.now() > end) throw new Error(sql("SELECT * FROM pg_stat_archiver"));
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  test.each(clients)("$program fetches everything that is in the bucket", ({ program, of }) => {
    const folder = join(away, program);
    mkdirSync(folder);
    bash(of(under("Fetch and decrypt")), folder);
    const found = execFileSync("find", [".", "-type", "f"], { cwd: join(folder, "copy"), encoding: "utf8" });
    const listed = bucket.run("mc", "ls", "--recursive", "own/backups/servers/one");
    const keys = listed.split("\n").map((line) => `./${line.split(" ").at(-1)}`);
    expect(found.trim().split("\n").sort()).toEqual(keys.sort());
  });

  test("on the server itself the local copies are taken, and stay as they were", () => {
    const before = execFileSync("find", ["backups/snapshots", "-type", "f"], {
      cwd: stack.directory,
      encoding: "utf8",
    });
    const [line = ""] = /mkdir -m 700 copy && cp -a --link .* copy\//.exec(runbook) ?? [];
    const [, , , open = "", compare = ""] = under("Fetch and decrypt");
    const output = bash([line, `cp ${join(away, "key.txt")} key.txt`, open, compare], stack.directory);
    expect(output).toMatch(/stack\.tar\.gz: OK/);
    const after = execFileSync("find", ["backups/snapshots", "-type", "f"], { cwd: stack.directory, encoding: "utf8" });
    expect(after).toBe(before);
  });

  test("the copies are opened, compared, and loaded into new volumes; a look at the log's end", () => {
    expect(clients.length, "none of rclone, aws and mc is installed").toBeGreaterThan(0);
    execFileSync("mv", [join(away, clients[0]?.program ?? "", "copy"), join(away, "copy")]);
    execFileSync("docker", ["compose", "down", "--volumes", "--timeout", "1"], { cwd: stack.directory });
    rmSync(stack.directory, { recursive: true });
    const [, , , open = "", compare = ""] = under("Fetch and decrypt");
    const blocks = [
      open,
      compare,
      "The stack's own files",
      "The server postgres",
      "The server redis",
      "The server minio",
    ];
    const output = bash(
      [...blocks, "The volume app-uploads"].flatMap((block) => (/^The /.test(block) ? under(block) : [block])),
    );
    expect(output).toMatch(/base\.tar\.zst: OK/);
    expect(output).toMatch(/notes/);
  });

  test("put in place, the stack serves what it served", () => {
    const directory = join(away, stack.name);
    const [swap = "", up = ""] = under("Put in place");
    for (const volume of ["postgres-data", "redis-data", "minio-data", "app-uploads"])
      bash([swap.replace(/^LIVE=.*$/m, `LIVE=${stack.name}_${volume}`)], directory);
    bash([up], directory);
    expect(sql("SELECT string_agg(text, '|' ORDER BY id) FROM notes", directory)).toBe("first|second");
    expect(redis("MGET session:1 session:2", directory)).toBe("ada\ngrace");
    expect(mc("mc -q cat t/files/2026/invoice.txt t/files/second.txt", directory)).toBe("invoicesecond");
    const found = mc("mc stat t/files/2026/invoice.txt", directory);
    for (const line of [/Content-Type *: text\/x-bill/, /X-Amz-Meta-Colour: red/]) expect(found).toMatch(line);
    expect(sh("app", "cd /uploads && find . -type f | sort && cat kept later && stat -c '%a %u' kept", directory)).toBe(
      "./kept\n./later\nkeep\nlater\n640 1000\n",
    );
  });

  test("one table comes out of a dump, into a database beside the live one", () => {
    const directory = join(away, stack.name);
    const [load = "", hand = ""] = under("One database or table of postgres");
    const store = `STORE=${join(away, "copy")}`;
    const output = bash([store, load.replace(/(--jobs 2)/, "$1 --table notes")], directory);
    expect(output).toContain("TABLE DATA public notes");
    expect(sql("SELECT string_agg(text, '|') FROM notes", directory, "app_before")).toBe("first");
    sql("DROP TABLE notes", directory);
    bash([store, load.slice(load.indexOf("pg() {"), load.indexOf("pg pg_restore --list")), hand], directory);
    expect(sql("SELECT string_agg(text, '|') FROM notes", directory)).toBe("first");
  });
});

test.skipIf(spawnSync("which", ["gpg"]).status !== 0)("with keys of GPG the lines open what gpg has encrypted", () => {
  const home = mkdtempSync(join(tmpdir(), "gpg-home-"));
  const withGpg = { ...env, GNUPGHOME: home };
  try {
    const options = ["--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "Owner <owner@example.com>"];
    execFileSync("gpg", [...options, "future-default", "default", "never"], { env: withGpg, stdio: "ignore" });
    mkdirSync(join(home, "copy/snapshots"), { recursive: true });
    const encrypt = ["--batch", "--trust-model", "always", "--recipient", "owner@example.com", "--encrypt"];
    const path = join(home, "copy/snapshots/part");
    execFileSync("gpg", [...encrypt, "--output", `${path}.gpg`], { env: withGpg, input: "content", stdio: "pipe" });
    const text = yaml("", "https://s3.example.com").replace(/recipients: .*\]/, "gpg: [keys/owner.asc]");
    const [, page] = handbook(modelOf(text), catalogue.templates);
    const open = shellBlocks(page?.content ?? "", "Fetch and decrypt")[3] ?? "";
    execFileSync("bash", ["-euc", open], { cwd: home, env: withGpg, stdio: "pipe" });
    expect(readFileSync(path, "utf8")).toBe("content");
    expect(existsSync(`${path}.gpg`)).toBe(false);
  } finally {
    spawnSync("gpgconf", ["--kill", "all"], { env: withGpg });
    rmSync(home, { recursive: true, force: true });
  }
});

/** Also what the runbook's lines have made beside Compose. */
function removeAll(stack: CliStack, broughtBack: string): void {
  for (const cwd of [stack.directory, broughtBack].filter(existsSync))
    spawnSync("docker", ["compose", "down", "--volumes", "--remove-orphans", "--timeout", "1"], { cwd });
  spawnSync("docker", ["rm", "--force", `${stack.name}-recovery`, `${stack.name}-objects`]);
  const list = ["volume", "ls", "--quiet", "--filter", `name=^${stack.name}_.*-(new|before)$`];
  const names = execFileSync("docker", list, { encoding: "utf8" })
    .split("\n")
    .filter((name) => name !== "");
  if (names.length > 0) execFileSync("docker", ["volume", "rm", ...names]);
  stack.remove();
}

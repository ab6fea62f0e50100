import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeWithDocker } from "../support/docker.ts";

const bundle = join(import.meta.dirname, "../../dist/create-stack.mjs");
const images = ["redis:8.2.9-bookworm"];

/** As cron calls it: a shell that knows nothing, and a percent sign only behind a backslash. */
await describeWithDocker("the schedule, called by cron", images, () => {
  const name = `t${randomBytes(4).toString("hex")}`;
  let parent: string;
  let directory: string;
  let command: string;

  const program = (...args: string[]) =>
    spawnSync(process.execPath, [join(directory, ".stack/create-stack.mjs"), ...args], {
      encoding: "utf8",
      timeout: 240_000,
    });
  const asCron = (shell = "/bin/sh") =>
    spawnSync("/usr/bin/env", ["-i", "HOME=/root", "LOGNAME=root", shell, "-c", command], {
      encoding: "utf8",
      cwd: "/",
      timeout: 240_000,
    });
  const snapshots = (source: string) => {
    const folder = join(directory, "backups/snapshots", source);
    return existsSync(folder) ? readdirSync(folder) : [];
  };
  const memory = () => join(directory, ".stack/backup/schedule.json");

  beforeAll(async () => {
    parent = mkdtempSync(join(tmpdir(), "cron-"));
    directory = join(parent, "it's a %41 here");
    const recipient = await identityToRecipient(await generateX25519Identity());
    writeFileSync(
      join(parent, "stack.yaml"),
      `name: ${name}
components:
  redis: { memory: 64m }
backup:
  schedule: { timezone: Europe/Berlin, jitter: 0s }
  encrypt: { recipients: [${recipient}] }
  report: { textfile: metrics }
`,
    );
    execFileSync(process.execPath, [bundle, "create", directory, "--config", join(parent, "stack.yaml"), "--yes"]);
    const started = program("start", "--no-pull");
    expect(started.status, started.stderr).toBe(0);
    const printed = program("schedule", "install", "--print", "--with", "cron");
    const line = printed.stdout.split("\n").find((text) => text.startsWith("* * * * * root ")) ?? "";
    command = line.slice("* * * * * root ".length).replaceAll("\\%", "%");
  });
  afterAll(() => {
    if (directory !== undefined) program("destroy", "--volumes", name);
    if (parent !== undefined) rmSync(parent, { recursive: true, force: true });
  });

  test("makes the first backups in its first call, and tells nobody that all is well", () => {
    const { status, stdout, stderr } = asCron();
    expect([status, stdout, stderr]).toEqual([0, "", ""]);
    expect(snapshots("redis")).toHaveLength(1);
    expect(snapshots("stack")).toHaveLength(1);
    const log = readFileSync(join(directory, ".stack/backup/schedule.log"), "utf8");
    expect(log).toMatch(/^\S+Z full: redis: full \d{8}T\d{6}Z-[0-9a-f]{6}, .* in .*s$/m);
    const metrics = readFileSync(join(directory, `metrics/create-stack-${name}.prom`), "utf8");
    expect(metrics).toContain(`create_stack_backup_last_run_success{stack="${name}",source="redis",type="full"} 1`);
  });

  test("does nothing when nothing is due, in dash as elsewhere", () => {
    const { status, stdout, stderr } = asCron(existsSync("/bin/dash") ? "/bin/dash" : "/bin/sh");
    expect([status, stdout, stderr]).toEqual([0, "", ""]);
    expect(snapshots("redis")).toHaveLength(1);
    const shown = program("schedule", "show", "--json");
    expect(JSON.parse(shown.stdout)).toMatchObject({
      timezone: "Europe/Berlin",
      lastCall: expect.any(String),
    });
  });

  test("a failure goes to stderr, which cron mails, with an exit code that says so", () => {
    execFileSync("docker", ["stop", "--time", "5", `${name}-redis-1`]);
    rmSync(memory());
    const { status, stdout, stderr } = asCron();
    expect(stderr).toContain("full: redis: full FAILED");
    expect(stderr).toContain("redis is exited");
    // The stack's own files were copied.
    expect([status, stdout]).toEqual([3, ""]);
    execFileSync("docker", ["start", `${name}-redis-1`]);
  });
});

import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readNotifyMemory, writeNotifyMemory } from "../../src/operations/notify/memory.ts";
import type { Migration } from "../../src/stack/model.ts";
import type { NotifySettings } from "../../src/stack/monitoring.ts";
import { describeWithDocker, smallImage } from "../support/docker.ts";
import { mailServer, postBox } from "../support/receivers.ts";
import { fileCheck, type SmallStack, smallService, smallStack } from "../support/scenario.ts";

const root = join(import.meta.dirname, "../..");
const minute = 60_000;

interface Ended {
  code: number | null;
  output: string;
}

/** The program as cron calls it. */
function program(stack: SmallStack, authority: string, ...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, ["--import", "tsx", "src/cli/main.ts", ...args, "--dir", stack.directory], {
    cwd: root,
    env: { ...process.env, NODE_EXTRA_CA_CERTS: authority },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes: Buffer) => (output += bytes.toString()));
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, output })));
}

/** As if time had passed since the last call: all that is remembered was that much earlier. */
function timePasses({ directory }: SmallStack, milliseconds: number): void {
  const memory = readNotifyMemory(directory);
  for (const remembered of Object.values(memory.troubles)) {
    remembered.since -= milliseconds;
    if (remembered.goneAt !== undefined) remembered.goneAt -= milliseconds;
    for (const told of Object.values(remembered.told)) told.at -= milliseconds;
  }
  if (memory.lookedAt !== undefined) memory.lookedAt -= milliseconds;
  writeNotifyMemory(directory, memory);
}

await describeWithDocker("alerts of a stack without monitoring", [smallImage], () => {
  test("a failed migration and an unhealthy service reach every receiver once, and so does their end", async () => {
    const box = await postBox();
    const password = "smtp5ecret4711";
    const mail = await mailServer({ tls: "starttls", login: { user: "shop", password } });
    const notify: NotifySettings = {
      slack: { webhook: "slack_webhook" },
      email: {
        to: ["ops@example.com"],
        from: "shop@example.com",
        host: "localhost",
        port: mail.port,
        tls: "starttls",
        user: "shop",
        password: "smtp_password",
      },
      pagerduty: { key: "pagerduty_key", url: `${box.base}/pagerduty` },
      webhook: { url: "hook" },
      heartbeat: "heart",
    };
    const secrets = {
      slack_webhook: `${box.base}/slack/5ecret4711`,
      smtp_password: password,
      pagerduty_key: "r0uting5ecret",
      hook: `${box.base}/hook/5ecret4711`,
      heart: `${box.base}/heart/5ecret4711`,
    };
    const migrate: Migration = { app: "web", service: "web-migrate", timeout: 60_000, needs: [] };
    const job = smallService("web-migrate", { class: "job", component: "web", command: ["sh", "-c", "exit 3"] });
    const stack = await smallStack(
      [
        smallService("web", {
          healthcheck: fileCheck("/tmp/well"),
          tmpfs: [{ target: "/tmp", size: 1024 ** 2, mode: "1777" }],
        }),
        job,
      ],
      {
        migrations: [migrate],
        notify,
        secrets: Object.keys(secrets).map((name) => ({
          name,
          about: name,
          mode: 0o444,
          kind: "supplied",
          for: "notify",
        })),
      },
    );
    const { directory, context } = stack;
    const authority = join(directory, "mail-authority.crt");
    mkdirSync(join(directory, "secrets"));
    for (const [name, value] of Object.entries(secrets)) writeFileSync(join(directory, "secrets", name), `${value}\n`);
    writeFileSync(authority, mail.authority);
    writeFileSync(join(directory, "stack.yaml"), "name: shop\n");
    const outputs: string[] = [];
    const call = async (...args: string[]) => {
      const ended = await program(stack, authority, ...args);
      outputs.push(ended.output);
      return ended;
    };
    /** What everybody was told in one call of the schedule, in the words of the mail. */
    const told = async () => {
      const before = { mails: mail.mails.length, seen: box.seen.length };
      const { output } = await call("schedule", "run");
      const subjects = mail.mails.slice(before.mails).map(({ subject }) => subject);
      const counts = ["slack", "pagerduty", "hook"].map(
        (path) => box.seen.slice(before.seen).filter((seen) => seen.path?.startsWith(`/${path}`)).length,
      );
      // Whatever one of them was told, all were.
      expect(counts, output).toEqual([subjects.length, subjects.length, subjects.length]);
      return subjects.sort();
    };
    const name = stack.model.name;
    const well = (is: boolean) => stack.compose("exec", "-T", "web", is ? "touch" : "rm", "/tmp/well");
    const health = async () =>
      (await context.engine.observe(name)).containers.find(({ service }) => service === "web")?.health;
    try {
      await stack.compose("up", "--detach", "web");
      await well(true);
      await expect.poll(health, { timeout: 30_000 }).toBe("healthy");
      // The first call makes the first backup; the second finds nothing wrong.
      expect(await told()).toEqual([]);
      timePasses(stack, 10 * minute);
      expect(await told()).toEqual([]);
      expect(box.seen.map(({ path }) => path)).toContain("/heart/5ecret4711");

      expect((await call("migrate")).code).not.toBe(0);
      const migration = `${name}: the migration of web failed with exit code 3`;
      expect(await told()).toEqual([`CRITICAL ${migration}`]);
      await well(false);
      await expect.poll(health, { timeout: 30_000 }).toBe("unhealthy");
      expect(await told()).toEqual([]);
      timePasses(stack, minute);
      expect(await told()).toEqual([`CRITICAL ${name}: web is unhealthy`]);
      timePasses(stack, 30 * minute);
      expect(await told()).toEqual([]);

      const beats = box.seen.filter(({ path }) => path?.startsWith("/heart")).length;
      job.command = ["true"];
      stack.write();
      expect((await call("migrate")).code).toBe(0);
      await well(true);
      await expect.poll(health, { timeout: 30_000 }).toBe("healthy");
      expect(await told()).toEqual([`RESOLVED ${migration}`]);
      timePasses(stack, 3 * minute);
      expect(await told()).toEqual([`RESOLVED ${name}: web is unhealthy`]);
      expect(box.seen.filter(({ path }) => path?.startsWith("/heart")).length).toBe(beats + 2);

      const tested = await call("alerts", "test");
      expect(tested.code, tested.output).toBe(0);
      expect(tested.output).toMatch(
        /slack +taken +\d+\.\d s\nemail +taken .*\npagerduty +taken .*\nwebhook +taken .*\nheartbeat +taken/,
      );
      writeFileSync(join(directory, "secrets", "smtp_password"), "wr0ng5ecret\n");
      const partly = await call("alerts", "test", "--json");
      expect(partly.code).toBe(3);
      expect(partly.output).toMatch(/refused the login: 535/);
      expect((await call("alerts", "list")).output).toContain("Nothing fires now.");
    } finally {
      box.close();
      await mail.close();
    }
    expect(new Set(mail.logins)).toEqual(new Set([password, "wr0ng5ecret"]));
    const kept = ["notify.json", "backup/schedule.log"].map((path) =>
      readFileSync(join(directory, ".stack", path), "utf8"),
    );
    expect([...outputs, ...kept].join("\n")).not.toContain("5ecret");
  });
});

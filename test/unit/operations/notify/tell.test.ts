import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { changeBackupState } from "../../../../src/operations/backup/state.ts";
import { appendHistory } from "../../../../src/operations/migration-history.ts";
import { tellOf } from "../../../../src/operations/notify/tell.ts";
import { silentProgress } from "../../../../src/operations/progress.ts";
import { localStore } from "../../../../src/snapshots/local-store.ts";
import type { StackModel } from "../../../../src/stack/model.ts";
import { type FakeEngine, fakeEngine } from "../../../support/fake-engine.ts";
import { migration, model, service } from "../../../support/models.ts";
import { type MailServer, mailServer, type PostBox, postBox } from "../../../support/receivers.ts";
import { manifest, putSnapshot } from "../../../support/snapshots.ts";

const root = join(import.meta.dirname, "../../../..");
const minute = 60_000;
let directory: string;
let box: PostBox;
let mail: MailServer;
let engine: FakeEngine;
let web: string;
let now: number;
let slept: number;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "tell-"));
  mkdirSync(join(directory, "secrets"));
  mkdirSync(join(directory, ".stack"));
  box = await postBox();
  mail = await mailServer({ tls: "none" });
  now = Date.parse("2026-11-21T12:00:00Z");
  slept = 0;
  for (const [name, value] of Object.entries({
    slack_webhook: `${box.base}/slack/5ecret4711`,
    pagerduty_key: "r0uting-5ecret",
    hook: `${box.base}/hook/5ecret4711`,
    heart: `${box.base}/heart/5ecret4711`,
  }))
    writeFileSync(join(directory, "secrets", name), `${value}\n`);
  engine = fakeEngine();
  web = engine.add({ service: "web", startedAt: now - minute });
});
afterEach(async () => {
  box.close();
  await mail.close();
  rmSync(directory, { recursive: true, force: true });
});

function shop(parts: Partial<StackModel> = {}): StackModel {
  return model([service("web"), service("prometheus"), service("alertmanager")].slice(0, parts.monitoring ? 3 : 1), {
    notify: {
      slack: { webhook: "slack_webhook" },
      email: { to: ["ops@example.com"], from: "shop@example.com", host: "127.0.0.1", port: mail.port, tls: "none" },
      pagerduty: { key: "pagerduty_key", url: `${box.base}/pagerduty`, only: "critical" },
      webhook: { url: "hook" },
      heartbeat: "heart",
    },
    secrets: ["slack_webhook", "pagerduty_key", "hook", "heart"].map((name) => ({
      name,
      about: name,
      mode: 0o444,
      kind: "supplied",
      for: "notify",
    })),
    ...parts,
  });
}

async function sleep(milliseconds: number): Promise<void> {
  slept += milliseconds;
}

/** A fresh copy, so that nothing is wrong. */
async function backedUp(): Promise<void> {
  await putSnapshot(localStore(join(directory, "backups")), manifest({ at: now, source: "stack" }));
}

const context = (parts: Partial<StackModel> = {}) => ({
  directory,
  model: shop(parts),
  engine: engine.reachable ? engine : undefined,
  clock: { now: () => now, sleep },
  progress: silentProgress,
  signal: new AbortController().signal,
});

/** One call of the schedule, a minute after the last one. What the receivers got in it, each sorted. */
async function minutePasses(parts: Partial<StackModel> = {}): Promise<{ lines: string[]; got: string[] }> {
  now += minute;
  const before = { seen: box.seen.length, mails: mail.mails.length };
  const { lines } = await tellOf(context(parts), { heartbeat: true });
  const posts = box.seen.slice(before.seen).map(({ path }) => path?.split("/")[1] ?? "");
  const mails = mail.mails.slice(before.mails).map(() => "mail");
  return { lines: lines.sort(), got: [...posts, ...mails].sort() };
}

const unhealthy = () => engine.change(web, { health: "unhealthy" });
const healthy = () => engine.change(web, { health: "healthy" });
const everybody = ["hook", "mail", "pagerduty", "slack"];

describe("a service that becomes unhealthy, in a stack without monitoring", () => {
  test("is told to everybody once, and so is its recovery", async () => {
    await backedUp();
    expect((await minutePasses()).got).toEqual(["heart"]);
    unhealthy();
    expect((await minutePasses()).got).toEqual([]);
    const told = await minutePasses();
    expect(told.got).toEqual(everybody);
    expect(told.lines).toEqual(
      ["email", "pagerduty", "slack", "webhook"].map((name) => `told ${name}: CRITICAL shop: web is unhealthy`),
    );
    for (let count = 0; count < 5; count += 1) expect((await minutePasses()).got).toEqual([]);
    healthy();
    const quiet = [await minutePasses(), await minutePasses(), await minutePasses()].map(({ got }) => got);
    // Nothing is wrong any more, and whether that lasts is not known yet.
    expect(quiet).toEqual([["heart"], ["heart"], ["heart"]]);
    expect((await minutePasses()).got).toEqual([...everybody, "heart"].sort());
    expect((await minutePasses()).got).toEqual(["heart"]);
    expect(box.bodies("/pagerduty")).toMatchObject([
      { event_action: "trigger", dedup_key: "shop/service/web" },
      { event_action: "resolve", dedup_key: "shop/service/web" },
    ]);
    expect(mail.mails.map(({ subject }) => subject)).toEqual([
      "CRITICAL shop: web is unhealthy",
      "RESOLVED shop: web is unhealthy",
    ]);
  });

  test("a receiver that is broken holds up no other, is told later, and its secrets are not told", async () => {
    unhealthy();
    await minutePasses();
    rmSync(join(directory, "secrets", "hook"));
    writeFileSync(join(directory, "secrets", "slack_webhook"), "http://127.0.0.1:9/5ecret4711\n");
    const first = await minutePasses();
    expect(first.got).toEqual(["mail", "pagerduty"]);
    expect(first.lines).toEqual([
      expect.stringMatching(
        /^slack: FAILED: no answer from 127\.0\.0\.1:9: .*; told later: CRITICAL shop: web is unhealthy$/,
      ),
      "told email: CRITICAL shop: web is unhealthy",
      "told pagerduty: CRITICAL shop: web is unhealthy",
      "webhook: FAILED: secrets/hook is empty or missing; told later: CRITICAL shop: web is unhealthy",
    ]);
    expect(first.lines.join()).not.toContain("5ecret");
    expect(readFileSync(join(directory, ".stack", "notify.json"), "utf8")).not.toContain("5ecret");
    expect(slept).toBe(6_000);
    writeFileSync(join(directory, "secrets", "slack_webhook"), `${box.base}/slack/5ecret4711\n`);
    expect((await minutePasses()).got).toEqual(["slack"]);
  });

  test("nobody is told while a command is at work on the stack", async () => {
    unhealthy();
    writeFileSync(
      join(directory, ".stack", "lock"),
      JSON.stringify({ id: "ab", pid: process.pid, command: "restart", since: now }),
    );
    for (let count = 0; count < 3; count += 1) expect((await minutePasses()).lines).toEqual([]);
  });
});

describe("what else the supervisor sees", () => {
  test("a migration that failed, until one worked", async () => {
    const migrations = [migration("web")];
    const record = {
      id: "m1",
      app: "web",
      service: "web-migrate",
      kind: "migrate" as const,
      image: "web:2",
      imageId: "x",
      startedAt: "2026-11-21T12:00:00Z",
    };
    appendHistory(directory, { ...record, outcome: "failed", exitCode: 1 });
    expect((await minutePasses({ migrations })).lines).toContain(
      "told slack: CRITICAL shop: the migration of web failed with exit code 1",
    );
    expect((await minutePasses({ migrations })).got).toEqual([]);
    appendHistory(directory, { ...record, id: "m2", outcome: "ok" });
    expect((await minutePasses({ migrations })).lines).toContain(
      "told slack: RESOLVED shop: the migration of web failed with exit code 1",
    );
  });

  test("a backup and a trial restore that failed; a warning is kept from who wants none", async () => {
    changeBackupState(directory, (state) => {
      state.sources.stack = { full: { lastRunAt: now, lastOutcome: "failed", message: "no space left" } };
      state.drills.stack = {
        at: now,
        ok: false,
        snapshot: "20261121T020000Z-abcdef",
        took: 1,
        detail: "2 rows missing",
      };
    });
    const { lines } = await minutePasses();
    expect(lines.filter((line) => /slack|pagerduty/.test(line))).toEqual([
      "told pagerduty: CRITICAL shop: the newest trial restore of stack failed: 2 rows missing",
      "told slack: CRITICAL shop: the newest trial restore of stack failed: 2 rows missing",
      "told slack: WARNING shop: the newest full of stack failed: no space left",
    ]);
    // The stores are looked at every five minutes; until then nothing is over.
    changeBackupState(directory, (state) => {
      state.sources.stack = { full: { lastRunAt: now, lastOutcome: "ok" } };
      state.drills = {};
    });
    for (let count = 0; count < 4; count += 1) expect((await minutePasses()).lines).toEqual([]);
    expect((await minutePasses()).lines).toContain(
      "told slack: RESOLVED shop: the newest full of stack failed: no space left",
    );
  });

  test("that nothing was ever backed up, after half an hour", async () => {
    const lines: string[] = [];
    for (let count = 0; count < 40; count += 1) lines.push(...(await minutePasses()).lines);
    expect(lines.filter((line) => line.startsWith("told slack"))).toEqual([
      "told slack: CRITICAL shop: nothing of stack can be restored from local",
    ]);
  });

  test("Docker that does not answer, and that it does again; nothing is said of services meanwhile", async () => {
    unhealthy();
    await minutePasses();
    await minutePasses();
    engine.reachable = false;
    await minutePasses();
    expect((await minutePasses()).lines).toContain("told slack: CRITICAL shop: Docker does not answer");
    engine.reachable = true;
    await minutePasses();
    const { lines } = await minutePasses();
    expect(lines.filter((line) => line.includes("slack"))).toEqual([
      "told slack: RESOLVED shop: Docker does not answer",
    ]);
  });
});

describe("with monitoring", () => {
  const monitoring = {
    component: "monitoring",
    prometheus: { service: "prometheus", port: 9090 },
    alertmanager: { service: "alertmanager", port: 9093 },
  };

  test("Alertmanager tells of everything; only that it is gone itself is told here", async () => {
    engine.add({ service: "prometheus", startedAt: now });
    const alertmanager = engine.add({ service: "alertmanager", startedAt: now });
    unhealthy();
    for (let count = 0; count < 10; count += 1) expect((await minutePasses({ monitoring })).got).toEqual([]);
    engine.change(alertmanager, { state: "exited", exitCode: 1, finishedAt: now });
    await minutePasses({ monitoring });
    const { lines, got } = await minutePasses({ monitoring });
    expect(got).toEqual(everybody);
    expect(lines[0]).toBe("told email: CRITICAL shop: alertmanager is stopped, exit code 1, 2m ago");
  });
});

describe("calls that meet, and one that is killed", () => {
  test("two at the same time are one", async () => {
    unhealthy();
    await minutePasses();
    now += minute;
    await Promise.all([tellOf(context()), tellOf(context()), tellOf(context())]);
    expect(box.seen).toHaveLength(3);
    expect(mail.mails).toHaveLength(1);
  });

  test("killed between two receivers: those that were told are not told again, the others are", async () => {
    const hanging = shop();
    writeFileSync(join(directory, ".stack", "model.json"), JSON.stringify(hanging));
    engine.change(web, { state: "exited", exitCode: 0 });
    engine.remove(web);
    // The stack that was never started is told after ten minutes.
    now -= minute;
    await minutePasses();
    const begun = now;
    now += 10 * minute;
    // Whoever asks first waits for ever, the others are answered.
    box.answers.push("silent");
    const child = spawn(
      process.execPath,
      ["--import", "tsx", join(root, "test/support/tell-child.ts"), directory, String(now)],
      {
        cwd: root,
        stdio: "inherit",
      },
    );
    const ended = new Promise((resolve) => child.on("close", resolve));
    const toldIn = () =>
      Object.keys(
        (
          JSON.parse(readFileSync(join(directory, ".stack", "notify.json"), "utf8")) as {
            troubles: Record<string, { told: object }>;
          }
        ).troubles["service/"]?.told ?? {},
      );
    await expect.poll(() => toldIn().length, { timeout: 15_000 }).toBe(3);
    child.kill("SIGKILL");
    await ended;
    const told = toldIn();
    const { lines } = await minutePasses();
    expect(lines).toHaveLength(1);
    const late = /^told (\w+): CRITICAL shop: the stack is not started$/.exec(lines[0] ?? "")?.[1];
    expect([...told, late].sort()).toEqual(["email", "pagerduty", "slack", "webhook"]);
    expect(now - begun).toBe(11 * minute);
  });
});

test("nobody to tell: nothing is looked at", async () => {
  engine.reachable = false;
  expect(await tellOf(context({ notify: {} }))).toEqual({ ok: true, lines: [] });
});

test("a heartbeat that is not taken is told without its address", async () => {
  await backedUp();
  box.answers.push(500);
  const { lines } = await minutePasses();
  expect(lines).toEqual(["heartbeat: FAILED: the ping was answered with 500"]);
});

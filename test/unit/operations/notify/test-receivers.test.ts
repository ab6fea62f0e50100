import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { reasonIn, requestsIn } from "../../../../src/operations/notify/alertmanager.ts";
import { listAlerts } from "../../../../src/operations/notify/list-alerts.ts";
import { writeNotifyMemory } from "../../../../src/operations/notify/memory.ts";
import { testReceivers } from "../../../../src/operations/notify/test-receivers.ts";
import { wayOut } from "../../../../src/operations/notify/way-out.ts";
import { silentProgress } from "../../../../src/operations/progress.ts";
import type { NotifySettings } from "../../../../src/stack/monitoring.ts";
import { ownAlerts } from "../../../../src/stack/own-alerts.ts";
import { systemClock } from "../../../../src/support/clock.ts";
import { fakeEngine } from "../../../support/fake-engine.ts";
import { model, service } from "../../../support/models.ts";
import { type MailServer, mailServer, type PostBox, postBox } from "../../../support/receivers.ts";

let directory: string;
let box: PostBox;
let mail: MailServer;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "alerts-"));
  mkdirSync(join(directory, "secrets"));
  mkdirSync(join(directory, ".stack"));
  box = await postBox();
  mail = await mailServer({ tls: "starttls", login: { user: "shop", password: "right5ecret" } });
  write("slack_webhook", `${box.base}/slack/5ecret4711`);
  write("pagerduty_key", "r0uting5ecret");
  write("smtp_password", "wr0ng5ecret");
  write("heart", `${box.base}/heart/5ecret4711`);
});
afterEach(async () => {
  box.close();
  await mail.close();
  rmSync(directory, { recursive: true, force: true });
});

function write(name: string, value: string): void {
  writeFileSync(join(directory, "secrets", name), `${value}\n`);
}

const everybody = (): NotifySettings => ({
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
  pagerduty: { key: "pagerduty_key", url: `${box.base}/v2/enqueue`, only: "critical" },
  webhook: { url: "hook" },
  heartbeat: "heart",
});

const context = (notify: NotifySettings = everybody()) => ({
  directory,
  model: model([], {
    notify,
    secrets: ["slack_webhook", "pagerduty_key", "smtp_password", "heart"].map((name) => ({
      name,
      about: name,
      mode: 0o444,
      kind: "supplied",
    })),
  }),
  engine: fakeEngine(),
  clock: { ...systemClock, sleep: async () => {} },
  signal: new AbortController().signal,
});

describe("alerts test without monitoring", () => {
  test("says of each receiver whether it took the message, and what to do if not, without any secret", async () => {
    const report = await testReceivers(context());
    expect(report.via).toBe("supervisor");
    expect(report.receivers.map(({ receiver, ok, error, hint }) => [receiver, ok, error, hint])).toEqual([
      ["slack", true, undefined, undefined],
      [
        "email",
        false,
        expect.stringMatching(/^localhost:\d+ cannot encrypt \(tls: starttls\): .*certificate/),
        "say in stack.yaml how the server encrypts: tls: starttls (port 587), implicit (port 465), none (a server on this host); then ./prod.sh generate && ./prod.sh start",
      ],
      ["pagerduty", true, undefined, undefined],
      [
        "webhook",
        false,
        "secrets/hook is empty or missing",
        "write it: install -m 444 /dev/stdin secrets/hook, paste the value, end with Ctrl-D; then ./prod.sh alerts test --to webhook",
      ],
      ["heartbeat", true, undefined, undefined],
    ]);
    expect(JSON.stringify(report)).not.toContain("5ecret");
    expect(box.bodies("/slack/5ecret4711")).toMatchObject([
      { attachments: [{ title: "CRITICAL shop: this is a test, nothing is wrong" }] },
    ]);
  });

  test("an incident that it opens at PagerDuty is ended by it", async () => {
    await testReceivers(context(), ["pagerduty"]);
    const events = box.bodies("/v2/enqueue") as { event_action: string; dedup_key: string }[];
    expect(events.map(({ event_action }) => event_action)).toEqual(["trigger", "resolve"]);
    expect(new Set(events.map(({ dedup_key }) => dedup_key)).size).toBe(1);
  });

  test("--to sends to that one only, and knows what there is", async () => {
    await testReceivers(context(), ["slack"]);
    expect(box.seen.map(({ path }) => path)).toEqual(["/slack/5ecret4711"]);
    await expect(testReceivers(context(), ["slak"])).rejects.toMatchObject({
      message: "--to slak: notify: of stack.yaml names no such receiver",
      hint: 'did you mean "slack"?',
    });
  });

  test("nobody to tell is an error with what to write", async () => {
    await expect(testReceivers(context({}))).rejects.toMatchObject({
      exit: "invalidInput",
      message: "nobody is told when something is wrong: stack.yaml names no receiver",
    });
  });
});

describe("what to do", () => {
  test.each([
    ["slack", "Slack answered with 404: no_service", "the webhook was taken back"],
    ["slack", "no answer from hooks.slack.com: ENOTFOUND", "does this server get out"],
    ["slack", 'Post "<redacted>": dial tcp 1.2.3.4:443: i/o timeout', "does this server get out"],
    ["email", "mail:587 refused the login: 535 5.7.8 authentication failed", "user: in stack.yaml and the password in"],
    [
      "email",
      "establish connection to server: x509: certificate signed by unknown authority",
      "how the server encrypts",
    ],
    ["email", "mail:587 refused the sender or receiver: 550 no such user", "look at from: and to:"],
    ["pagerduty", "PagerDuty answered with 400: Event object is invalid", 'of an "Events API v2" integration'],
    ["webhook", "the report was answered with 500", "look at the log of the server"],
  ] as const)("%s: %s", (name, error, expected) => {
    expect(wayOut({ name, error, secret: "the_secret" })).toContain(expected);
  });

  test.each([
    ["pagerduty", "routing key cannot be empty"],
    ["webhook", 'Post "<redacted>": unsupported protocol scheme ""'],
  ] as const)("%s: %s is a secret to write, and Alertmanager has to read it anew", (name, error) => {
    expect(wayOut({ name, error, secret: "key", holder: "alertmanager" })).toBe(
      `write it: install -m 444 /dev/stdin secrets/key, paste the value, end with Ctrl-D; then ./prod.sh restart alertmanager && ./prod.sh alerts test --to ${name}`,
    );
  });

  test("what is changed in stack.yaml is brought to the server", () => {
    expect(wayOut({ name: "email", error: "STARTTLS is not offered", secret: undefined })).toMatch(
      /; then \.\/prod\.sh generate && \.\/prod\.sh start$/,
    );
  });
});

describe("what Alertmanager says of itself", () => {
  test("its counters, by receiver", () => {
    const metrics = [
      "# TYPE alertmanager_notification_requests_total counter",
      'alertmanager_notification_requests_total{integration="webhook",receiver_name="heartbeat"} 7',
      'alertmanager_notification_requests_total{integration="webhook",receiver_name="webhook"} 3',
      'alertmanager_notification_requests_failed_total{integration="webhook",receiver_name="webhook"} 2',
      'alertmanager_notification_requests_total{integration="slack"} 1e+06',
      'alertmanager_notifications_total{integration="webhook",receiver_name="webhook"} 99',
    ].join("\n");
    expect([...requestsIn(metrics)]).toEqual([
      ["heartbeat", { sent: 7, failed: 0 }],
      ["webhook", { sent: 3, failed: 2 }],
      ["slack", { sent: 1_000_000, failed: 0 }],
    ]);
  });

  test("its log, by receiver; the newest reason", () => {
    const log = [
      'time=… level=WARN msg="Notify attempt failed, will retry later" component=dispatcher receiver=slack integration=slack[0] attempts=1 err="first"',
      'time=… level=ERROR msg="Notify for alerts failed" component=dispatcher num_alerts=1 err="slack/slack[0]: notify retry canceled due to unrecoverable error after 1 attempts: channel \\"\\": unexpected status code 403: no_service"',
      'time=… level=ERROR msg="Notify for alerts failed" err="webhook/webhook[0]: other"',
    ];
    expect(reasonIn(log, "slack")).toBe('channel "": unexpected status code 403: no_service');
    expect(reasonIn(log.slice(0, 1), "slack")).toBe("first");
    expect(reasonIn(log, "pagerduty")).toBeUndefined();
  });
});

test("alerts list without monitoring: what the supervisor tells of, and what it finds now, told or not", async () => {
  const trouble = {
    key: "service/web",
    name: "ServiceDown" as const,
    severity: "critical" as const,
    component: "web",
    service: "web",
    title: "web is unhealthy",
    lines: [],
    command: "./prod.sh logs web",
    holds: 0,
    clears: 0,
  };
  const since = Date.parse("2026-11-21T12:00:00Z");
  writeNotifyMemory(directory, {
    troubles: {
      "service/web": { trouble, since, told: {}, tried: {} },
      "service/db": { trouble: { ...trouble, key: "service/db" }, since, told: {}, tried: {} },
    },
    receivers: {},
  });
  const engine = fakeEngine();
  engine.add({ service: "web", health: "unhealthy" });
  const given = { ...context(), engine, progress: silentProgress };
  const stack = { ...given.model, services: [service("web")] };
  const { alerts, firing, receivers } = await listAlerts({ ...given, model: stack });
  expect(receivers).toEqual(["slack", "email", "pagerduty", "webhook", "heartbeat"]);
  // What cannot go wrong in a stack without routes, migrations and jobs is not listed.
  const names: string[] = ownAlerts.map(({ name }) => name);
  expect(alerts.map(({ name }) => name)).toEqual(
    names.filter((name) => !["MigrationFailed", "JobFailed", "JobOverdue", "CertificateBad"].includes(name)),
  );
  expect(firing).toEqual([
    {
      name: "ServiceDown",
      severity: "critical",
      component: "web",
      service: "web",
      summary: "web is unhealthy",
      command: "./prod.sh logs web --tail 50",
      since: "2026-11-21T12:00:00.000Z",
      quiet: false,
    },
    expect.objectContaining({ name: "BackupStale", summary: "nothing of stack can be restored from local" }),
  ]);
});

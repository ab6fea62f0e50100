import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openAlertmanager } from "../../src/operations/notify/alertmanager.ts";
import { listAlerts } from "../../src/operations/notify/list-alerts.ts";
import { testReceivers } from "../../src/operations/notify/test-receivers.ts";
import { runRestart } from "../../src/operations/restart.ts";
import { describeWithDocker } from "../support/docker.ts";
import { type MailServer, mailServer, type PostBox, postBox } from "../support/receivers.ts";
import { type MonitoringStack, monitoringImages, monitoringStack, soon } from "./monitoring-stack.ts";

/** The address under which containers find this host. */
function hostAddress(): string {
  const format = "{{(index .IPAM.Config 0).Gateway}}";
  return execFileSync("docker", ["network", "inspect", "bridge", "--format", format], { encoding: "utf8" }).trim();
}

/** Each test goes on from the last. */
await describeWithDocker("alerts through Alertmanager", monitoringImages, (engine) => {
  let stack: MonitoringStack;
  let box: PostBox;
  let mail: MailServer;

  beforeAll(async () => {
    const host = hostAddress();
    box = await postBox(host);
    mail = await mailServer({ tls: "none", host });
    const lines = [
      "  monitoring: {}",
      "notify:",
      "  slack: { webhook: slack_webhook }",
      `  email: { to: ops@example.com, from: shop@example.com, smtp: "${host}:${mail.port}", tls: none }`,
      `  pagerduty: { key: pagerduty_key, url: "${box.base}/v2/enqueue", only: critical }`,
      "  webhook: { url: hook }",
      "  heartbeat: heart",
    ];
    stack = await monitoringStack(engine, lines.join("\n"));
    const secrets = {
      slack_webhook: `${box.base}/slack/5ecret4711`,
      pagerduty_key: "r0uting5ecret",
      hook: `${box.base}/hook/5ecret4711`,
      heart: `${box.base}/heart/5ecret4711`,
    };
    for (const [name, value] of Object.entries(secrets))
      writeFileSync(join(stack.directory, "secrets", name), value, { mode: 0o444 });
    const { code, stderr } = await stack.compose("up", "--detach", "--wait", "--no-deps", "alertmanager");
    expect(code, stderr).toBe(0);
  });
  afterAll(async () => {
    await stack?.remove();
    box?.close();
    await mail?.close();
  });

  test("every receiver gets the test message, and each is told as taken", async () => {
    const report = await testReceivers(stack.context());
    expect(report.via).toBe("alertmanager");
    expect(report.receivers.map(({ receiver, ok, error }) => [receiver, ok, error])).toEqual([
      ["slack", true, undefined],
      ["email", true, undefined],
      ["pagerduty", true, undefined],
      ["webhook", true, undefined],
      ["heartbeat", true, undefined],
    ]);
    expect(box.bodies("/heart/5ecret4711")).toHaveLength(1);
    const words = "this is a test, nothing is wrong";
    expect(JSON.stringify(box.bodies("/slack/5ecret4711"))).toContain(words);
    expect(box.bodies("/v2/enqueue")).toMatchObject([{ event_action: "trigger", routing_key: "r0uting5ecret" }]);
    expect(box.bodies("/hook/5ecret4711")).toMatchObject([
      { version: "4", alerts: [{ labels: { alertname: "TestAlert" } }] },
    ]);
    expect(mail.mails).toHaveLength(1);
    expect(mail.mails[0]?.text).toContain(words);
  });

  test("a second test a moment later is a message again", async () => {
    const before = box.seen.length;
    const { receivers } = await testReceivers(stack.context(), ["slack"]);
    expect(receivers).toMatchObject([{ receiver: "slack", ok: true }]);
    expect(box.seen.slice(before).filter(({ path }) => path === "/slack/5ecret4711").length).toBeGreaterThan(0);
  });

  test("one that refuses is told with why and what to do, and without its secrets; the others are taken", async () => {
    box.refuse("/slack/5ecret4711", { status: 403, text: "invalid_token" });
    await mail.close();
    const { receivers } = await testReceivers(stack.context());
    expect(receivers.map(({ receiver, ok }) => [receiver, ok])).toEqual([
      ["slack", false],
      ["email", false],
      ["pagerduty", true],
      ["webhook", true],
      ["heartbeat", true],
    ]);
    const [slack, email] = receivers;
    expect(slack?.error).toContain("403");
    expect(slack?.hint).toContain("write its address into secrets/slack_webhook");
    expect(email?.error).toContain("connection refused");
    expect(email?.hint).toContain("does this server get out");
    expect(JSON.stringify(receivers)).not.toContain("5ecret");
  });

  test("a secret that was lost is told as that; written anew as the hint says, it is taken", async () => {
    const file = join(stack.directory, "secrets/slack_webhook");
    rmSync(file);
    const [lost] = (await testReceivers(stack.context(), ["slack"])).receivers;
    expect(lost).toMatchObject({ ok: false, error: "secrets/slack_webhook is empty or missing" });
    expect(lost?.hint).toMatch(/^write it: install -m 444 .*; then \.\/prod\.sh restart alertmanager && /);
    writeFileSync(file, `${box.base}/slack/new`, { mode: 0o444 });
    await runRestart(stack.context(), { services: ["alertmanager"] });
    expect((await testReceivers(stack.context(), ["slack"])).receivers).toMatchObject([{ ok: true }]);
    expect(box.bodies("/slack/new")).toHaveLength(1);
  });

  test("what fires is listed, tests are not, and what only the supervisor can know is: here nobody has started Prometheus", async () => {
    const noPrometheus = { name: "ServiceDown", summary: "prometheus has no container" };
    expect((await listAlerts(stack.context())).firing).toMatchObject([noPrometheus]);
    const now = Date.now();
    await (await openAlertmanager(stack.context())).post([
      {
        labels: { alertname: "PostgresDown", severity: "critical", component: "postgres", service: "postgres" },
        annotations: { summary: "postgres takes no connections", command: "./prod.sh logs postgres" },
        startsAt: new Date(now).toISOString(),
        endsAt: new Date(now + 600_000).toISOString(),
      },
    ]);
    await soon(async () => {
      const { firing, alerts } = await listAlerts(stack.context());
      expect(firing).toMatchObject([
        {
          name: "PostgresDown",
          severity: "critical",
          component: "postgres",
          summary: "postgres takes no connections",
          command: "./prod.sh logs postgres",
          quiet: false,
        },
        noPrometheus,
      ]);
      expect(alerts.map(({ name }) => name)).toEqual(expect.arrayContaining(["HostDiskFull", "DockerDown"]));
    }, 10_000);
  });

  test("an Alertmanager that does not run is told with the next command", async () => {
    await stack.compose("stop", "alertmanager");
    await expect(testReceivers(stack.context())).rejects.toMatchObject({
      message: "alertmanager does not run, and it is who tells of alerts",
      hint: "./prod.sh start alertmanager, then look at: ./prod.sh logs alertmanager --tail 50",
      exit: "unhealthy",
    });
    expect((await listAlerts(stack.context())).unknown).toBe(
      "alertmanager does not run, and it is who tells of alerts",
    );
  });
});

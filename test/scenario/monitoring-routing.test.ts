import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { StackModel } from "../../src/stack/model.ts";
import { modelOf } from "../support/catalogue.ts";
import { describeWithDocker } from "../support/docker.ts";
import { monitoredStack } from "../support/monitored-stack.ts";
import { alertmanagerImage, amtoolIn, prometheusImage, promtoolIn } from "../support/promtool.ts";

const components = "components:\n  monitoring: {}\n";
const stackWith = (notify: string) => modelOf(`name: shop\n${notify}\n${components}`);

await describeWithDocker("who is told, as Alertmanager reads it", [alertmanagerImage, prometheusImage], () => {
  const folder = mkdtempSync(join(tmpdir(), "routing-"));
  const [amtool, promtool] = [amtoolIn(folder), promtoolIn(folder)];
  afterAll(async () => {
    await Promise.all([amtool.remove(), promtool.remove()]);
    rmSync(folder, { recursive: true });
  });

  /** The monitoring's files of a stack, in a folder of their own below `folder`. */
  function write(name: string, model: StackModel): void {
    for (const { path, content } of model.files.filter((file) => file.path.startsWith("config/monitoring/"))) {
      const target = join(folder, name, path.slice("config/monitoring/".length));
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, content.replaceAll("/etc/alertmanager/", "").replaceAll("/etc/prometheus/", ""));
    }
  }

  const settings: [name: string, notify: string][] = [
    ["nobody", "notify: {}"],
    ["slack", "notify: { slack: { webhook: slack_webhook, only: critical } }"],
    ["mail", 'notify: { email: { to: [a@example.com, b@example.com], smtp: "mail.example.com:25", tls: none } }'],
    ["mail over TLS", 'notify: { email: { to: a@example.com, smtp: "mail.example.com:465", user: a, password: p } }'],
    ["heartbeat", "notify: { heartbeat: heartbeat_url }"],
  ];

  test.each(settings)("amtool accepts the configuration for %s", async (name, notify) => {
    write(name, stackWith(notify));
    const result = await amtool("check-config", `${name}/alertmanager.yml`);
    expect(result.code, result.stdout + result.stderr).toBe(0);
    expect(result.stdout).toContain("1 templates");
  });

  test("promtool accepts Prometheus' configuration for a stack of all components", async () => {
    write("all", modelOf(monitoredStack));
    // Without the tokens, which are not here.
    const result = await promtool("check", "config", "--syntax-only", "all/prometheus.yml");
    expect(result.code, result.stdout + result.stderr).toBe(0);
  });

  const everybody = "slack,email,webhook";
  const routes: [labels: string[], receivers: string][] = [
    [["severity=critical", "component=web"], "slack,email,pagerduty,webhook"],
    [["severity=warning", "component=web"], everybody],
    // A rule of the user's own, without a severity.
    [["alertname=Mine"], everybody],
    [["alertname=Watchdog", "severity=warning", "component=monitoring"], "heartbeat"],
    [["test_receiver=slack", "severity=critical"], "slack"],
    // Also one that takes only what is critical.
    [["test_receiver=pagerduty", "severity=warning"], "pagerduty"],
    [["test_receiver=heartbeat", "severity=critical"], "heartbeat"],
    [["test_receiver=unknown", "severity=critical"], "nobody"],
  ];

  test.each(routes)("an alert with %s goes to %s", async (labels, receivers) => {
    write("everybody", modelOf(monitoredStack));
    const result = await amtool("config", "routes", "test", "--config.file=everybody/alertmanager.yml", ...labels);
    expect(result.stdout.trim(), result.stderr).toBe(receivers);
  });

  test("without receivers everything goes to nobody", async () => {
    write("nobody", stackWith("notify: {}"));
    for (const labels of [["severity=critical"], ["alertname=Watchdog"]]) {
      const result = await amtool("config", "routes", "test", "--config.file=nobody/alertmanager.yml", ...labels);
      expect(result.stdout.trim(), result.stderr).toBe("nobody");
    }
  });

  const alerts = [
    alert("firing", "critical", "redis takes no connections", "./prod.sh logs redis"),
    alert("firing", "warning", "redis & co use > 85 %", "./prod.sh redis-cli info"),
    alert("resolved", "critical", "redis does not run", "./prod.sh start redis"),
  ];

  async function rendered(template: string, status: "firing" | "resolved", shown: typeof alerts): Promise<string> {
    write("everybody", modelOf(monitoredStack));
    const document = { status, alerts: shown, groupLabels: {}, commonLabels: {}, commonAnnotations: {}, receiver: "x" };
    writeFileSync(join(folder, "data.json"), JSON.stringify(document));
    const words = ["template", "render", "--template.glob=everybody/messages.tmpl", "--template.data=data.json"];
    const result = await amtool(...words, `--template.text={{ template "${template}" . }}`);
    expect(result.code, result.stderr).toBe(0);
    return result.stdout.trim();
  }

  test("a message says in a line how bad it is, where, what, and how much more", async () => {
    expect(await rendered("stack.title", "firing", alerts)).toBe(
      "CRITICAL shop: redis takes no connections (and 2 more)",
    );
    expect(await rendered("stack.title", "firing", alerts.slice(1, 2))).toBe("WARNING shop: redis & co use > 85 %");
    expect(await rendered("stack.title", "resolved", alerts.slice(2))).toBe("RESOLVED shop: redis does not run");
  });

  test("below it each alert has a line with the first command to type, and no link", async () => {
    const text = await rendered("stack.text", "firing", alerts);
    expect(text.split("\n")).toEqual([
      "CRITICAL redis takes no connections [redis] ./prod.sh logs redis",
      "WARNING redis & co use > 85 % [redis] ./prod.sh redis-cli info",
      "RESOLVED redis does not run [redis]",
    ]);
    expect(await rendered("stack.slack", "firing", alerts.slice(1, 2))).toBe(
      "WARNING redis &amp; co use &gt; 85 % [redis] `./prod.sh redis-cli info`",
    );
    expect(text).not.toMatch(/https?:/);
  });

  test("its colour and its severity say the same", async () => {
    expect(await rendered("stack.colour", "firing", alerts)).toBe("#d0021b");
    expect(await rendered("stack.colour", "firing", alerts.slice(1, 2))).toBe("#f5a623");
    expect(await rendered("stack.colour", "resolved", alerts.slice(2))).toBe("#2e8540");
    expect(await rendered("stack.severity", "firing", alerts.slice(1))).toBe("critical");
    expect(await rendered("stack.severity", "firing", alerts.slice(1, 2))).toBe("warning");
  });
});

function alert(status: string, severity: string, summary: string, command: string) {
  const labels = { alertname: "X", severity, component: "redis", stack: "shop" };
  return { status, labels, annotations: { summary, command }, startsAt: "2026-11-21T12:00:00Z" };
}

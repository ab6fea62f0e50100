import { describe, expect, test } from "vitest";
import { followersOf } from "../../../src/components/monitoring/alertmanager-config.ts";
import { options } from "../../../src/components/monitoring/options.ts";
import { ruleFile } from "../../../src/components/monitoring/rule-file.ts";
import type { AlertRule } from "../../../src/stack/monitoring.ts";
import { complaintsOf, modelOf, stackOf } from "../../support/catalogue.ts";
import { monitoredStack } from "../../support/monitored-stack.ts";

const small = (lines: string) => modelOf(stackOf(lines));
const fileOf = (model: ReturnType<typeof modelOf>, path: string) =>
  model.files.find((file) => file.path === `config/monitoring/${path}`)?.content ?? "";

/** The part of a file from one line to the next empty one, without its indentation. */
function part(text: string, from: string): string {
  const begin = text.indexOf(from);
  const lines = text.slice(text.lastIndexOf("\n", begin) + 1).split("\n\n")[0] ?? "";
  const indent = /^ */.exec(lines)?.[0] ?? "";
  return lines.replaceAll(new RegExp(`^${indent}`, "gm"), "").trimEnd();
}

describe("options", () => {
  test("without a word: 15 seconds, 15 days, and the thresholds that most stacks can keep", () => {
    expect(options.parse({})).toMatchObject({
      scrape: 15_000,
      retention: 15 * 86_400_000,
      size: 5 * 1024 ** 3,
      cadvisor: false,
      thresholds: { errors: 0.01, p99: 1_000, disk: 0.85, memory: 0.9, certificateDays: 14 },
      without: [],
    });
  });

  test("all parts together stay below 1 GB of limits", () => {
    const { limits } = options.parse({});
    const { cadvisor: _, ...standing } = limits;
    const sum = Object.values(standing).reduce((total, { memory }) => total + memory, 0);
    expect(sum).toBeLessThanOrEqual(768 * 1024 ** 2);
  });

  test.each([
    ["thresholds: { errors: 1 }", "expected"],
    ["thresholds: { disk: 85 }", "expected"],
    ["scrap: 5s", 'unknown key "scrap"'],
    ["host: prometheus.example.com", 'unknown key "host"'],
  ])("%s is refused", (line, complaint) => {
    expect(complaintsOf(stackOf(`monitoring: { ${line} }`))).toContain(complaint);
  });

  test("the name of a rule that is to be left out must be one", () => {
    expect(complaintsOf(stackOf("monitoring: { without: [HostDiskFul] }"))).toBe(
      '3:27 no alert rule is called HostDiskFul\n  did you mean "HostDiskFull"?',
    );
  });

  test("a rule that is left out stands in no file, no runbook and no status", () => {
    const model = small("monitoring: { without: [HostDiskFull] }");
    expect(model.alerts.map(({ name }) => name)).not.toContain("HostDiskFull");
    expect(fileOf(model, "rules/monitoring.yml")).not.toContain("alert: HostDiskFull\n");
    expect(fileOf(model, "rules/monitoring.yml")).toContain("alert: HostDiskFilling\n");
  });

  test("thresholds arrive in the rules, those of other components too", () => {
    const lines = "thresholds: { errors: 0.05, p99: 500ms, disk: 0.7, certificateDays: 30 }";
    const model = small(
      `monitoring: { ${lines} }\ntraefik: {}\nweb: { type: app, image: "a/b:1", port: 80, routes: [a.example.com] }`,
    );
    const exprOf = (name: string) => model.alerts.find((rule) => rule.name === name)?.expr ?? "";
    expect(exprOf("HostDiskFilling")).toContain("> 0.7 < 0.9");
    expect(exprOf("CertificateExpires")).toContain(`< ${30 * 86_400} >`);
    expect(exprOf("RequestsFail")).toContain("> 0.05");
    expect(exprOf("RequestsSlow")).toContain("> 0.5");
  });
});

describe("what Prometheus reads", () => {
  test("how often, how long, how much", () => {
    const text = fileOf(small("monitoring: { scrape: 30s, retention: 36h, size: 1500m }"), "prometheus.yml");
    expect(text).toContain("scrape_interval: 30s\n  scrape_timeout: 10s\n  evaluation_interval: 30s\n");
    expect(text).toContain("time: 36h\n");
    expect(text).toContain("size: 1500MB\n");
    expect(fileOf(small("monitoring: { scrape: 5s }"), "prometheus.yml")).toContain("scrape_timeout: 5s\n");
  });

  test("one container is a fixed target, so that it is seen when it is gone", () => {
    expect(part(fileOf(modelOf(monitoredStack), "prometheus.yml"), "- job_name: redis")).toMatchInlineSnapshot(`
      "- job_name: redis
        fallback_scrape_protocol: PrometheusText0.0.4
        static_configs:
          - targets: ["redis-exporter:9121"]
            labels: { component: "redis", service: "redis-exporter" }"
    `);
  });

  test("a token is read from its file, which Prometheus is given", () => {
    const model = modelOf(monitoredStack);
    expect(part(fileOf(model, "prometheus.yml"), "- job_name: minio")).toMatchInlineSnapshot(`
      "- job_name: minio
        metrics_path: "/minio/v2/metrics/cluster"
        fallback_scrape_protocol: PrometheusText0.0.4
        authorization:
          credentials_file: /run/secrets/minio_stack_monitor_token
        static_configs:
          - targets: ["minio:9000"]
            labels: { component: "minio", service: "minio" }"
    `);
    expect(model.services.find(({ name }) => name === "prometheus")?.secrets).toContain("minio_stack_monitor_token");
  });

  test("what the supervisor writes keeps its labels", () => {
    expect(part(fileOf(modelOf(monitoredStack), "prometheus.yml"), "- job_name: node")).toContain("honor_labels: true");
  });

  test("a route is asked for with its public name, at Traefik", () => {
    const model = small(
      'traefik: {}\nmonitoring: {}\nweb: { type: app, image: "a/b:1", port: 80, routes: [a.localhost, { host: a.localhost, path: /api }] }',
    );
    const text = fileOf(model, "prometheus.yml");
    expect(part(text, "- job_name: routes")).toMatchInlineSnapshot(`
      "- job_name: routes
        metrics_path: /probe
        scrape_interval: 30s
        static_configs:
          - targets: ["blackbox:9115"]
            labels:
              __param_module: route_own_authority
              __param_target: "https://traefik/"
              __param_hostname: "a.localhost"
              instance: "https://a.localhost/"
              component: "web"
              service: "web"
          - targets: ["blackbox:9115"]
            labels:
              __param_module: route_own_authority
              __param_target: "https://traefik/api"
              __param_hostname: "a.localhost"
              instance: "https://a.localhost/api"
              component: "web"
              service: "web""
    `);
    // One name, one certificate.
    expect(part(text, "- job_name: certificates").match(/targets:/g)).toHaveLength(1);
    expect(model.services.find(({ name }) => name === "blackbox")).toMatchObject({
      networks: ["monitoring", "edge"],
      secrets: ["local_authority"],
    });
  });

  test("certificates of a public authority are checked against the authorities that browsers know", () => {
    const model = small(
      'traefik: { acme: { email: a@example.com } }\nmonitoring: {}\nweb: { type: app, image: "a/b:1", port: 80, routes: [a.example.com] }',
    );
    expect(fileOf(model, "prometheus.yml")).toContain("__param_module: route\n");
    expect(fileOf(model, "blackbox.yml")).not.toContain("ca_file");
    expect(model.services.find(({ name }) => name === "blackbox")?.secrets).toEqual([]);
  });

  test("without routes there is no blackbox", () => {
    const model = small("monitoring: {}");
    expect(model.services.map(({ name }) => name).sort()).toEqual(["alertmanager", "node-exporter", "prometheus"]);
    expect(model.files.map(({ path }) => path)).not.toContain("config/monitoring/blackbox.yml");
  });

  test("Prometheus can be neither stopped nor emptied by those that it reads", () => {
    const command = small("monitoring: {}").services.find(({ name }) => name === "prometheus")?.command ?? [];
    expect(command.filter((word) => /lifecycle|admin-api|remote-write/.test(word))).toEqual([]);
  });
});

describe("who is told", () => {
  test("the secrets that Alertmanager reads must be there before the stack starts", () => {
    const model = modelOf(monitoredStack);
    const names = ["slack_webhook", "smtp_password", "pagerduty_key", "alert_webhook", "heartbeat_url"];
    expect(model.services.find(({ name }) => name === "alertmanager")?.secrets).toEqual(names);
    const files = model.secrets.filter(({ name }) => names.includes(name));
    expect(files.map((file) => [file.name, file.kind, "for" in file])).toEqual(
      names.map((name) => [name, "supplied", false]),
    );
  });

  test("one address for two is asked for once", () => {
    const model = modelOf("name: a\nnotify: { webhook: { url: one }, heartbeat: one }\ncomponents: { monitoring: {} }");
    expect(model.secrets.map(({ name }) => name)).toEqual(["one"]);
  });

  test("nobody: Alertmanager runs, and has nobody to tell", () => {
    const text = fileOf(small("monitoring: {}"), "alertmanager.yml");
    expect(text.slice(text.indexOf("receivers:"))).toBe("receivers:\n  - name: nobody\n");
    expect(text).not.toContain("undefined");
  });

  test("no address and no key stands in the files", () => {
    const text = fileOf(modelOf(monitoredStack), "alertmanager.yml");
    expect(text.match(/\S+_file: \S+/g)).toEqual([
      "url_file: /run/secrets/heartbeat_url",
      "api_url_file: /run/secrets/slack_webhook",
      "auth_password_file: /run/secrets/smtp_password",
      "routing_key_file: /run/secrets/pagerduty_key",
      "url_file: /run/secrets/alert_webhook",
    ]);
  });

  test("what stands still with a cause is silent, over components in between too", () => {
    expect(
      followersOf([
        { app: "web", from: "api" },
        { app: "api", from: "postgres" },
        { app: "worker", from: "postgres" },
      ]),
    ).toEqual([
      { cause: "api", users: ["web"] },
      { cause: "postgres", users: ["api", "web", "worker"] },
    ]);
  });
});

describe("the file with a component's alert rules", () => {
  const rule: AlertRule = {
    name: "RedisDown",
    expr: 'redis_up == 0\nand on () up{job="redis"} == 1',
    for: 60_000,
    severity: "critical",
    about: "redis",
    cause: true,
    summary: "redis takes no connections: {{ $labels.reason }}",
    meaning: "It is stopped.",
    command: "./prod.sh logs redis",
  };

  test("is read by people", () => {
    expect(
      ruleFile("redis", [rule, { ...rule, name: "RedisSlow", for: 0, severity: "warning" }]),
    ).toMatchInlineSnapshot(`
      "# When somebody is told: the rules of redis.
      #
      # Made by create-stack. A rule is switched off in stack.yaml (without: [Name], in the section of the monitoring);
      # rules of your own go into files of the folder rules/.

      groups:
        - name: redis
          rules:
            - alert: RedisDown
              expr: |-
                redis_up == 0
                and on () up{job="redis"} == 1
              for: 1m
              labels: { severity: critical, component: redis, cause: "true" }
              annotations:
                summary: "redis takes no connections: {{ $labels.reason }}"
                meaning: It is stopped.
                command: ./prod.sh logs redis

            - alert: RedisSlow
              expr: |-
                redis_up == 0
                and on () up{job="redis"} == 1
              labels: { severity: warning, component: redis, cause: "true" }
              annotations:
                summary: "redis takes no connections: {{ $labels.reason }}"
                meaning: It is stopped.
                command: ./prod.sh logs redis
      "
    `);
  });
});

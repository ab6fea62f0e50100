import { describe, expect, test } from "vitest";
import type { ContributionOf } from "../../../src/components/component.ts";
import { collectorFile, type Output } from "../../../src/components/container-logs/collector.ts";
import { accessLogNoise, componentExpression } from "../../../src/components/container-logs/expressions.ts";
import {
  type CollectorOptions,
  collectorOptions,
  multilineProblems,
} from "../../../src/components/container-logs/options.ts";
import { allowedRequests, socketProxy } from "../../../src/components/container-logs/socket-proxy.ts";
import { allBlocks, parseAlloy } from "../../support/alloy-syntax.ts";
import { componentUse } from "../../support/component-use.ts";
import { alloyReference } from "./logs-reference.ts";

const others: ContributionOf[] = ["traefik", "web", "web-api"].map((key) => ({
  key,
  type: "app",
  options: {},
  contribution: key === "web" ? { probes: [{ service: "web", port: 80, path: "/api/v1.0/up" }] } : {},
}));

const options: CollectorOptions = {
  multiline: { web: "^\\d{4}-" },
  healthChecks: "drop",
  socket: "/var/run/docker.sock",
};
const loki: Output = { kind: "loki", url: "http://loki:3100/loki/api/v1/push" };
const otlp: Output = { kind: "otlp", url: "http://elk-logstash:4318" };

const fileOf = (output: Output, changes: Partial<typeof options> = {}, silent: string[] = []) =>
  collectorFile(componentUse("logs"), { ...options, ...changes }, others, output, silent).content;

const blocksOf = (output: Output) => allBlocks(parseAlloy(fileOf(output, {}, ["logs-logstash"])));

describe("Alloy's configuration", () => {
  test.each([
    ["to Loki", loki],
    ["to Logstash", otlp],
  ])("%s: blocks and attributes are those of Alloy's reference, required ones included", (_, output) => {
    const wrong = blocksOf(output).flatMap(([path, { attributes }]) => {
      const known = alloyReference[path];
      if (known === undefined) return [`${path} is not in the table`];
      const names = known.map((name) => name.replace("!", ""));
      return [
        ...Object.keys(attributes).filter((name) => !names.includes(name)),
        ...known.filter((name) => name.endsWith("!") && !(name.slice(0, -1) in attributes)),
      ].map((name) => `${path}: ${name}`);
    });
    expect(wrong).toEqual([]);
  });

  test("the table has no line that neither needs", () => {
    const used = [loki, otlp].flatMap((output) =>
      blocksOf(output).flatMap(([path, { attributes }]) => [
        path,
        ...Object.keys(attributes).map((name) => `${path} ${name}`),
      ]),
    );
    const listed = Object.entries(alloyReference).flatMap(([path, names]) => [
      path,
      ...names.map((name) => `${path} ${name.replace("!", "")}`),
    ]);
    expect(listed.filter((entry) => !used.includes(entry))).toEqual([]);
  });

  test.each([
    ["to Loki", loki, ["discovery.docker.stack", "discovery.relabel.stack", "loki.process.stack", "loki.write.store"]],
    [
      "to Logstash",
      otlp,
      [
        "discovery.docker.stack",
        "discovery.relabel.stack",
        "loki.process.stack",
        "otelcol.exporter.otlphttp.store",
        "otelcol.processor.batch.store",
        "otelcol.receiver.loki.store",
      ],
    ],
  ])("%s: each block that another names is there", (_, output, expected) => {
    const blocks = parseAlloy(fileOf(output));
    const there = blocks.filter(({ label }) => label !== undefined).map(({ name, label }) => `${name}.${label}`);
    const named = allBlocks(blocks).flatMap(([, { attributes }]) =>
      Object.values(attributes).flatMap((value) =>
        [...value.matchAll(/\b((?:discovery|loki|otelcol)\.[a-z.]+)\.(targets|output|receiver|input)\b/g)].map(
          ([, name]) => name,
        ),
      ),
    );
    expect([...new Set(named)].sort()).toEqual(expected);
    expect(named.filter((name) => !there.includes(name ?? ""))).toEqual([]);
  });

  test("reads this stack's containers alone, through the proxy", () => {
    expect(fileOf(loki)).toContain('values = ["com.docker.compose.project=shop"]');
    expect(fileOf(loki).match(/"tcp:\/\/logs-socket:2375"/g)).toHaveLength(2);
  });

  test("lines of what carries the lines are left out", () => {
    expect(fileOf(otlp, {}, ["elk-logstash", "elk-alloy"])).toContain("regex         = `elk-logstash|elk-alloy`");
    expect(fileOf(loki)).not.toContain('action        = "drop"');
  });

  test("health checks are kept where that was asked for", () => {
    expect(fileOf(loki)).toContain("drop_counter_reason");
    expect(fileOf(loki, { healthChecks: "keep" })).not.toContain("drop_counter_reason");
  });

  test("labels have few values: nothing but service, component, release and level becomes one", () => {
    const blocks = allBlocks(parseAlloy(fileOf(loki)));
    const targets = blocks.flatMap(([, { attributes }]) => attributes.target_label ?? []);
    expect(targets).toEqual(['"service"', '"component"', '"release"']);
    expect(
      blocks.filter(([, { name }]) => name === "stage.labels").map(([, { attributes }]) => attributes.values),
    ).toEqual(['{ level = "level" }']);
  });
});

describe("which component a service belongs to", () => {
  const whole = new RegExp(`^(?:${componentExpression(["web", "web-api", "traefik"])})$`);
  test.each([
    ["web", "web"],
    ["web-setup", "web"],
    ["web-api", "web-api"],
    ["web-api-migrate", "web-api"],
    ["web-apis", "web"],
    ["traefik", "traefik"],
  ])("%s: %s", (service, component) => expect(whole.exec(service)?.[1]).toBe(component));
});

describe("access log lines that say nothing", () => {
  const noise = accessLogNoise(["/api/v1.0/up", "/"]).map((expression) => new RegExp(expression));
  const traefik = (path: string, status: number) =>
    `{"ClientAddr":"10.0.0.1:5","DownstreamStatus":${status},"Duration":1,"RequestMethod":"GET","RequestPath":"${path}","RouterName":"web@file"}`;
  test.each([
    ['10.0.0.1 - - [21/Nov/2026:14:00:00 +0000] "GET /health HTTP/1.1" 200 2 "-" "curl/8"', true],
    ['10.0.0.1 - - [21/Nov/2026:14:00:00 +0000] "GET /api/v1.0/up?full=1 HTTP/1.1" 204 0', true],
    [traefik("/healthz", 200), true],
    [traefik("/api/v1.0/up", 200), true],
    ['10.0.0.1 - - [21/Nov/2026:14:00:00 +0000] "GET /health HTTP/1.1" 503 2', false],
    ['10.0.0.1 - - [21/Nov/2026:14:00:00 +0000] "POST /health HTTP/1.1" 200 2', false],
    ['10.0.0.1 - - [21/Nov/2026:14:00:00 +0000] "GET /health-insurance HTTP/1.1" 200 2', false],
    ['10.0.0.1 - - [21/Nov/2026:14:00:00 +0000] "GET / HTTP/1.1" 200 2', false],
    ['10.0.0.1 - - [21/Nov/2026:14:00:00 +0000] "GET /api/v1x0/up HTTP/1.1" 200 2', false],
    [traefik("/healthz", 500), false],
    [traefik("/orders", 200), false],
  ])("%s: %s", (line, dropped) => expect(noise.some((expression) => expression.test(line))).toBe(dropped));
});

describe("the proxy before the engine's socket", () => {
  const id = "a".repeat(64);
  const allows = (method: string, path: string) =>
    allowedRequests.some((word) => {
      const [, allowed, expression] = /^-allow([A-Z]+)=(.*)$/.exec(word) ?? [];
      return allowed === method && new RegExp(`^(?:${expression})$`).test(path);
    });
  test.each([
    ["GET", "/_ping", true],
    ["HEAD", "/_ping", true],
    ["GET", "/v1.47/containers/json", true],
    ["GET", "/v1.47/networks", true],
    ["GET", `/v1.47/containers/${id}/json`, true],
    ["GET", `/v1.47/containers/${id}/logs`, true],
    ["POST", "/v1.47/containers/create", false],
    ["POST", `/v1.47/containers/${id}/exec`, false],
    ["DELETE", `/v1.47/containers/${id}`, false],
    ["GET", `/v1.47/containers/${id}/archive`, false],
    ["GET", `/v1.47/containers/${id}/export`, false],
    ["GET", `/v1.47/containers/${id}/attach/ws`, false],
    ["GET", `/v1.47/containers/${id}/../../secrets`, false],
    ["GET", "/v1.47/containers/web/logs", false],
    ["GET", "/v1.47/secrets", false],
    ["GET", "/v1.47/images/json", false],
    ["GET", "/v1.47/events", false],
  ])("%s %s: %s", (method, path, expected) => expect(allows(method, path)).toBe(expected));

  test("answers its reader alone, and mounts the socket that was named", () => {
    const proxy = socketProxy("loki", "loki-alloy", "/run/user/1000/docker.sock");
    expect(proxy.command).toContain("-allowfrom=loki-alloy");
    expect(proxy.networks).toEqual(["loki-socket"]);
    expect(proxy.mounts).toEqual([
      { kind: "host", source: "/run/user/1000/docker.sock", target: "/var/run/docker.sock", readOnly: true },
    ]);
  });
});

describe("multiline", () => {
  test("names a component of the stack", () => {
    expect(multilineProblems({ ...options, multiline: { wbe: "^x" } }, others)).toEqual([
      {
        path: ["multiline", "wbe"],
        message: 'multiline names "wbe", which is not in this stack',
        hint: "name one of traefik, web, web-api",
      },
    ]);
    expect(multilineProblems(options, others)).toEqual([]);
  });

  test.each([["("], ["a`b"], ["a\nb"]])("%j is refused", (text) => {
    expect(collectorOptions.multiline.safeParse({ web: text }).success).toBe(false);
  });
});

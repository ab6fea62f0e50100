import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { component } from "../../../src/components/loki/index.ts";
import { componentUse } from "../../support/component-use.ts";
import { settingProblems, settingsIn } from "../../support/documented.ts";
import { lokiReference } from "./logs-reference.ts";

/** What the component adds with these options, as in stack.yaml. */
function made(yaml = "{}", monitored = false, key = "loki") {
  return component.contribute(component.options.parse(parse(yaml)), componentUse(key, { monitored }));
}

const configOf = (yaml: string) => made(yaml).files?.find(({ path }) => path === "config/loki/loki.yml")?.content ?? "";

test("every setting of loki.yml is one of Loki's reference, of its type", () => {
  expect(settingProblems(configOf("{}"), lokiReference)).toEqual([]);
});

test("retention is what was asked for, and is carried out", () => {
  const settings = settingsIn(configOf("{ retention: 7d }"));
  expect(settings).toMatchObject({
    "limits_config.retention_period": "168h",
    "limits_config.reject_old_samples_max_age": "168h",
    "compactor.retention_enabled": true,
    "compactor.delete_request_store": "filesystem",
    // Retention works on an index by the day alone.
    "schema_config.configs.index.period": "24h",
  });
  expect(settingsIn(configOf("{}"))["limits_config.retention_period"]).toBe("720h");
  expect(component.options.safeParse({ retention: "12h" }).success).toBe(false);
});

test("nothing is told to anybody outside, and only the collector, Grafana and Prometheus can reach it", () => {
  expect(settingsIn(configOf("{}"))["analytics.reporting_enabled"]).toBe(false);
  const networks = (monitored: boolean) => made("{}", monitored).services?.map((service) => service.networks);
  expect(networks(false)).toEqual([["logs"], ["loki-socket"], ["loki-socket", "logs"]]);
  expect(networks(true)).toEqual([["logs", "monitoring"], ["loki-socket"], ["loki-socket", "logs", "monitoring"]]);
});

test("Loki, its collector and the proxy fit into 512 MB", () => {
  const limits = made().services?.map(({ limits }) => limits.memory / 1024 ** 2) ?? [];
  expect(limits).toEqual([256, 32, 224]);
});

test("Loki's caches and replay grow with its memory", () => {
  const settings = settingsIn(configOf("{ limits: { memory: 1g } }"));
  expect(settings["ingester.wal.replay_memory_ceiling"]).toBe("256MB");
  expect(settings["query_range.results_cache.cache.embedded_cache.max_size_mb"]).toBe(64);
  expect(made("{ limits: { memory: 1g } }").services?.[0]?.environment?.GOMEMLIMIT).toBe("921MiB");
  expect(made("{ limits: { memory: 64m } }").problems).toMatchObject([
    { message: "Loki needs at least 128 MB of memory" },
  ]);
});

describe("monitored", () => {
  test("metrics, rules and a dashboard are there, otherwise not; Grafana finds it in both cases", () => {
    const { scrapes, alertRules, dashboards } = made("{}", true);
    expect(scrapes?.map(({ job, service, port }) => `${job} ${service}:${port}`)).toEqual([
      "loki loki:3100",
      "loki-alloy loki-alloy:12345",
    ]);
    expect(alertRules?.map(({ name }) => name)).toEqual([
      "LokiDown",
      "LokiRefusesLines",
      "LogLinesLost",
      "LogStoreLarge",
      "LogCollectorDown",
      "LogsMissing",
    ]);
    expect(dashboards?.map(({ uid }) => uid)).toEqual(["logs"]);
    const alone = made();
    expect([alone.scrapes, alone.alertRules, alone.dashboards]).toEqual([undefined, undefined, undefined]);
    expect(alone.grafanaSources).toMatchObject([{ uid: "loki", url: "http://loki:3100", network: "logs" }]);
  });

  test("the collector's port is open only where something reads its metrics", () => {
    const listens = (monitored: boolean) => made("{}", monitored).services?.[2]?.command?.[1];
    expect(listens(false)).toBe("--server.http.listen-addr=127.0.0.1:12345");
    expect(listens(true)).toBe("--server.http.listen-addr=0.0.0.0:12345");
  });
});

test("nothing is backed up, and it is said why", () => {
  expect(made().dataSources).toBeUndefined();
  expect(made().unprotected?.map(({ name }) => name)).toEqual(["loki-data", "loki-alloy-data"]);
});

import { expect, test } from "vitest";
import { metricsText } from "../../../../src/notify/metrics-text.ts";
import { noCounts } from "../../../../src/operations/metrics/counts.ts";
import { releaseOf, type Sight, serviceMetrics } from "../../../../src/operations/metrics/service-metrics.ts";
import { container, model, service } from "../../../support/models.ts";

const sight = (parts: Partial<Sight>): Sight => ({
  at: 1_795_000_000_500,
  model: model([]),
  containers: [],
  use: new Map(),
  counts: noCounts(),
  migrations: [],
  jobs: [],
  watchRestarts: {},
  logStores: {},
  ...parts,
});

/** The lines of metrics whose name has one of these parts, without the names' common beginning. */
function lines(seen: Partial<Sight>, ...parts: string[]): string[] {
  return metricsText(serviceMetrics(sight(seen)))
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#") && parts.some((part) => line.includes(part)))
    .map((line) => line.replace("create_stack_", "").replaceAll('stack="shop",', ""));
}

test("everything about a container and its service", () => {
  const web = container("web", {
    image: "registry.example:5000/shop/web:1.4.2@sha256:abc",
    startedAt: 1_794_999_000_000,
    cpuLimit: 0.5,
    addresses: { shop_scrape: "172.20.0.3", shop_apps: "172.21.0.3" },
  });
  const text = metricsText(
    serviceMetrics(
      sight({
        model: model([service("web", { component: "server", replicas: 2 })]),
        containers: [web],
        use: new Map([["web-id", { memory: 12_345_678, cpu: 1.25 }]]),
        counts: { ...noCounts(), services: { web: { restarts: 3, oomKills: 1 } } },
        migrations: [{ app: "server", ok: true, at: 1_794_000_000_000 }],
        watchRestarts: { web: 2, other: 7 },
        scheduledAt: 1_795_000_000_000,
        logStores: { loki: 5_000 },
      }),
    ),
  );
  const labels = 'stack="shop",component="server",service="web"';
  const release = `${labels},container="shop-web-1",release="1.4.2"`;
  expect(text.split("\n").filter((line) => !line.startsWith("#"))).toEqual([
    'create_stack_metrics_written_timestamp_seconds{stack="shop"} 1795000000.5',
    `create_stack_service_replicas_wanted{${labels}} 2`,
    `create_stack_service_replicas_running{${labels}} 1`,
    `create_stack_container_running{${labels},container="shop-web-1"} 1`,
    `create_stack_container_healthy{${labels},container="shop-web-1"} 1`,
    `create_stack_container_restarts_total{${labels}} 3`,
    `create_stack_container_oom_kills_total{${labels}} 1`,
    `create_stack_watch_restarts_total{${labels}} 2`,
    `create_stack_container_start_timestamp_seconds{${release}} 1794999000`,
    `create_stack_container_memory_bytes{${release}} 12345678`,
    `create_stack_container_memory_limit_bytes{${release}} 67108864`,
    `create_stack_container_cpu_seconds_total{${release}} 1.25`,
    `create_stack_container_cpu_limit{${release}} 0.5`,
    `create_stack_container_info{${labels},container="shop-web-1",group="apps",release="1.4.2",image="registry.example:5000/shop/web:1.4.2@sha256:abc",address="172.20.0.3"} 1`,
    'create_stack_migration_last_success{stack="shop",component="server"} 1',
    'create_stack_migration_last_timestamp_seconds{stack="shop",component="server"} 1794000000',
    'create_stack_schedule_last_run_timestamp_seconds{stack="shop"} 1795000000',
    'create_stack_log_store_bytes{stack="shop",component="loki"} 5000',
    "",
  ]);
  expect(text).toContain("# TYPE create_stack_container_restarts_total counter\n");
  expect(text).toContain("# TYPE create_stack_container_memory_bytes gauge\n");
});

test("a service without a container, one-shots, jobs, and what only the override knows", () => {
  const seen = {
    model: model([service("db"), service("init", { class: "one-shot" }), service("web-migrate", { class: "job" })]),
    containers: [
      container("init", { state: "exited" }),
      container("web-migrate", { oneOff: true }),
      container("extra", { cpuLimit: 0, memoryLimit: 0 }),
    ],
  };
  expect(lines(seen, "replicas", "running", "limit")).toEqual([
    'service_replicas_wanted{component="db",service="db"} 1',
    'service_replicas_running{component="db",service="db"} 0',
    'service_replicas_running{component="override",service="extra"} 1',
    'container_running{component="override",service="extra",container="shop-extra-1"} 1',
  ]);
});

test.each([
  ["healthy", { health: "healthy" as const }, "1", "1"],
  ["unhealthy", { health: "unhealthy" as const }, "1", "0"],
  ["starting", { health: "starting" as const }, "1", undefined],
  ["ended with an old answer of its check", { state: "exited" as const, health: "unhealthy" as const }, "0", undefined],
  ["restarting", { state: "restarting" as const }, "0", undefined],
  ["paused", { state: "paused" as const, health: "healthy" as const }, "0", undefined],
])("a container that is %s", (_, parts, running, healthy) => {
  const seen = { model: model([service("web")]), containers: [container("web", parts)] };
  const valueIn = (name: string) => lines(seen, name)[0]?.split(" ").at(-1);
  expect(valueIn("container_running")).toBe(running);
  expect(valueIn("container_healthy")).toBe(healthy);
  expect(lines(seen, "start_timestamp")).toHaveLength(running === "1" ? 1 : 0);
});

test.each([
  ["ghcr.io/you/app:1.4.2", "1.4.2"],
  ["ghcr.io/you/app:1.4.2@sha256:0123456789abcdef", "1.4.2"],
  ["registry:5000/app", "latest"],
  ["registry:5000/app@sha256:0123456789abcdef", "0123456789ab"],
  ["postgres:18.6-trixie", "18.6-trixie"],
])("the release of %s is %s", (image, release) => expect(releaseOf(image)).toBe(release));

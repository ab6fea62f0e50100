import { afterAll, beforeAll, expect, test } from "vitest";
import { runBackup } from "../../src/operations/backup/run.ts";
import { writeServiceMetrics } from "../../src/operations/metrics/write.ts";
import { runMigrate } from "../../src/operations/migrate.ts";
import { runStart } from "../../src/operations/start.ts";
import { freePort } from "../support/cli-stack.ts";
import { buildDemo } from "../support/demo-image.ts";
import { describeWithDocker } from "../support/docker.ts";
import { type MonitoringStack, monitoringImages, monitoringStack, soon } from "./monitoring-stack.ts";

const images = [
  ...monitoringImages,
  "traefik:v3.7.11",
  "postgres:18.6-trixie",
  "redis:8.2.9-bookworm",
  "pgsty/silo:RELEASE.2026-09-16T00-00-00Z",
  "quay.io/prometheuscommunity/postgres-exporter:v0.20.1",
  "oliver006/redis_exporter:v1.88.0-alpine",
  "node:22-trixie-slim",
];

/** All that can be measured, measured. Each test goes on from the last. */
await describeWithDocker("a stack that is measured", images, (engine) => {
  let stack: MonitoringStack;

  beforeAll(async () => {
    buildDemo();
    stack = await monitoringStack(
      engine,
      [
        `  traefik: { ports: { http: ${await freePort()}, https: ${await freePort()} } }`,
        `  web: { type: app, image: "create-stack/demo:1.0.0", port: 3000, user: "1000:1000", routes: [shop.localhost], health: /health,`,
        "    uses: [postgres, redis, minio], migrate: [node, migrate.mjs] }",
        "  postgres: {}",
        "  redis: {}",
        "  minio: { buckets: [uploads] }",
        "  monitoring: { scrape: 2s }",
      ].join("\n"),
    );
    // The page is asked for as soon as blackbox is there, and fails without its tables.
    await runStart(stack.context(), { services: ["postgres-setup", "redis-setup", "minio-setup"] });
    await runMigrate(stack.context(), {});
    await runStart(stack.context());
    await writeServiceMetrics(stack.context(), { scheduled: true });
  });
  afterAll(() => stack?.remove());

  test("every target is up", async () => {
    const prometheus = await stack.prometheus();
    const jobs = [...stack.model.scrapes.map(({ job }) => job), "certificates", "routes"].sort();
    expect(jobs).toEqual(expect.arrayContaining(["postgres", "redis", "minio", "traefik", "node", "blackbox"]));
    await soon(async () => expect(await prometheus.targets()).toEqual(jobs.map((job) => `${job} up`)));
  });

  test("the route answers over TLS that the stack's own authority vouches for, and its certificate is looked at", async () => {
    const prometheus = await stack.prometheus();
    const web = 'component="web",service="web"';
    await soon(async () =>
      expect(await prometheus.query("probe_success")).toMatchObject({
        [`{${web.replace(",", ',instance="https://shop.localhost/",job="routes",')}}`]: 1,
        [`{${web.replace(",", ',instance="shop.localhost",job="certificates",')}}`]: 1,
      }),
    );
    const [days] = Object.values(
      await prometheus.query("(probe_ssl_earliest_cert_expiry{job='certificates'} - time()) / 86400"),
    );
    expect(days).toBeGreaterThan(30);
  });

  test("what the supervisor writes arrives with the labels of what it is about", async () => {
    const prometheus = await stack.prometheus();
    await soon(async () =>
      expect(await prometheus.query("create_stack_service_replicas_running{component='postgres'}")).toEqual({
        [`{component="postgres",instance="node-exporter:9100",job="node",service="postgres",stack="${stack.model.name}"}`]: 1,
        [`{component="postgres",instance="node-exporter:9100",job="node",service="postgres-exporter",stack="${stack.model.name}"}`]: 1,
      }),
    );
  });

  test("the server's own disk and memory are seen from inside the container", async () => {
    const prometheus = await stack.prometheus();
    const disks = await prometheus.query("node_filesystem_size_bytes");
    expect(Object.keys(disks).join("\n")).toContain('mountpoint="/"');
    expect(Object.keys(disks).filter((labels) => /overlay|\/var\/lib\/docker|tmpfs/.test(labels))).toEqual([]);
    expect(await prometheus.query("node_network_receive_bytes_total")).toEqual({});
  });

  test("each rule can be looked at, and is made of metrics that there are", async () => {
    await runBackup(stack.context(), { version: "0.0.0" });
    const prometheus = await stack.prometheus();
    await soon(async () => {
      const rules = await prometheus.rules();
      expect(rules.map(({ name }) => name).sort()).toEqual(stack.model.alerts.map(({ name }) => name).sort());
      expect(rules.filter(({ health }) => health !== "ok")).toEqual([]);
    });
    await soon(async () => {
      const known = new Set(await prometheus.metricNames());
      const used = stack.model.alerts.flatMap(({ name, expr }) =>
        metricsIn(expr).map((metric) => `${name}: ${metric}`),
      );
      const missing = used.filter((one) => !known.has(one.split(": ")[1] ?? ""));
      expect(missing.filter((one) => !firstWithAFailure.includes(one))).toEqual([]);
    }, 30_000);
  });

  test("nothing is wrong, so nothing fires but what always does", async () => {
    const prometheus = await stack.prometheus();
    const firing = (await prometheus.firing()).filter((alert) => !alert.endsWith(" host"));
    expect(firing).toEqual(["Watchdog monitoring"]);
  });
});

/** Metrics that appear with the first restore on trial, the first replica, or the first failure. */
const firstWithAFailure = [
  "PostgresSlotKeepsLog: pg_replication_slots_pg_wal_lsn_diff",
  "PostgresReplicationLag: pg_stat_replication_pg_wal_lsn_diff",
  "MinioErrors: minio_s3_requests_5xx_errors_total",
  "RestoreDrillFailed: create_stack_backup_drill_success",
  "RestoreDrillOld: create_stack_backup_drill_timestamp_seconds",
  "AlertmanagerCannotNotify: alertmanager_notifications_failed_total",
];

/** Names of the metrics that an expression is made of. */
function metricsIn(expression: string): string[] {
  const bare = expression.replace(/\b(on|by|without|ignoring|group_left|group_right) *\([^)]*\)/g, "");
  return [...bare.matchAll(/\b[a-z]+_[a-z_0-9]+(?=[{[\s)]|$)/g)].map(([metric]) => metric);
}

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import type { StackModel } from "../../src/stack/model.ts";
import { run } from "../../src/support/process.ts";
import { renderedFiles } from "../support/catalogue.ts";
import { type CliStack, createCliStack } from "../support/cli-stack.ts";
import { type DashboardDocument, dashboardProblems } from "../support/dashboard-rules.ts";
import { buildDemo } from "../support/demo-image.ts";
import { describeWithDocker, smallImage } from "../support/docker.ts";
import { type PrometheusClient, prometheusAt } from "../support/prometheus.ts";
import { ownSubnets, soon } from "./monitoring-stack.ts";

/** Everything whose server and exporter the tests have. What tells of Kafka, MongoDB and Elasticsearch is missing. */
const components = `
  traefik: {}
  app:
    image: create-stack/demo:1.0.0
    port: 3000
    user: "1000:1000"
    routes: [demo.localhost]
    health: /health
    uses: [postgres, redis, minio]
    migrate: [node, migrate.mjs]
    seed: [node, seed.mjs]
    volumes: [{ name: files, path: /files }]
    limits: { cpus: 0.5, memory: 256m }
  worker:
    { type: app, image: "chrislusf/seaweedfs:4.44", user: "1000:1000", port: 3000,
      uses: [rabbitmq, seaweedfs/media, sessions], entrypoint: [sleep], command: ["3600"],
      stopGrace: 1s, health: { exec: ["true"] }, limits: { memory: 64m } }
  nightly: { type: job, of: app, command: [node, -e, "0"], schedule: "0 4 * * *" }
  postgres: { pooler: { apps: [app] }, limits: { cpus: 1, memory: 512m } }
  redis: { limits: { cpus: 0.5, memory: 128m } }
  sessions: { type: redis, mode: sentinel, memory: 32m }
  minio: { buckets: [uploads] }
  seaweedfs: { buckets: [media], limits: { memory: 768m } }
  rabbitmq: { queues: { mails: { deadLetter: failed }, failed: null } }
  nginx: { upstreams: { /api: app } }
  loki: {}
  monitoring: { scrape: 2s }
`;

const images = [
  "traefik:v3.7.11",
  "postgres:18.6-trixie",
  "redis:8.2.9-bookworm",
  "haproxy:3.2-trixie",
  "edoburu/pgbouncer:v1.26.0-p0",
  "node:22-trixie-slim",
  "pgsty/silo:RELEASE.2026-09-16T00-00-00Z",
  "chrislusf/seaweedfs:4.44",
  "rabbitmq:4.3.5",
  "nginx:1.30.6",
  "grafana/loki:3.7.6",
  smallImage,
  "prom/prometheus:v3.13.2",
  "prom/alertmanager:v0.34.0",
  "prom/blackbox-exporter:v0.28.0",
  "quay.io/prometheus/node-exporter:v1.12.1",
  "quay.io/prometheuscommunity/postgres-exporter:v0.20.1",
  "quay.io/prometheuscommunity/pgbouncer-exporter:v0.12.1",
  "oliver006/redis_exporter:v1.88.0-alpine",
  "nginx/nginx-prometheus-exporter:1.5.1",
];

/** What Grafana would be given of this stack; its own image is not needed for that. */
const dashboards = [...renderedFiles(`name: shop\ncomponents:${components}  grafana: {}\n`)]
  .filter(([path]) => /^config\/grafana\/dashboards\/.*\.json$/.test(path))
  .map(([, content]) => JSON.parse(content) as DashboardDocument);
const titled = dashboards.map((dashboard) => [dashboard.title, dashboard] as const);

describe("the dashboards of a stack with everything", () => {
  test.each(titled)("%s is sound", (_, dashboard) => {
    expect(dashboardProblems(dashboard, ["prometheus", "loki"])).toEqual([]);
  });
});

/** Alloy and the proxy before the engine's socket: where their images are, what they tell is asked for too. */
const collecting = ["loki-alloy", "loki-socket"];

/** Each test goes on from the last. */
await describeWithDocker("a stack of everything, measured", images, (engine) => {
  let stack: CliStack;
  let model: StackModel;
  let prometheus: PrometheusClient;
  let collected = false;

  beforeAll(async () => {
    buildDemo();
    stack = await createCliStack({ yaml: `name: shop\ncomponents:${components}` });
    model = JSON.parse(readFileSync(join(stack.directory, ".stack/model.json"), "utf8")) as StackModel;
    writeFileSync(join(stack.directory, "site/index.html"), "<p>hello\n");
    writeFileSync(join(stack.directory, "compose.override.yaml"), stringify(quicker(model)));
    const found = await Promise.all(
      collecting.map((name) => engine.image(model.services.find((one) => one.name === name)?.image ?? "")),
    );
    collected = !found.includes(undefined);
    const services = model.services.filter(
      ({ name, class: kind }) => kind === "long-running" && (collected || !collecting.includes(name)),
    );
    // The page is asked for as soon as blackbox is there, and fails without its tables.
    await done("start", "postgres-pooler", ...["postgres", "redis", "minio", "app"].map((name) => `${name}-setup`));
    await done("migrate", "--seed");
    await done("start", ...services.map(({ name }) => name));
    prometheus = prometheusAt(await addressOf("prometheus", "monitoring"));
    // The first call makes the first backup, the drill restores it on trial; both write their metrics.
    await done("schedule", "run");
  });
  afterAll(() => stack?.remove());

  async function done(...words: string[]): Promise<void> {
    const result = await stack.run(...words);
    expect(result, `${words.join(" ")}\n${result.stdout}${result.stderr}`).toMatchObject({ code: 0 });
  }

  const containerOf = (service: string) => `${stack.name}-${service}-1`;

  async function addressOf(service: string, network: string): Promise<string> {
    const { containers } = await engine.observe(stack.name);
    const id = containers.find((one) => one.service === service)?.id ?? "";
    return (await engine.address(id, `${stack.name}_${network}`)) ?? "";
  }

  async function inside(service: string, line: string): Promise<string> {
    const { code, stdout, stderr } = await run(["docker", "exec", containerOf(service), "sh", "-c", line]);
    expect(code, `${service}: ${line}\n${stderr}`).toBe(0);
    return stdout;
  }

  const jobs = () => [
    ...model.scrapes.filter(({ service }) => collected || !collecting.includes(service)).map(({ job }) => job),
    "certificates",
    "routes",
  ];

  test("every target is up", async () => {
    expect(jobs()).toEqual(expect.arrayContaining(["rabbitmq", "seaweedfs", "nginx", "loki", "sessions-sentinel-1"]));
    await soon(async () => {
      const targets = (await prometheus.targets()).filter((target) => collected || !target.startsWith("loki-alloy "));
      expect([...new Set(targets)]).toEqual(
        jobs()
          .map((job) => `${job} up`)
          .sort(),
      );
    });
  });

  test("the route answers over TLS that the stack's own authority vouches for, and its certificate is looked at", async () => {
    const app = 'component="app",service="app"';
    await soon(async () =>
      expect(await prometheus.query("probe_success")).toMatchObject({
        [`{${app.replace(",", ',instance="https://demo.localhost/",job="routes",')}}`]: 1,
        [`{${app.replace(",", ',instance="demo.localhost",job="certificates",')}}`]: 1,
      }),
    );
    const [days] = Object.values(
      await prometheus.query("(probe_ssl_earliest_cert_expiry{job='certificates'} - time()) / 86400"),
    );
    expect(days).toBeGreaterThan(30);
  });

  test("what the supervisor writes arrives with the labels of what it is about", async () => {
    const node = 'instance="node-exporter:9100",job="node"';
    const labels = (service: string) => `{component="redis",${node},service="${service}",stack="${stack.name}"}`;
    await soon(async () =>
      expect(await prometheus.query("create_stack_service_replicas_running{component='redis'}")).toEqual({
        [labels("redis")]: 1,
        [labels("redis-exporter")]: 1,
      }),
    );
  });

  test("the server's own disk and memory are seen from inside the container", async () => {
    const disks = await prometheus.query("node_filesystem_size_bytes");
    expect(Object.keys(disks).join("\n")).toContain('mountpoint="/"');
    expect(Object.keys(disks).filter((labels) => /overlay|\/var\/lib\/docker|tmpfs/.test(labels))).toEqual([]);
    expect(await prometheus.query("node_network_receive_bytes_total")).toEqual({});
  });

  test("nothing is wrong, so nothing fires or is about to but what always does", async () => {
    const excused = (alert: string) => alert.endsWith(" host") || (!collected && alert.endsWith(" loki"));
    await soon(async () =>
      expect((await prometheus.pending()).filter((alert) => !excused(alert))).toEqual(["Watchdog monitoring"]),
    );
  });

  test("under load Prometheus sees what happens", async () => {
    const [snapshot = ""] = readdirSync(join(stack.directory, "backups/snapshots/redis"));
    await done("backup", "verify", snapshot, "--deep");
    await done("backup", "run", "--only", "redis");
    await done("redis-cli", "sessions", "set", "key", "value");
    await done("job", "run", "nightly");
    await inside("worker", `echo hello | ${s3("media/one -T -")} && ${s3("media/one")}; ${s3("media/nothing")}`);
    await pushLine("late");
    for (let round = 0; round < 3; round += 1) {
      for (let count = 0; count < 10; count += 1)
        await stack.get("demo.localhost", count % 5 === 4 ? "/nothing" : "/api/notes");
      await done("schedule", "run");
      const before = Date.now() / 1_000;
      const read = "timestamp(create_stack_metrics_written_timestamp_seconds)";
      await soon(async () => expect(Object.values(await prometheus.query(read))[0]).toBeGreaterThan(before));
    }
  });

  test("each rule can be looked at, and is made of metrics that there are", async () => {
    const rules = await prometheus.rules();
    expect(rules.map(({ name }) => name).sort()).toEqual(model.alerts.map(({ name }) => name).sort());
    expect(rules.filter(({ health }) => health !== "ok")).toEqual([]);
    const known = new Set(await prometheus.metricNames());
    const missing = model.alerts.flatMap(({ name, expr }) =>
      metricsIn(expr)
        .filter((metric) => !known.has(metric))
        .map((metric) => `${name}: ${metric}`),
    );
    expect(missing.filter((one) => !firstWithAFailure.includes(one) && !ofCollector(one))).toEqual([]);
  });

  test.each(titled)("every expression of the dashboard %s has an answer", async (_, { panels, templating }) => {
    const ofPanels = panels.flatMap(({ title, type, targets }) =>
      targets.map(({ expr }) => ({ title, expr: filledIn(expr), logs: type === "logs" })),
    );
    const ofVariables = (templating?.list ?? []).map(({ name, query }) => {
      const [, metric = "", label = ""] = /^label_values\((.*), (\w+)\)$/.exec(query.query) ?? [];
      return {
        title: `variable ${name}`,
        expr: `group by (${label}) (${filledIn(metric)})`,
        logs: false,
      };
    });
    expect(ofPanels.length).toBeGreaterThan(0);
    const asked = [...ofPanels, ...ofVariables].filter(({ expr }) => !excused.includes(expr) && !ofCollector(expr));
    const isSilent = async ({ expr, logs }: (typeof asked)[number]) =>
      (logs ? await logLines(expr) : Object.keys(await prometheus.query(expr)).length) === 0;
    // What is counted from time to time comes within a minute.
    await soon(async () => {
      const silent = await Promise.all(asked.map(async (one) => ((await isSilent(one)) ? [one] : [])));
      expect(silent.flat().map(({ title, expr }) => `${title}: ${expr}`)).toEqual([]);
    });
  });

  test("every server that is killed is told", async () => {
    hurry(join(stack.directory, "config/monitoring/rules"));
    await run(["docker", "kill", "--signal", "HUP", containerOf("prometheus")]);
    await run(["docker", "kill", ...killed.map(containerOf)]);
    await soon(async () => expect(await prometheus.firing()).toEqual(expect.arrayContaining(lost)));
  });

  const ofCollector = (text: string) => !collected && /loki_(source|write|process)_/.test(text);

  const s3 = (request: string) =>
    `curl -sS -m 10 --aws-sigv4 "aws:amz:$S3_REGION:s3" -u "$S3_ACCESS_KEY_ID:$S3_SECRET_ACCESS_KEY" "$S3_ENDPOINT"/${request}`;

  async function askLoki(path: string, body?: unknown): Promise<Response> {
    const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    return fetch(`http://${await addressOf("loki", "logs")}:3100${path}`, body === undefined ? {} : init);
  }

  /** As the collector brings it. */
  async function pushLine(text: string): Promise<void> {
    const labels = { service: "app", component: "app", level: "error" };
    const streams = [{ stream: labels, values: [[`${Date.now()}000000`, text]] }];
    expect((await askLoki("/loki/api/v1/push", { streams })).status).toBe(204);
  }

  async function logLines(expr: string): Promise<number> {
    const response = await askLoki(`/loki/api/v1/query_range?query=${encodeURIComponent(expr)}`);
    return ((await response.json()) as { data: { result: unknown[] } }).data.result.length;
  }
});

/** As a user may write it: MinIO counts what it holds without pauses, and networks have addresses of their own. */
function quicker(model: StackModel): object {
  return {
    services: { minio: { environment: { MINIO_SCANNER_SPEED: "fastest" } } },
    networks: ownSubnets(model),
  };
}

/** Rules hold at once, as a user may edit them. */
function hurry(folder: string): void {
  for (const file of readdirSync(folder)) {
    const path = join(folder, file);
    writeFileSync(path, readFileSync(path, "utf8").replace(/ for: \S+/g, " for: 2s"));
  }
}

const killed = [
  ...["traefik", "postgres", "postgres-pooler", "redis", "sessions-1", "sessions-2", "sessions-3"],
  ...["minio", "seaweedfs", "rabbitmq", "nginx", "loki"],
];

const lost = [
  "LokiDown loki",
  "MinioDown minio",
  "NginxDown nginx",
  "PoolerDown postgres",
  "PostgresDown postgres",
  "RabbitmqDown rabbitmq",
  "RedisDown redis",
  "RedisDown sessions",
  "SeaweedfsDown seaweedfs",
  "TraefikDown traefik",
];

/** Metrics that appear with the first replica, or the first failure. */
const firstWithAFailure = [
  "PostgresSlotKeepsLog: pg_replication_slots_pg_wal_lsn_diff",
  "PostgresReplicationLag: pg_stat_replication_pg_wal_lsn_diff",
  "MinioErrors: minio_s3_requests_5xx_errors_total",
  "AlertmanagerCannotNotify: alertmanager_notifications_failed_total",
  "LokiRefusesLines: loki_discarded_samples_total",
];

/** Without a destination there is nothing to deliver; without a line that is refused there is none to count. */
const excused = [
  "increase(create_stack_backup_delivery_failures_total[1d])",
  'sum by (reason) (increase(loki_discarded_samples_total{job="loki"}[5m]))',
];

/** Names of the metrics that an expression is made of. */
function metricsIn(expression: string): string[] {
  const bare = expression.replace(/\b(on|by|without|ignoring|group_left|group_right) *\([^)]*\)/g, "");
  return [...bare.matchAll(/\b[A-Za-z]+_[A-Za-z_0-9]+(?=[{[\s)]|$)/g)].map(([metric]) => metric);
}

/** Variables as Grafana fills them in when everything is chosen. */
function filledIn(expr: string): string {
  return expr
    .replaceAll("$app", "app")
    .replaceAll(/\$(__rate_interval|__interval)/g, "1m")
    .replaceAll(/\$[A-Za-z_]\w*/g, ".+");
}

import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Component } from "../../src/components/component.ts";
import { component as kafkaComponent } from "../../src/components/kafka/index.ts";
import { component as traefik } from "../../src/components/traefik/index.ts";
import { component as valkey } from "../../src/components/valkey/index.ts";
import { routeFiles } from "../../src/routing/route-file.ts";
import { writeFileAtomic } from "../../src/support/files.ts";
import { describeWithDocker } from "../support/docker.ts";
import {
  dashboardsOf,
  expressionsOf,
  notTold,
  readMetrics,
  seriesOf,
  type Watcher,
  watcher,
  watcherImage,
} from "../support/watcher.ts";
import { client, type DataStack, dataStack, hardened, hardeningOf, uniqueName } from "./data-stack.ts";
import { freePort } from "./edge-stack.ts";

const images = [
  "quay.io/prometheuscommunity/postgres-exporter:v0.20.1",
  "quay.io/prometheuscommunity/pgbouncer-exporter:v0.12.1",
  "edoburu/pgbouncer:v1.26.0-p0",
  "oliver006/redis_exporter:v1.88.0-alpine",
  "postgres:18.6-trixie",
  "postgres:16.15-trixie",
  "redis:8.2.9-bookworm",
  "valkey/valkey:9.1.1-trixie",
  "pgsty/silo:RELEASE.2026-09-16T00-00-00Z",
  "traefik:v3.7.11",
  "busybox:1.38.0",
  watcherImage,
];

const redisJobs = ["redis", "cache", "follower", "sessions-1", "sessions-2", "sessions-3", "sessions-sentinel-1"];
const exporters = [...["postgres", "empty", "postgres-pooler"], ...redisJobs].map((job) => `${job}-exporter`);

/** Answers on port 3000, and with metrics of its own on 9100. `/fail` is a server error. */
const program = [
  'const serve = (port, answer) => require("node:http").createServer(answer).listen(port);',
  'serve(3000, (request, response) => response.writeHead(request.url === "/fail" ? 500 : 200).end("hello"));',
  'serve(9100, (_, response) => response.end("web_orders_total 7\\n"));',
].join("\n");

/** What Prometheus would read of a job, without its first line, which is the status. */
async function metricsIn(stack: DataStack, job: string): Promise<string> {
  const scrape = stack.model.scrapes.find((one) => one.job === job);
  if (scrape === undefined) throw new Error(`no scrape ${job}`);
  const text = await readMetrics(stack, scrape, scrape.token && stack.secret(scrape.token));
  expect(text.slice(0, 4), text.slice(0, 200)).toBe("200\n");
  return text.slice(4);
}

/** Waits until each name and label in a rule or on a dashboard has been told once. */
async function allIsTold(stack: DataStack, eye: Watcher): Promise<void> {
  const told = new Map<string, string[][]>();
  await vi.waitFor(
    async () => {
      for (const { job } of stack.model.scrapes)
        for (const { name, labels } of seriesOf(await metricsIn(stack, job)))
          told.set(name, [...(told.get(name) ?? []), labels]);
      expect(notTold(expressionsOf(stack, eye), told)).toEqual([]);
    },
    { timeout: 150_000, interval: 2_000 },
  );
}

await describeWithDocker("exporters and what they tell", images, () => {
  const eye = watcher();
  let stack: DataStack;
  let https = 0;

  beforeAll(async () => {
    https = await freePort();
    stack = await dataStack(
      `
name: ${uniqueName("exporters")}
components:
  watcher: {}
  traefik: { ports: { http: ${await freePort()}, https: ${https} } }
  web:
    { type: app, image: "${watcherImage}", user: "1000:1000", port: 3000, routes: [web.localhost], metrics: { port: 9100 },
      health: /, entrypoint: [node], command: [-e, ${JSON.stringify(program)}], limits: { memory: 128m },
      uses: [redis, minio], replicas: 2 }
${client("db", "postgres:18.6-trixie", ["postgres"])}
${client("pooled", "postgres:18.6-trixie", ["postgres"])}
  postgres: { limits: { memory: 200m }, pooler: { apps: [pooled] } }
  empty: { type: postgres, version: 16, limits: { memory: 128m } }
  redis: { queues: ["bull:mail:wait", "events"], memory: 64m }
  cache: { type: valkey, profile: cache, memory: 32m }
  follower: { type: redis, profile: cache, memory: 32m, settings: { replicaof: nowhere 6379 } }
  sessions: { type: redis, mode: sentinel, memory: 32m }
  minio: { host: files.localhost }
`,
      [eye.component, traefik as unknown as Component, valkey as Component],
    );
    for (const { path, content } of routeFiles(stack.model.routes))
      writeFileAtomic(join(stack.directory, path), content);
    await stack.up();
    await vi.waitFor(async () => expect(await unhealthy()).toEqual([]), { timeout: 120_000, interval: 1_000 });
  });
  afterAll(async () => stack?.remove());

  /** Long-running services whose health check does not pass. */
  async function unhealthy(): Promise<string[]> {
    const { stdout } = await stack.compose("ps", "--format", "{{.Service}} {{.Health}}");
    const lines = stdout.trim().split("\n");
    expect(lines.length).toBeGreaterThan(10);
    return lines.filter((line) => !line.endsWith(" healthy"));
  }

  function scrapeOf(job: string) {
    const found = stack.model.scrapes.find((scrape) => scrape.job === job);
    if (found === undefined) throw new Error(`no scrape ${job}`);
    return found;
  }

  const metricsOf = (job: string) => metricsIn(stack, job);

  const sampleOf = (text: string, series: string) =>
    text
      .split("\n")
      .find((line) => line.startsWith(`${series} `))
      ?.slice(series.length + 1);

  const sql = (service: string, text: string) =>
    stack.compose("exec", "-T", service, "psql", "--username", "postgres", "-qtA", "--command", text);
  /** As the app `db`, with what it was given. */
  const asApp = (line: string, input?: string) => stack.sh("db", line, input);

  test("each is healthy, hardened, and its server is up", async () => {
    for (const exporter of exporters) {
      const user = redisJobs.includes(exporter.replace(/-exporter$/, "")) ? "59000:59000" : "65534:65534";
      expect(await hardeningOf(stack, exporter), exporter).toEqual(hardened(user));
    }
    for (const job of ["postgres", "empty"]) expect(sampleOf(await metricsOf(job), "pg_up"), job).toBe("1");
    for (const job of redisJobs) expect(sampleOf(await metricsOf(job), "redis_up"), job).toBe("1");
    expect(sampleOf(await metricsOf("postgres-pooler"), "pgbouncer_up")).toBe("1");
    expect(await metricsOf("minio")).toContain("minio_cluster_health_status");
    expect(await metricsOf("web")).toContain("web_orders_total 7");
    expect(scrapeOf("web")).toMatchObject({ replicated: true, port: 9100 });
  });

  test("no collector of Postgres' exporter fails, and no right is missing", async () => {
    for (const job of ["postgres", "empty"]) {
      const text = await metricsOf(job);
      expect(text.match(/^pg_scrape_collector_success\{.*\} 1$/gm)?.length).toBeGreaterThan(8);
      expect(text.match(/^pg_scrape_collector_success\{.*\} 0$/gm)).toBeNull();
      expect(text.match(/^pg_exporter_user_queries_load_error\{.*\} 1$/gm)).toBeNull();
    }
  });

  test("its role sees statistics and no row of any app", async () => {
    const ask = (database: string, query: string, password = "$(cat)") =>
      asApp(
        `PGPASSWORD="${password}" psql -qtA -h postgres -U stack_monitor -d ${database} -c "${query}"`,
        stack.secret("postgres_stack_monitor"),
      );
    expect((await ask("postgres", "SELECT count(*) > 0 FROM pg_stat_activity WHERE usename = 'postgres'")).stdout).toBe(
      "t\n",
    );
    expect((await ask("db", "SELECT 1")).stderr).toMatch(/permission denied for database "db"/);
    expect((await ask("postgres", "CREATE TABLE public.mine ()")).stderr).toMatch(/permission denied/);
    expect((await ask("postgres", "SELECT rolpassword FROM pg_authid")).stderr).toMatch(/permission denied/);
    expect((await ask("postgres", "SELECT 1", "wrong")).stderr).toMatch(/password authentication failed/);
  });

  test("Redis' user reads states and lengths of queues, no key and no setting", async () => {
    const cli = (command: string, password = "$(cat)") =>
      stack.sh(
        "redis",
        `redis-cli -h redis --user stack_monitor --no-auth-warning --pass "${password}" ${command}`,
        stack.secret("redis_stack_monitor"),
      );
    const said = async (command: string) => (await cli(command)).stdout.trim();
    expect(await said("INFO server")).toContain("redis_version");
    expect(await said("LLEN bull:mail:wait")).toMatch(/^\d+$/);
    for (const command of [
      "LLEN other",
      "GET bull:mail:wait",
      "LPUSH bull:mail:wait x",
      "CONFIG GET *",
      "KEYS *",
      "ACL LIST",
      "MONITOR",
      "SLOWLOG GET 1",
    ])
      expect(await said(command), command).toMatch(/^NOPERM/);
    const wrong = await cli("INFO server", "wrong");
    expect(wrong.stdout + wrong.stderr).toMatch(/WRONGPASS|NOAUTH/);
    expect(await said("ACL WHOAMI")).toMatch(/^NOPERM/);
  });

  test("MinIO's metrics want the token, whose key opens nothing else", async () => {
    const scrape = scrapeOf("minio");
    const token = stack.secret(scrape.token ?? "");
    expect(await readMetrics(stack, scrape)).toMatch(/^403/);
    expect(await readMetrics(stack, scrape, `${token.slice(0, -4)}AAAA`)).toMatch(/^403/);
    const alias = `printf '%s\\n' stack_monitor "$(cat)" | mc --quiet alias set monitor http://127.0.0.1:9000 >/dev/null`;
    const tried = await stack.sh(
      "minio",
      `export MC_CONFIG_DIR=/tmp/.mc-monitor; ${alias}; mc ls monitor/web; mc admin user ls monitor`,
      stack.secret("minio_stack_monitor"),
    );
    expect(tried.stdout + tried.stderr).toMatch(/Access ?Denied/i);
    expect(tried.code).not.toBe(0);
  });

  test("Traefik's metrics are on the network of scrapes and nowhere else", async () => {
    expect(await metricsOf("traefik")).toContain("traefik_config_reloads_total");
    const fetched = (service: string, host: string) =>
      stack.compose(
        "exec",
        "-T",
        service,
        "node",
        "-e",
        `fetch("http://${host}:8082/metrics").then((a) => console.log(a.status), (e) => console.log(e.cause.code))`,
      );
    const [edge, metrics, outside] = await Promise.all(
      ["edge", "scrape", "public"].map((network) => stack.address("traefik", network)),
    );
    expect((await fetched("watcher", metrics ?? "")).stdout.trim()).toBe("200");
    expect((await fetched("web", edge ?? "")).stdout.trim()).toBe("ECONNREFUSED");
    await expect(fetch(`http://${outside}:8082/metrics`)).rejects.toThrow("fetch failed");
    expect(await readMetrics(stack, { service: "traefik", port: 8080, path: "/metrics" })).toBe("ECONNREFUSED");
    const other = await readMetrics(stack, { service: "traefik", port: 8082, path: "/api/rawdata" });
    expect(other).toMatch(/^404/);
  });

  test("each name and label in a rule or on a dashboard is one that is really told", async () => {
    await makeEverythingHappen();
    expect(dashboardsOf(eye).map(({ uid }) => uid)).toContain("postgres-empty");
    expect(expressionsOf(stack, eye).length).toBeGreaterThan(150);
    await allIsTold(stack, eye);
  });

  test("a server that is full still tells how full it is", async () => {
    const sleepers = 'for i in $(seq 25); do psql -qtA -c "SELECT pg_sleep(60)" & done; wait';
    expect((await stack.compose("exec", "-T", "-d", "db", "sh", "-c", sleepers)).code).toBe(0);
    await vi.waitFor(
      async () =>
        expect((await asApp("psql -qtA -c 'SELECT 1'")).stderr).toMatch(/remaining connection slots|too many/),
      { timeout: 50_000, interval: 500 },
    );
    const text = await metricsOf("postgres");
    expect(sampleOf(text, "pg_up")).toBe("1");
    expect(text.match(/^pg_scrape_collector_success\{.*\} 0$/gm)).toBeNull();
    expect(text).toMatch(/^pg_stat_database_numbackends\{.*datname="db"\} 1\d$/m);
  });

  test("a server that was stopped is down, and its exporter goes on", async () => {
    expect((await stack.compose("stop", "postgres", "redis")).code).toBe(0);
    expect(sampleOf(await metricsOf("postgres"), "pg_up")).toBe("0");
    expect(sampleOf(await metricsOf("redis"), "redis_up")).toBe("0");
    const { stdout } = await stack.compose(
      "ps",
      "--format",
      "{{.Service}} {{.Health}}",
      "postgres-exporter",
      "redis-exporter",
    );
    expect(stdout.trim().split("\n").sort()).toEqual(["postgres-exporter healthy", "redis-exporter healthy"]);
    await stack.up();
    await vi.waitFor(async () => expect(sampleOf(await metricsOf("postgres"), "pg_up")).toBe("1"), { timeout: 60_000 });
    expect(sampleOf(await metricsOf("redis"), "redis_up")).toBe("1");
  });

  test("with new passwords, and at an address of its own again, all is read after a stop and a start", async () => {
    const former = stack.secret("minio_stack_monitor_token");
    for (const server of ["postgres", "redis", "minio"])
      await stack.rotate(`${server}_stack_monitor`, `new-"password"-of-${server}`);
    expect(stack.secret("minio_stack_monitor_token")).not.toBe(former);
    expect((await stack.compose("stop")).code).toBe(0);
    expect((await stack.compose("rm", "--force", "traefik")).code).toBe(0);
    await stack.up();
    const state: [string, string][] = [
      ["postgres", "pg_up 1"],
      ["redis", "redis_up 1"],
      ["minio", "minio_cluster_health_status"],
      ["traefik", "traefik_config_reloads_total"],
    ];
    for (const [job, series] of state)
      await vi.waitFor(async () => expect(await metricsOf(job)).toContain(`\n${series}`), { timeout: 60_000 });
    expect(await readMetrics(stack, scrapeOf("minio"), former)).toMatch(/^403/);
  });

  test("no secret stands in inspect, logs or process lists", async () => {
    const text = await stack.readable([
      ...exporters,
      "traefik",
      "minio",
      "minio-setup",
      "redis-setup",
      "postgres-setup",
    ]);
    expect(text).toContain("Listening on");
    const token = stack.secret("minio_stack_monitor_token");
    for (const value of [...stack.secretValues(), token]) expect(text.includes(value)).toBe(false);
  });

  /** What some metrics only appear after: requests, failures, a queue, a slot, a reader of the log. */
  async function makeEverythingHappen(): Promise<void> {
    await sql("postgres", "SELECT pg_create_physical_replication_slot('reader', true)");
    expect((await stack.sh("pooled", "psql -qtA -c 'SELECT current_user'")).stdout).toBe("pooled\n");
    await stack.compose(
      "exec",
      "-T",
      "-d",
      "postgres",
      "sh",
      "-c",
      "mkdir /tmp/log && timeout 120 pg_receivewal -D /tmp/log -U postgres",
    );
    const lines = "LPUSH bull:mail:wait a b\nXADD events * a b\n";
    const filled = await stack.sh(
      "redis",
      `redis-cli --user web --no-auth-warning --pass "${stack.secret("redis_web")}"`,
      lines,
    );
    expect(filled.stdout).toMatch(/^2\n/);
    await stack.shortcut("minio", "cp", "/etc/hostname", "local/web/name");
    await stack.shortcut("minio", "stat", "local/web/nothing");
    const program = (path: string) =>
      `require("node:https").get({ host: "traefik", path: "${path}", servername: "web.localhost", headers: { Host: "web.localhost" } }, (a) => { console.log(a.statusCode); process.exit(); })`;
    const request = async (path: string) => {
      const node = ["exec", "-T", "-e", "NODE_TLS_REJECT_UNAUTHORIZED=0", "web", "node", "-e", program(path)];
      return (await stack.compose(...node)).stdout.trim();
    };
    expect([await request("/"), await request("/fail")]).toEqual(["200", "500"]);
    // A server that may no longer enter its own volume answers with errors of its own, and takes its drive for offline.
    await stack.compose("exec", "-T", "minio", "chmod", "000", "/data");
    const failed = async () => {
      await stack.shortcut("minio", "cp", "/etc/hostname", "local/web/lost");
      expect(await metricsOf("minio")).toContain("minio_s3_requests_5xx_errors_total");
    };
    // Not each request ends so: one that is given up before counts as the client's.
    await vi.waitFor(failed, { timeout: 90_000, interval: 1_000 });
    await stack.compose("exec", "-T", "minio", "chmod", "755", "/data");
  }
});

const kafka = "apache/kafka:4.3.1";

await describeWithDocker(
  "the exporter of Kafka and what it tells",
  [kafka, "redpandadata/kminion:v2.3.5", watcherImage],
  () => {
    const eye = watcher();
    let stack: DataStack;

    beforeAll(async () => {
      stack = await dataStack(
        `
name: ${uniqueName("exporter-kafka")}
components:
  watcher: {}
${client("web", kafka, ["kafka/orders"], "1000:1000")}
  kafka: { topics: { orders: { partitions: 3 } }, memory: 768m }
`,
        [eye.component, kafkaComponent as unknown as Component],
      );
      await stack.up();
    });
    afterAll(async () => stack?.remove());

    test("is hardened, and each name and label in a rule or on a dashboard is one that is really told", async () => {
      const tool = (words: string, input?: string) =>
        stack.sh("kafka", `bash /usr/local/etc/kafka/tool.sh ${words}`, input);
      await tool("console-producer --topic orders", "one\ntwo\nthree\n");
      await tool("console-consumer --topic orders --group web --from-beginning --max-messages 1");
      expect(await hardeningOf(stack, "kafka-exporter")).toEqual(hardened("65534:65534"));
      expect(expressionsOf(stack, eye).length).toBeGreaterThan(15);
      await allIsTold(stack, eye);
      const text = await metricsIn(stack, "kafka");
      expect(text).toMatch(/^kminion_kafka_consumer_group_topic_lag\{.*group_id="web".*topic_name="orders".*\} 2$/m);
      const shown = await stack.readable(["kafka", "kafka-setup", "kafka-exporter"]);
      for (const value of stack.secretValues()) expect(shown.includes(value)).toBe(false);
    });
  },
);

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectEngine } from "../../src/engine/connect.ts";
import { renderedFiles } from "../support/catalogue.ts";
import { type CliStack, createCliStack } from "../support/cli-stack.ts";
import { type DashboardDocument, dashboardProblems } from "../support/dashboard-rules.ts";
import { buildDemo } from "../support/demo-image.ts";
import { describeWithDocker } from "../support/docker.ts";

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
  postgres: { limits: { cpus: 1, memory: 512m } }
  redis: { limits: { cpus: 0.5, memory: 128m } }
  minio: { buckets: [uploads] }
  monitoring: { scrape: 2s }
`;

const images = [
  "traefik:v3.7.11",
  "postgres:18.6-trixie",
  "redis:8.2.9-bookworm",
  "busybox:1.38.0",
  "node:22-trixie-slim",
  "pgsty/silo:RELEASE.2026-09-16T00-00-00Z",
  "prom/prometheus:v3.13.2",
  "prom/alertmanager:v0.34.0",
  "prom/blackbox-exporter:v0.28.0",
  "quay.io/prometheus/node-exporter:v1.12.1",
  "quay.io/prometheuscommunity/postgres-exporter:v0.20.1",
  "oliver006/redis_exporter:v1.88.0-alpine",
];

/** What Grafana would be given of this stack; its own image is not needed for that. */
const dashboards = [...renderedFiles(`name: shop\ncomponents:${components}  grafana: {}\n`)]
  .filter(([path]) => /^config\/grafana\/dashboards\/.*\.json$/.test(path))
  .map(([, content]) => JSON.parse(content) as DashboardDocument);

describe("the dashboards of a stack with everything", () => {
  test.each(dashboards.map((dashboard) => [dashboard.title, dashboard] as const))("%s is sound", (_, dashboard) => {
    expect(dashboardProblems(dashboard, ["prometheus"])).toEqual([]);
  });
});

await describeWithDocker("every expression of every dashboard has an answer from the running stack", images, () => {
  let stack: CliStack;
  let ask: (expr: string) => Promise<unknown[]>;

  beforeAll(async () => {
    buildDemo();
    stack = await createCliStack({ yaml: `name: shop\ncomponents:${components}` });
    await done("start");
    await done("migrate", "--seed");
    ask = await askPrometheus(stack.name);
    // The first call makes the first backup, the drill restores it on trial; both write their metrics.
    await done("schedule", "run");
    await done("backup", "verify", "--deep");
    await done("backup", "run", "--only", "redis");
  });
  afterAll(() => stack?.remove());

  async function done(...words: string[]): Promise<void> {
    const result = await stack.run(...words);
    expect(result, `${words.join(" ")}\n${result.stdout}${result.stderr}`).toMatchObject({ code: 0 });
  }

  test("and what MinIO finds out of itself only after a while", async () => {
    await expect
      .poll(() => ask("minio_cluster_usage_total_bytes"), { timeout: 200_000, interval: 2_000 })
      .not.toEqual([]);
  });

  /** When Prometheus read a metric last, in seconds since 1970. */
  async function readingOf(metric: string): Promise<number> {
    const [found] = (await ask(`timestamp(${metric})`)) as { value: [number, string] }[];
    return Number(found?.value[1] ?? 0);
  }

  test("Prometheus sees what happens meanwhile", async () => {
    for (let round = 0; round < 4; round += 1) {
      for (let count = 0; count < 10; count += 1)
        await stack.get("demo.localhost", count % 5 === 4 ? "/nothing" : "/api/notes");
      await done("schedule", "run");
      const before = Date.now() / 1_000;
      await expect
        .poll(() => readingOf("create_stack_metrics_written_timestamp_seconds"), { timeout: 30_000 })
        .toBeGreaterThan(before);
    }
  });

  test.each(dashboards.map((dashboard) => [dashboard.title, dashboard] as const))("%s", async (_, dashboard) => {
    const silent: string[] = [];
    // Without a destination there is nothing to deliver.
    const excused = ["increase(create_stack_backup_delivery_failures_total[1d])"];
    for (const panel of dashboard.panels)
      for (const { expr } of panel.targets) {
        const answer = await ask(filledIn(expr));
        if (answer.length === 0 && !excused.includes(expr)) silent.push(`${panel.title}: ${expr}`);
      }
    expect(silent).toEqual([]);
  });
});

/** Variables as Grafana fills them in when everything is chosen. */
function filledIn(expr: string): string {
  return expr
    .replaceAll("$app", "app")
    .replaceAll(/\$(__rate_interval|__interval)/g, "1m")
    .replaceAll(/\$[A-Za-z_]\w*/g, ".+");
}

async function askPrometheus(project: string): Promise<(expr: string) => Promise<unknown[]>> {
  const { engine } = await connectEngine();
  const { containers } = await engine.observe(project);
  const id = containers.find(({ service }) => service === "prometheus")?.id ?? "";
  const address = await engine.address(id, `${project}_monitoring`);
  return async (expr) => {
    const response = await fetch(`http://${address}:9090/api/v1/query?query=${encodeURIComponent(expr)}`);
    const answer = (await response.json()) as { status: string; error?: string; data: { result: unknown[] } };
    if (answer.status !== "success") throw new Error(`${answer.error}: ${expr}`);
    return answer.data.result;
  };
}

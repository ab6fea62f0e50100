import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Component } from "../../src/components/component.ts";
import { component as lokiComponent } from "../../src/components/loki/index.ts";
import { run } from "../../src/support/process.ts";
import { describeWithDocker, smallImage } from "../support/docker.ts";
import { type DataStack, dataStack, hardened, hardeningOf, uniqueName } from "./data-stack.ts";

const [loki, alloy, proxy] = ["grafana/loki:3.7.6", "grafana/alloy:v1.18.1", "wollomatic/socket-proxy:1.13.1"];
const further = [lokiComponent] as unknown as Component[];
const patience = { timeout: 90_000, interval: 500 };

interface Stream {
  stream: Record<string, string>;
  values: [nanoseconds: string, line: string][];
}

/** Asks Loki as Grafana would: from a container on the network `logs`. */
async function ask(stack: DataStack, path: string, body?: unknown): Promise<string> {
  const post =
    body === undefined ? [] : ["--header=Content-Type: application/json", `--post-data=${JSON.stringify(body)}`];
  const words = ["wget", "-q", "-O", "-", ...post, `http://loki:3100${path}`];
  const result = await run(["docker", "run", "--rm", "--network", `${stack.model.name}_logs`, smallImage, ...words]);
  if (result.code !== 0) throw new Error(`${path}: ${result.stderr}`);
  return result.stdout;
}

/** Streams of the last hour, each with its labels and lines. */
async function find(stack: DataStack, query: string): Promise<Stream[]> {
  const start = Date.now() - 3_600_000;
  const path = `/loki/api/v1/query_range?query=${encodeURIComponent(query)}&start=${start}000000`;
  return (JSON.parse(await ask(stack, path)) as { data: { result: Stream[] } }).data.result;
}

await describeWithDocker("Loki with its generated configuration", [loki, smallImage], () => {
  let stack: DataStack;
  const start = async () => {
    const { code, stderr } = await stack.compose("up", "-d", "--wait", "loki");
    expect(code, stderr).toBe(0);
  };
  const push = (line: string, labels: Record<string, string>) =>
    ask(stack, "/loki/api/v1/push", { streams: [{ stream: labels, values: [[`${Date.now()}000000`, line]] }] });

  beforeAll(async () => {
    stack = await dataStack(`name: ${uniqueName("logs-loki")}\ncomponents:\n  loki: { retention: 7d }\n`, further);
    await start();
  });
  afterAll(async () => stack?.remove());

  test("turns healthy, and runs hardened", async () => {
    expect(await hardeningOf(stack, "loki")).toEqual(hardened("10001:10001"));
  });

  test("a line is found by its labels and by its text", async () => {
    await push('{"level":"error","msg":"no seats left"}', { service: "web", component: "web", release: "1.4.2" });
    const found = await vi.waitUntil(async () => {
      const streams = await find(stack, '{service="web",release="1.4.2"} |= "seats" | json');
      return streams.length > 0 && streams;
    }, patience);
    expect(found[0]?.stream).toMatchObject({ component: "web", msg: "no seats left" });
    expect(await find(stack, '{service="web"} |= "tables"')).toEqual([]);
  });

  test("a line outlives the server", async () => {
    await push("before the fall", { service: "kept" });
    await stack.compose("kill", "loki");
    await start();
    expect((await find(stack, '{service="kept"}'))[0]?.values[0]?.[1]).toBe("before the fall");
  });

  test("retention is what it runs with, and it tells nobody outside of itself", async () => {
    const config = await ask(stack, "/config");
    expect(config).toMatch(/^ {2}retention_period: 1w$/m);
    expect(config).toMatch(/^ {2}retention_enabled: true$/m);
    expect(config).toMatch(/^ {2}reporting_enabled: false$/m);
  });

  test("a line with too many labels, and one from the past, are refused", async () => {
    const many = Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`label${index}`, "x"]));
    await expect(push("labels", many)).rejects.toThrow("400");
    const old = {
      streams: [{ stream: { service: "old" }, values: [[`${Date.now() - 8 * 86_400_000}000000`, "old"]] }],
    };
    await expect(ask(stack, "/loki/api/v1/push", old)).rejects.toThrow("400");
  });

  test("its memory stays below its limit", async () => {
    const { stdout } = await run([
      "docker",
      "stats",
      "--no-stream",
      "--format",
      "{{.MemPerc}}",
      await idOf(stack, "loki"),
    ]);
    expect(Number.parseFloat(stdout)).toBeLessThan(90);
  });
});

async function idOf(stack: DataStack, service: string): Promise<string> {
  return (await stack.compose("ps", "-q", service)).stdout.trim();
}

await describeWithDocker("logs of containers", [loki, alloy, proxy, smallImage], () => {
  let stack: DataStack;
  const says = `echo '{"level":50,"msg":"no seats left"}'; echo '10.0.0.1 - - [x] "GET /health HTTP/1.1" 200 2'`;

  beforeAll(async () => {
    stack = await dataStack(
      `
name: ${uniqueName("logs-loki")}
components:
  web:
    { type: app, image: "${smallImage}", user: "1000:1000", entrypoint: [sh, -c],
      command: ["${says.replaceAll('"', '\\"')}; sleep 3600"], health: { exec: ["true"] }, limits: { memory: 32m } }
  loki: {}
`,
      further,
    );
    await stack.up();
  });
  afterAll(async () => stack?.remove());

  test("an app's line is found with where it comes from, and its level", async () => {
    const found = await vi.waitUntil(async () => {
      const streams = await find(stack, '{service="web"} |= "seats"');
      return streams.length > 0 && streams;
    }, patience);
    expect(found[0]?.stream).toMatchObject({ service: "web", component: "web", release: "1.38.0", level: "error" });
  });

  test("health checks that went well are left out", async () => {
    expect(await find(stack, '{service="web"} |= "GET /health"')).toEqual([]);
  });

  test("a collector that starts anew brings no line twice", async () => {
    await stack.compose("restart", "loki-alloy");
    await stack.compose("up", "-d", "--wait", "loki-alloy");
    const lines = (await find(stack, '{service="web"} |= "seats"')).flatMap(({ values }) => values);
    expect(lines).toHaveLength(1);
  });

  test("the proxy refuses everything but reading of logs", async () => {
    const line = (request: string) =>
      `exec 3<>/dev/tcp/loki-socket/2375 && printf '${request} HTTP/1.0\\r\\n\\r\\n' >&3 && head -1 <&3`;
    const answer = async (request: string) =>
      (await stack.compose("exec", "-T", "loki-alloy", "bash", "-c", line(request))).stdout;
    expect(await answer("GET /_ping")).toContain("200");
    expect(await answer("GET /v1.44/images/json")).toContain("403");
    expect(await answer("POST /v1.44/containers/create")).not.toContain("20");
  });
});

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { metricsText } from "../../../src/notify/metrics-text.ts";
import { reportRun } from "../../../src/operations/backup/report.ts";
import type { RunResult, SourceResult } from "../../../src/operations/backup/result.ts";
import { silentProgress } from "../../../src/operations/progress.ts";
import { backupSettings, model } from "../../support/models.ts";

let directory: string;
let server: Server;
let paths: string[];
let status = 200;
let now = Date.parse("2026-11-21T12:00:00Z");

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "report-"));
  paths = [];
  status = 200;
  server = createServer((request, response) => {
    paths.push(`${request.method} ${request.url}`);
    request.resume();
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  mkdirSync(join(directory, "secrets"));
  writeFileSync(join(directory, "secrets", "ping-url"), `${base}/ping-4711\n`);
  writeFileSync(join(directory, "secrets", "hook-url"), `${base}/hook-4711\n`);
});
afterEach(() => {
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

const context = () => ({
  directory,
  model: model([], {
    backup: backupSettings({ report: { ping: "ping-url", webhook: "hook-url", textfile: "metrics" } }),
    dataSources: [
      {
        name: "postgres",
        component: "postgres",
        service: "postgres",
        volume: "data",
        kind: "volume",
        consistency: { kind: "live" },
      },
    ],
  }),
  clock: { now: () => now, sleep: () => Promise.resolve() },
  signal: new AbortController().signal,
  progress: silentProgress,
});

function result(outcome: "ok" | "failed", lane: RunResult["lane"] = "full"): RunResult {
  const error = outcome === "failed" ? { error: { code: "x", message: "no answer" } } : {};
  const source: SourceResult = {
    source: "postgres",
    type: "full",
    outcome,
    took: 90_500,
    checks: [],
    warnings: [],
    ...error,
  };
  return {
    run: "r",
    lane,
    startedAt: now,
    finishedAt: now,
    sources: [source],
    deliveries: [{ destination: "offsite", outcome, snapshots: 0, bytes: 0, took: 1, missing: 1, ...error }],
    notes: [],
  };
}

describe("who is told of a run", () => {
  test("a success: ping and webhook; a failure: the webhook alone", async () => {
    expect(await reportRun(context(), result("ok"))).toEqual([]);
    expect(paths).toEqual(["GET /ping-4711", "POST /hook-4711"]);
    paths = [];
    expect(await reportRun(context(), result("failed"))).toEqual([]);
    expect(paths).toEqual(["POST /hook-4711"]);
  });

  test("the log, shipped every minute: only when its outcome changes", async () => {
    for (const outcome of ["ok", "ok", "failed", "failed", "ok"] as const)
      await reportRun(context(), result(outcome, "log"));
    expect(paths).toEqual(["POST /hook-4711", "POST /hook-4711"]);
  });

  test("a hook that fails is told without its address, and counted", async () => {
    status = 500;
    const failures = await reportRun(context(), result("ok"));
    expect(failures).toEqual(["ping: the ping was answered with 500", "webhook: the report was answered with 500"]);
    rmSync(join(directory, "secrets", "ping-url"));
    status = 200;
    expect(await reportRun(context(), result("ok"))).toEqual(["ping: secrets/ping-url is empty or missing"]);
    const text = readFileSync(join(directory, "metrics", "create-stack-shop.prom"), "utf8");
    expect(text).toContain('create_stack_backup_hook_failures_total{stack="shop",hook="ping"} 2\n');
    expect(text).toContain('create_stack_backup_hook_failures_total{stack="shop",hook="webhook"} 1\n');
  });

  test("a folder for metrics that cannot be written fails nothing else", async () => {
    writeFileSync(join(directory, "metrics"), "a file");
    const failures = await reportRun(context(), result("ok"));
    expect(failures.map((line) => line.split(":")[0])).toEqual(["textfile"]);
    expect(paths).toHaveLength(2);
  });
});

describe("metrics", () => {
  test("count failures from run to run and are sound for Prometheus", async () => {
    await reportRun(context(), result("ok"));
    await reportRun(context(), result("failed"));
    await reportRun(context(), result("failed"));
    expect(readdirSync(join(directory, "metrics"))).toEqual(["create-stack-shop.prom"]);
    const text = readFileSync(join(directory, "metrics", "create-stack-shop.prom"), "utf8");
    expect(faultsOf(text)).toEqual([]);
    expect(text).toContain('create_stack_backup_source_failures_total{stack="shop",source="postgres"} 2\n');
    expect(text).toContain('create_stack_backup_delivery_failures_total{stack="shop",destination="offsite"} 2\n');
    expect(text).toContain(
      'create_stack_backup_last_duration_seconds{stack="shop",source="postgres",type="full"} 90.5\n',
    );
    expect(text).toContain('create_stack_backup_destination_up{stack="shop",destination="local"} 1\n');
    expect(text).toContain("create_stack_backup_written_timestamp_seconds");
  });

  test("of the log are written every five minutes, not every minute", async () => {
    await reportRun(context(), result("ok"));
    const path = join(directory, "metrics", "create-stack-shop.prom");
    rmSync(path);
    now += 4 * 60_000;
    await reportRun(context(), result("ok", "log"));
    expect(readdirSync(join(directory, "metrics"))).toEqual([]);
    now += 60_000;
    await reportRun(context(), result("ok", "log"));
    expect(readdirSync(join(directory, "metrics"))).toHaveLength(1);
  });

  test("a label may hold anything", () => {
    const text = metricsText([
      { name: "x_bytes", type: "gauge", help: "a\nb\\", samples: [{ labels: { path: 'C:\\a "b"\nc' }, value: 1 }] },
    ]);
    expect(text).toBe('# HELP x_bytes a\\nb\\\\\n# TYPE x_bytes gauge\nx_bytes{path="C:\\\\a \\"b\\"\\nc"} 1\n');
    expect(faultsOf(text)).toEqual([]);
  });
});

/** What `promtool check metrics` would complain of: form, order, names and units. */
function faultsOf(text: string): string[] {
  const blocks = text.split(/^(?=# HELP )/m);
  const names = blocks.map((block) => /^# HELP (\S+) /.exec(block)?.[1] ?? `no HELP: ${block}`);
  const twice = names.filter((name, index) => names.indexOf(name) !== index).map((name) => `${name} comes twice`);
  return [...twice, ...blocks.flatMap((block, index) => faultsOfMetric(block, names[index] ?? ""))];
}

function faultsOfMetric(block: string, name: string): string[] {
  const [, type = "", ...samples] = block.split("\n");
  const isCounter = type === `# TYPE ${name} counter`;
  const bare = /^(\w+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+\})? (-?\d+(\.\d+)?)$/;
  const ids = samples.slice(0, -1).map((line) => line.replace(/ \S+$/, ""));
  return [
    ...(isCounter || type === `# TYPE ${name} gauge` ? [] : [`${name}: ${type}`]),
    ...(isCounter === name.endsWith("_total") ? [] : [`${name} is badly named for its type`]),
    ...(/_(milliseconds|minutes|kilobytes|ms)$/.test(name) ? [`${name} is in no base unit`] : []),
    ...(samples.at(-1) === "" ? [] : [`${name}: no line break at the end`]),
    ...samples.slice(0, -1).flatMap((line) => (bare.exec(line)?.[1] === name ? [] : [`${name}: ${line}`])),
    ...(new Set(ids).size === ids.length ? [] : [`${name}: a series comes twice`]),
  ];
}

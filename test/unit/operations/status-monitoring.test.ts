import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { noCounts } from "../../../src/operations/metrics/counts.ts";
import { writeMetricsMemory } from "../../../src/operations/metrics/memory.ts";
import { runStatus } from "../../../src/operations/status.ts";
import { type FakeEngine, fakeEngine } from "../../support/fake-engine.ts";
import { model, service } from "../../support/models.ts";

const now = Date.parse("2026-11-21T12:00:00Z");
const minute = 60_000;
const monitoring = {
  component: "monitoring",
  prometheus: { service: "prometheus", port: 9090 },
  alertmanager: { service: "alertmanager", port: 9093 },
};
const shop = model(
  ["web", "db", "prometheus", "alertmanager"].map((name) => service(name)),
  { monitoring },
);

let directory: string;
let engine: FakeEngine;
let alerts: unknown[];
let down: Record<string, string>[];
/** Exit code of the programs that ask. */
let exitCode: number;
let asked: string[];
let web: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "status-monitoring-"));
  mkdirSync(join(directory, ".stack"));
  engine = fakeEngine();
  [alerts, down, exitCode, asked] = [[], [], 0, []];
  const started = { startedAt: now - 60 * minute };
  web = engine.add({ service: "web", ...started });
  engine.add({ service: "db", ...started });
  const answer = (text: () => unknown) => (command: readonly string[]) => {
    asked.push(command.at(-1) ?? "");
    return { exitCode, stdout: exitCode === 0 ? JSON.stringify(text()) : "", stderr: "" };
  };
  const result = () => ({ data: { result: down.map((metric) => ({ metric, value: [0, "0"] })) } });
  engine.add({ service: "prometheus", ...started, run: answer(result) });
  engine.add({ service: "alertmanager", ...started, run: answer(() => alerts) });
  written(minute);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function written(ago: number): void {
  writeMetricsMemory(directory, { counts: noCounts(), writtenAt: now - ago });
}

function alert(name: string, labels: Record<string, string>, state = "active") {
  const annotations = { summary: `${name} it is`, ...(labels.service === "db" && { command: "./prod.sh psql" }) };
  const times = { startsAt: "2026-11-21T11:00:00Z", endsAt: "" };
  return { labels: { alertname: name, severity: "critical", ...labels }, annotations, ...times, status: { state } };
}

async function told(parts = shop): Promise<string[]> {
  const clock = { now: () => now, sleep: () => Promise.resolve() };
  const { problems } = await runStatus({ directory, model: parts, engine, clock });
  return problems.filter(({ subject }) => subject !== "host").map(({ message, hint }) => `${message} -> ${hint}`);
}

test("all is well: it has asked both, inside their containers, and says nothing", async () => {
  expect(await told()).toEqual([]);
  expect(asked.sort()).toEqual([
    "http://127.0.0.1:9090/api/v1/query?query=up%20%3D%3D%200%20and%20up%20offset%201m%20%3D%3D%200",
    "http://127.0.0.1:9093/api/v2/alerts",
  ]);
});

test("alerts and targets that are down are problems with the next command", async () => {
  alerts = [
    alert("PostgresSlow", { component: "db", service: "db" }),
    alert("HostMemory", {}),
    alert("Follows", { service: "web" }, "suppressed"),
    alert("Watchdog", {}),
  ];
  down = [
    { job: "web", instance: "web:8080", service: "web" },
    { job: "node", instance: "node-exporter:9100" },
  ];
  expect(await told()).toEqual([
    "PostgresSlow: PostgresSlow it is -> ./prod.sh psql",
    "HostMemory: HostMemory it is -> ./prod.sh alerts list",
    "Prometheus cannot read the metrics of web (web:8080) -> ./prod.sh logs web --tail 50",
    "Prometheus cannot read the metrics of node (node-exporter:9100) -> ./prod.sh logs prometheus --tail 50",
  ]);
});

test("what is known to be down is not said again", async () => {
  engine.change(web, { health: "unhealthy" });
  alerts = [alert("ServiceDown", { service: "web" })];
  down = [{ job: "web", instance: "web:8080", service: "web" }];
  expect(await told()).toEqual(["web is unhealthy -> ./prod.sh logs web --tail 50"]);
});

test("where monitoring does not answer, one line says so, soon", async () => {
  exitCode = 1;
  const hint = "./prod.sh logs prometheus alertmanager --tail 50";
  expect(await told()).toEqual([
    `what fires is not known: alertmanager runs and does not answer; Prometheus runs and does not answer -> ${hint}`,
  ]);
  engine.exec = () => new Promise(() => {});
  const begun = performance.now();
  expect(await told()).toEqual([
    `what fires is not known: Alertmanager gave no answer within 2.5s; Prometheus gave no answer within 2.5s -> ${hint}`,
  ]);
  expect(performance.now() - begun).toBeLessThan(4_000);
});

test("metrics that nobody writes any more, or never wrote", async () => {
  written(12 * minute);
  expect(await told()).toEqual([
    "metrics of services were last written 12m ago: neither the schedule nor watch runs -> ./prod.sh schedule show",
  ]);
  rmSync(join(directory, ".stack/metrics.json"));
  expect(await told()).toEqual([
    "metrics of services were never written, so their alerts cannot fire: neither the schedule nor watch runs -> ./prod.sh schedule install",
  ]);
  const young = { startedAt: now - minute };
  for (const { id } of (await engine.observe("shop")).containers) engine.change(id, young);
  expect(await told()).toEqual([]);
});

test("a stack without monitoring is asked nothing", async () => {
  const { monitoring: _, ...without } = shop;
  expect(await told(without)).toEqual([]);
  expect(asked).toEqual([]);
});

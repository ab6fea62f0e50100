import { expect, test } from "vitest";
import type { Paint } from "../../../src/cli/output.ts";
import { statusScreen } from "../../../src/cli/status-screen.ts";
import type { StatusReport } from "../../../src/operations/status-report.ts";

const megabyte = 1024 ** 2;

const report: StatusReport = {
  format: 1,
  stack: "shop",
  at: "2026-01-02T03:04:05.678Z",
  healthy: false,
  problems: [
    { subject: "web", message: "web is unhealthy: connection refused", hint: "./prod.sh logs web --tail 50" },
    { subject: "a.com", message: "the certificate of a.com ends in 3 days", hint: "./prod.sh start" },
  ],
  services: [
    {
      name: "web",
      known: true,
      group: "apps",
      class: "long-running",
      state: "unhealthy",
      replicas: { running: 2, wanted: 2 },
      uptime: 3_725,
      restarts: 1,
      memory: { used: 60 * megabyte, limit: 64 * megabyte },
      image: "ghcr.io/you/web:1.4.2@sha256:abcdef",
    },
    {
      name: "db-setup",
      known: true,
      group: "data",
      class: "one-shot",
      state: "failed",
      replicas: { running: 0, wanted: 0 },
      restarts: 0,
      image: "postgres:18",
      exitCode: 2,
    },
    {
      name: "extra",
      known: false,
      class: "long-running",
      state: "running",
      replicas: { running: 1, wanted: 1 },
      uptime: 5,
      restarts: 0,
      memory: { used: megabyte, limit: 0 },
      image: "busybox:1",
    },
  ],
  components: [
    { component: "cache", facts: { primary: "cache-2", quorum: "3 of 3" } },
    { component: "queue", facts: { "ready messages": "12" } },
  ],
  routes: [
    {
      service: "web",
      url: "https://a.com/",
      certificate: { kind: "issued", issuer: "R11", daysLeft: 3, matches: true },
    },
    { service: "web", url: "http://b.com/api" },
    {
      service: "web",
      url: "https://c.localhost/",
      certificate: { kind: "private", issuer: "shop local authority", daysLeft: 300, matches: true },
    },
  ],
  volumes: [{ name: "shop_db-data" }, { name: "shop_files" }],
  migrations: [
    {
      app: "web",
      last: {
        id: "1",
        outcome: "failed",
        startedAt: "2026-01-02T01:04:05.678Z",
        finishedAt: "2026-01-02T01:05:05.678Z",
        exitCode: 3,
      },
    },
    { app: "worker" },
  ],
  jobs: [],
  host: {
    memory: { total: 8 * 1024 * megabyte, free: 2 * 1024 * megabyte },
    disk: { path: "/var/lib/docker", total: 100 * 1024 * megabyte, free: 40 * 1024 * megabyte },
  },
  running: { command: "deploy", pid: 77, since: "2026-01-02T03:03:55.678Z" },
};

const plain: Paint = (_, text) => text;

function screen(shown: StatusReport, paint: Paint = plain, width?: number): string {
  return statusScreen(shown, paint, width).join("\n");
}

test("the whole screen", () => {
  expect(screen(report)).toBe(`shop  2 problems  2026-01-02 03:04:05
deploy is at work (process 77, for 10s)
! web is unhealthy: connection refused
  -> ./prod.sh logs web --tail 50
! the certificate of a.com ends in 3 days
  -> ./prod.sh start

SERVICE           STATE       RUNS  UP    RESTARTS  MEMORY         IMAGE
web               unhealthy   2/2   1h2m  1         60 MB / 64 MB  ghcr.io/you/web:1.4.2
db-setup          failed (2)                                       postgres:18
extra (override)  running     1/1   5s              1 MB           busybox:1

Components
  cache  primary         cache-2
         quorum          3 of 3
  queue  ready messages  12

Routes
  https://a.com/        web  3 days left (R11)
  http://b.com/api      web  no certificate (plain HTTP)
  https://c.localhost/  web  300 days left (the stack's own authority)

Volumes
  shop_db-data, shop_files

Migrations
  web     failed (exit code 3), 1h59m ago
  worker  not run yet

Host
  memory  2 GB free of 8 GB
  disk    40 GB free of 100 GB (/var/lib/docker)`);
});

test("where stack.yaml has environments, it says which one this is", () => {
  expect(screen({ ...report, environment: "staging" }).split("\n")[0]).toBe(
    "shop  staging  2 problems  2026-01-02 03:04:05",
  );
});

test("colours change nothing but colours", () => {
  const coloured = screen(report, (style, text) => `<${style}>${text}</>`);
  expect(coloured.replaceAll(/<[a-z/]*>/g, "").replaceAll(/ +$/gm, "")).toBe(screen(report));
  expect(coloured).toContain("<red>unhealthy ");
  expect(coloured).toContain("<yellow>60 MB / 64 MB</>");
  expect(coloured).toContain("<red>failed (exit code 3), 1h59m ago</>");
});

test("measured volumes get a table", () => {
  const measured = { ...report, volumes: [{ name: "shop_db-data", bytes: 3 * megabyte }, { name: "shop_files" }] };
  expect(screen(measured)).toContain("  shop_db-data  3 MB\n  shop_files    unknown");
});

test("a healthy stack says so in its first line", () => {
  const { running: _, ...idle } = report;
  expect(
    screen({ ...idle, healthy: true, problems: [] })
      .split("\n")
      .slice(0, 2),
  ).toEqual(["shop  healthy  2026-01-02 03:04:05", ""]);
});

test("tables are cut at the terminal's edge", () => {
  const lines = screen(report, plain, 40).split("\n");
  expect(lines.find((line) => line.startsWith("web "))).toBe("web               unhealthy   2/2   1h2m");
});

test("what monitoring says, and what keeps the stack running", () => {
  const at = (seconds: number) => new Date(Date.parse(report.at) - seconds * 1_000).toISOString();
  const quiet = { name: "A", severity: "warning", summary: "", since: report.at, quiet: true };
  const lines = screen({
    ...report,
    monitoring: {
      alerts: [quiet, { ...quiet, quiet: false }],
      metricsWrittenAt: at(20),
      logStores: { loki: 5 * 1024 ** 2 },
    },
    supervisor: {
      schedule: { installed: ["cron"], lastCall: at(40) },
      watch: { installed: false, running: false },
    },
  }).split("\n");
  expect(lines.slice(lines.indexOf("Monitoring"))).toEqual([
    "Monitoring",
    "  alerts firing    1          and 1 quiet",
    "  targets down     not known",
    "  metrics written  20s ago",
    "  kept logs        5 MB       loki",
    "",
    "Kept running by",
    "  schedule  cron                                    called 40s ago",
    "  watch     not installed: ./prod.sh watch install",
  ]);
});

import { describe, expect, test } from "vitest";
import { columns } from "../../../src/cli/columns.ts";
import { fileTree } from "../../../src/cli/file-tree.ts";
import { statusScreen } from "../../../src/cli/status-screen.ts";
import { needsOf, summaryLines } from "../../../src/cli/summary.ts";
import type { StatusReport } from "../../../src/operations/status-report.ts";
import { model, service } from "../../support/models.ts";

const plain = (_: string, text: string) => text;
const megabyte = 1024 ** 2;

test("columns stand below each other and end at the terminal's edge", () => {
  const rows = [
    ["name", { text: "state", style: "dim" as const }, "image"],
    ["web", { text: "healthy", style: "green" as const }, "ghcr.io/you/app:1.0.0"],
  ];
  expect(columns(rows, plain)).toEqual(["name  state    image", "web   healthy  ghcr.io/you/app:1.0.0"]);
  expect(columns(rows, plain, 22)).toEqual(["name  state    image", "web   healthy  ghcr.io"]);
});

test("a tree of files shows folders first and sizes", () => {
  const lines = fileTree("shop", [
    { path: "stack.yaml", bytes: 2_048 },
    { path: "config/redis/redis.conf", bytes: 10 },
  ]).map((line) => line.replace(/ {2,}(?=\d)/, "  "));
  expect(lines).toEqual(["shop/", "  config/", "    redis/", "      redis.conf  10 B", "  stack.yaml  2 KB"]);
});

describe("the summary before a stack is written", () => {
  const services = [
    service("web", { replicas: 2, limits: { cpus: 1, memory: 512 * megabyte, pids: 64 } }),
    service("init", { class: "one-shot" }),
  ];

  test("memory is the sum of the limits of what keeps running", () => {
    const needs = needsOf(model(services), "/a/directory/that/is/not/there");
    expect(needs.memory).toBe(1024 * megabyte);
    expect(needs.services).toBe(1);
    expect(needs.freeDisk).toBeGreaterThan(0);
  });

  test("what this machine does not have is told", () => {
    const needs = { services: 1, memory: 2, hostMemory: 1, disk: 2, freeDisk: 1 };
    const lines = summaryLines(model(services), needs);
    expect(lines.filter((line) => line.includes("more than it has"))).toHaveLength(2);
    expect(summaryLines(model(services), { ...needs, memory: 1, disk: 1 }).join()).not.toContain("more than");
  });
});

describe("the status screen", () => {
  const report: StatusReport = {
    format: 1,
    stack: "shop",
    at: "2026-01-31T10:00:00.000Z",
    healthy: false,
    problems: [{ subject: "web", message: "web is unhealthy", hint: "./prod.sh logs web" }],
    services: [
      {
        name: "web",
        known: true,
        group: "apps",
        class: "long-running",
        state: "unhealthy",
        replicas: { running: 1, wanted: 2 },
        uptime: 90,
        restarts: 3,
        memory: { used: 100 * megabyte, limit: 512 * megabyte },
        image: "x/y:1",
      },
    ],
    routes: [
      {
        service: "web",
        url: "https://a.b/",
        certificate: { kind: "issued", issuer: "R11", daysLeft: 9.5, matches: true },
      },
    ],
    volumes: [{ name: "shop_data", bytes: 3 * megabyte }],
    migrations: [{ app: "web", last: { id: "1", outcome: "ok", startedAt: "2026-01-31T09:00:00.000Z" } }],
    host: { memory: { total: 1024 * megabyte, free: 512 * megabyte } },
  };

  test("says what is wrong first, and what to type", () => {
    expect(statusScreen(report, plain, 100)).toEqual([
      "shop  not healthy  2026-01-31 10:00:00",
      "! web is unhealthy",
      "  -> ./prod.sh logs web",
      "",
      "SERVICE  STATE          UP     RESTARTS  MEMORY           IMAGE",
      "web      unhealthy 1/2  1m30s  3         100 MB / 512 MB  x/y:1",
      "",
      "Routes",
      "  https://a.b/  web  9 days left (R11)",
      "",
      "Volumes",
      "  shop_data  3 MB",
      "",
      "Migrations",
      "  web  ok, 1h ago",
      "",
      "Host",
      "  memory  512 MB free of 1 GB",
    ]);
  });

  test("colours say how urgent it is", () => {
    const painted = statusScreen(report, (style, text) => `<${style}>${text}`, 200).join("\n");
    expect(painted).toContain("<red>unhealthy 1/2");
    expect(painted).toContain("<yellow>9 days left");
  });
});

import { describe, expect, test } from "vitest";
import { columns } from "../../../src/cli/columns.ts";
import { fileTree } from "../../../src/cli/file-tree.ts";
import { needsOf, summaryLines } from "../../../src/cli/summary.ts";
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
    expect(lines[0]).toBe("Stack shop: 1 service");
    expect(summaryLines(model(services), { ...needs, services: 2 })[0]).toBe("Stack shop: 2 services");
    expect(summaryLines(model(services), { ...needs, memory: 1, disk: 1 }).join()).not.toContain("more than");
  });
});

import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { tryLock } from "../../../../src/operations/lock.ts";
import { readMetricsMemory, writeMetricsMemory } from "../../../../src/operations/metrics/memory.ts";
import { metricsPath, writeServiceMetrics } from "../../../../src/operations/metrics/write.ts";
import { type FakeEngine, fakeEngine } from "../../../support/fake-engine.ts";
import { model, service } from "../../../support/models.ts";

let directory: string;
let engine: FakeEngine;
let web: string;
let now: number;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "metrics-"));
  mkdirSync(join(directory, ".stack"));
  engine = fakeEngine();
  web = engine.add({ service: "web" });
  now = Date.now();
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const context = () => ({
  directory,
  engine,
  model: model([service("web")]),
  clock: { now: () => now, sleep: () => Promise.resolve() },
});
const text = () => readFileSync(metricsPath(context()), "utf8");
const value = (name: string) => new RegExp(`^create_stack_${name}\\{.*\\} (.*)$`, "m").exec(text())?.[1];

/** The container ends by itself and starts again. */
function crash(): void {
  engine.change(web, {}, "die");
  engine.change(web, {}, "start");
}

test("everybody may read the file and its folder, whatever the umask is", async () => {
  const before = process.umask(0o077);
  try {
    await writeServiceMetrics(context());
  } finally {
    process.umask(before);
  }
  const path = metricsPath(context());
  expect([path, dirname(path)].map((one) => (statSync(one).mode & 0o777).toString(8))).toEqual(["644", "755"]);
});

test("counters go on from what is on the disk; a memory that makes no sense is begun anew", async () => {
  crash();
  await writeServiceMetrics(context());
  crash();
  now = Date.now() + 1_000;
  await writeServiceMetrics(context());
  await writeServiceMetrics(context());
  expect(value("container_restarts_total")).toBe("2");
  writeFileSync(join(directory, ".stack/metrics.json"), "{ torn");
  await writeServiceMetrics(context());
  expect(value("container_restarts_total")).toBe("2");
});

test("a clock that was set back keeps no event from being counted", async () => {
  crash();
  await writeServiceMetrics(context());
  const { counts } = readMetricsMemory(directory);
  writeMetricsMemory(directory, { counts: { ...counts, eventsUntil: now + 3_600_000 } });
  engine.change(web, {}, "oom");
  now = Date.now() - 1_000;
  await writeServiceMetrics(context());
  expect(Number(value("container_oom_kills_total"))).toBeGreaterThanOrEqual(1);
});

test("what could not be written is counted again the next time", async () => {
  await writeServiceMetrics(context());
  const path = metricsPath(context());
  rmSync(path);
  mkdirSync(path);
  crash();
  await expect(writeServiceMetrics(context())).rejects.toThrow();
  rmSync(path, { recursive: true });
  await writeServiceMetrics(context());
  expect(value("container_restarts_total")).toBe("1");
});

test("when the schedule called is remembered, also by looks that others ask for", async () => {
  await writeServiceMetrics(context());
  expect(text()).not.toContain("schedule_last_run");
  await writeServiceMetrics(context(), { scheduled: true });
  const called = now;
  now += 15_000;
  await writeServiceMetrics(context());
  expect(value("schedule_last_run_timestamp_seconds")).toBe(String(called / 1_000));
  expect(value("metrics_written_timestamp_seconds")).toBe(String(now / 1_000));
});

test("two at the same time are one", async () => {
  const lock = tryLock(directory, "metrics", now, "metrics.lock");
  await writeServiceMetrics(context());
  expect(text).toThrow();
  if ("release" in lock) lock.release();
  await writeServiceMetrics(context());
  expect(value("container_running")).toBe("1");
});

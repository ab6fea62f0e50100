import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { Compose } from "../../../src/engine/compose.ts";
import type { Context } from "../../../src/operations/context.ts";
import { runStart } from "../../../src/operations/start.ts";
import type { WantedService } from "../../../src/operations/start-facts.ts";
import { waitForServices } from "../../../src/operations/wait.ts";
import { systemClock } from "../../../src/support/clock.ts";
import type { RunResult } from "../../../src/support/process.ts";
import { type FakeEngine, fakeEngine } from "../../support/fake-engine.ts";
import { model as stackModel } from "../../support/models.ts";
import { type RecordedProgress, recordedProgress } from "../../support/scenario.ts";

const model = stackModel([]);

let engine: FakeEngine;
let progress: RecordedProgress;
let interruption: AbortController;
beforeEach(() => {
  engine = fakeEngine();
  progress = recordedProgress();
  interruption = new AbortController();
});

function contextWith(answer: (args: string) => Partial<RunResult>): Context & { calls: string[] } {
  const directory = mkdtempSync(join(tmpdir(), "start-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const calls: string[] = [];
  const compose: Compose = {
    async run(args) {
      calls.push(args.join(" "));
      return { code: 0, stdout: "", stderr: "", timedOut: false, ...answer(args.join(" ")) };
    },
  };
  return { directory, model, engine, compose, clock: systemClock, progress, signal: interruption.signal, calls };
}

const notFound = Object.assign(new Error("spawn docker ENOENT"), { code: "ENOENT" });

describe("a start refuses", () => {
  test("without Compose", async () => {
    const context = contextWith(() => {
      throw notFound;
    });
    await expect(runStart(context)).rejects.toMatchObject({ code: "compose-missing", exit: "engineUnreachable" });
    expect(readdirSync(join(context.directory, ".stack"))).toEqual([]);
  });

  test("with an old Compose, whatever that makes of the files", async () => {
    const context = contextWith((args) =>
      args.startsWith("version")
        ? { stdout: "2.26.1\n" }
        : { code: 15, stderr: "services.web.env_file must be a string" },
    );
    await expect(runStart(context)).rejects.toMatchObject({ code: "compose-old", exit: "engineUnreachable" });
  });

  test("with an old engine and an old Compose: both in one error", async () => {
    engine.about = { ...engine.about, version: "19.03.1" };
    const context = contextWith(() => ({ stdout: "2.26.1\n" }));
    await expect(runStart(context)).rejects.toMatchObject({
      code: "preflight",
      problems: [
        { message: expect.stringContaining("Engine 19.03.1") },
        { message: expect.stringContaining("2.26.1") },
      ],
    });
  });

  test("when the engine does not answer", async () => {
    engine.reachable = false;
    await expect(runStart(contextWith(() => ({})))).rejects.toMatchObject({ code: "engine-unreachable" });
  });
});

describe("waiting", () => {
  const healthcheck = {
    test: ["CMD", "true"],
    interval: 1_000,
    timeout: 1_000,
    startPeriod: 0,
    startInterval: 500,
    retries: 1,
  };
  const service: WantedService = {
    name: "web",
    class: "long-running",
    image: "i:1",
    replicas: 1,
    dependsOn: [],
    hash: "",
    healthcheck,
  };
  const wait = (context: Context, timeout?: number) =>
    waitForServices(context, {
      services: [service],
      before: { containers: [] },
      converged: () => false,
      ...(timeout !== undefined && { timeout }),
    });

  test("ends as soon as the engine tells that it is healthy", async () => {
    const id = engine.add({ service: "web", health: "starting" });
    const began = Date.now();
    setTimeout(() => engine.change(id, { health: "healthy" }, "healthy"), 200);
    const standings = await wait(contextWith(() => ({})));
    expect(standings.get("web")).toEqual({ state: "ready", text: "healthy" });
    expect(Date.now() - began).toBeLessThan(900);
    expect(progress.all).toEqual(["web working: starting", "web done: healthy"]);
  });

  test("sees what changes without an event", async () => {
    const id = engine.add({ service: "web", health: "starting" });
    setTimeout(() => engine.change(id, { health: "healthy" }, "exec_die"), 50);
    expect((await wait(contextWith(() => ({})))).get("web")).toMatchObject({ state: "ready" });
  });

  test("ends after the time given", async () => {
    engine.add({ service: "web", health: "starting" });
    expect(
      (
        await wait(
          contextWith(() => ({})),
          50,
        )
      ).get("web"),
    ).toMatchObject({ state: "failed", reason: "never-ready" });
  });

  test("remembers that memory ran out, although the next run of the container does not know", async () => {
    const id = engine.add({ service: "web", health: "starting" });
    setTimeout(() => {
      engine.change(id, {}, "oom");
      engine.change(id, { restarts: 2 }, "start");
    }, 20);
    expect((await wait(contextWith(() => ({})))).get("web")).toMatchObject({ reason: "out-of-memory" });
  });

  test("ends at once when interrupted", async () => {
    engine.add({ service: "web", health: "starting" });
    const waiting = wait(contextWith(() => ({})));
    setTimeout(() => interruption.abort(new Error("interrupted")), 20);
    await expect(waiting).rejects.toThrow("interrupted");
  });
});

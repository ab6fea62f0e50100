import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { quiesced } from "../../../src/operations/backup/quiesce.ts";
import type { Context } from "../../../src/operations/context.ts";
import { type Journal, openJournal } from "../../../src/operations/journal.ts";
import type { Consistency, DataSourceOf } from "../../../src/stack/data-source.ts";
import { systemClock } from "../../../src/support/clock.ts";
import { type FakeEngine, fakeEngine } from "../../support/fake-engine.ts";
import { model, service } from "../../support/models.ts";
import { recordedProgress } from "../../support/scenario.ts";

let directory: string;
let engine: FakeEngine;
let context: Context;
let journal: Journal;
let told: string[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "quiesce-"));
  engine = fakeEngine();
  told = engine.done;
  const written = openJournal(directory, "backup", systemClock);
  journal = {
    ...written,
    begin(step) {
      written.begin(step);
      told.push(`begin ${step.undo?.kind} ${step.undo?.service}`);
    },
    undone(step) {
      written.undone(step);
      told.push(`undone ${step.split(":").slice(0, 2).join(" ")}`);
    },
  };
  const mount = { kind: "volume" as const, volume: "uploads", target: "/data" };
  const services = [
    service("web", { mounts: [{ ...mount, readOnly: false }] }),
    service("reader", { mounts: [{ ...mount, readOnly: true }] }),
  ];
  context = {
    directory,
    model: model(services),
    engine,
    compose: {} as Context["compose"],
    clock: systemClock,
    progress: recordedProgress(),
    signal: new AbortController().signal,
  };
  for (const name of ["web", "reader"])
    engine.add({ service: name, name: `shop-${name}-1`, mounted: ["shop_uploads"] });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const sourceWith = (consistency: Consistency): DataSourceOf<"volume"> => ({
  name: "uploads",
  component: "web",
  service: "web",
  volume: "uploads",
  kind: "volume",
  consistency,
});

const copy = async () => {
  told.push("copy");
  return 7;
};

test.each([
  ["live", ["copy"]],
  ["stop", ["begin start-service web", "stop web", "copy", "start web", "undone stop web"]],
  ["pause", ["begin unpause web", "pause web", "copy", "unpause web", "undone pause web"]],
] as const)(
  "%s: how to go on is written down before anything stands still, and struck out after it goes on",
  async (kind, wanted) => {
    expect(await quiesced(context, journal, sourceWith({ kind }), copy)).toBe(7);
    expect(told).toEqual(wanted);
  },
);

test("what does not start again is an error, and stays written down for the next command", async () => {
  engine.start = async () => {
    throw new Error("port is already allocated");
  };
  await expect(quiesced(context, journal, sourceWith({ kind: "stop" }), copy)).rejects.toThrow("already allocated");
  expect(told).toEqual(["begin start-service web", "stop web", "copy"]);
});

test("a command interrupted by the user still lets everything go on", async () => {
  const user = new AbortController();
  const interrupted = quiesced(
    { ...context, signal: user.signal },
    journal,
    sourceWith({ kind: "stop" }),
    async ({ signal }) => {
      user.abort(new Error("Ctrl-C"));
      signal.throwIfAborted();
    },
  );
  await expect(interrupted).rejects.toThrow("Ctrl-C");
  expect(told.slice(-2)).toEqual(["start web", "undone stop web"]);
});

test("a service that is not healthy in time is told of", async () => {
  const [web] = (await engine.observe("shop")).containers.filter((one) => one.service === "web");
  const start = engine.start;
  engine.start = async (id) => {
    await start(id);
    engine.change(id, { health: "starting" });
  };
  let now = 0;
  const clock = {
    now: () => now,
    sleep: async (milliseconds: number, signal?: AbortSignal) => {
      // The budget's alarm, which waits for much longer than a look at the health.
      if (milliseconds >= 100_000) await new Promise((_, reject) => signal?.addEventListener("abort", reject));
      now += milliseconds;
    },
  };
  const warnings: string[] = [];
  await quiesced({ ...context, clock }, journal, sourceWith({ kind: "stop" }), copy, (text) => warnings.push(text));
  expect(warnings).toEqual(["web runs again and is not healthy after 1m"]);
  expect((await engine.inspect(web?.id ?? ""))?.state).toBe("running");
});

test("a copy around a command needs the service to run", async () => {
  for (const { id } of (await engine.observe("shop")).containers) await engine.stop(id, 1);
  const around = sourceWith({ kind: "exec", before: ["freeze"], after: ["thaw"] });
  await expect(quiesced(context, journal, around, copy)).rejects.toMatchObject({ code: "service-not-running" });
  expect(told).not.toContain("copy");
});

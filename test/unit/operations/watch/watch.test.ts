import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { openJournal } from "../../../../src/operations/journal.ts";
import { tryLock } from "../../../../src/operations/lock.ts";
import { silentProgress } from "../../../../src/operations/progress.ts";
import { readWatchMemory } from "../../../../src/operations/watch/memory.ts";
import { type WatchContext, watch } from "../../../../src/operations/watch/watch.ts";
import { systemClock } from "../../../../src/support/clock.ts";
import { StackError } from "../../../../src/support/errors.ts";
import { type FakeEngine, fakeEngine } from "../../../support/fake-engine.ts";
import { model, service } from "../../../support/models.ts";

let directory: string;
let engine: FakeEngine;
let said: string[];
let web: string;
let stopping: AbortController;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "watch-"));
  mkdirSync(join(directory, ".stack"));
  engine = fakeEngine();
  said = [];
  web = engine.add({ service: "web" });
  stopping = new AbortController();
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const monitoring = {
  component: "monitoring",
  prometheus: { service: "prometheus", port: 9090 },
  alertmanager: { service: "alertmanager", port: 9093 },
};

function context(parts: Partial<WatchContext> = {}): WatchContext {
  return {
    directory,
    clock: systemClock,
    signal: stopping.signal,
    progress: silentProgress,
    model: () => model([service("web")]),
    connect: async () => engine,
    say: (line) => void said.push(line),
    ...parts,
  };
}

const options = { every: 5, pauses: { first: 60_000, longest: 600_000, forget: 1_800_000 } };
const soon = { timeout: 5_000, interval: 5 };

/** Watches until `enough` holds, and ends it. */
async function watchUntil(enough: () => void, parts: Partial<WatchContext> = {}): Promise<void> {
  const watching = watch(context(parts), options);
  await vi.waitFor(enough, soon);
  stopping.abort(new Error("enough"));
  expect(await watching).toBe("aborted");
}

test("what is unhealthy is restarted once, with the reason, and its recovery is said", async () => {
  engine.change(web, {
    health: "unhealthy",
    healthLog: [{ exitCode: 1, output: "starting\nthe queue is stuck\n", at: 1 }],
  });
  const watching = watch(context(), options);
  await expect.poll(() => engine.done, soon).toEqual(["restart web"]);
  engine.change(web, { health: "unhealthy" });
  await expect.poll(() => said.length, soon).toBe(3);
  engine.change(web, { health: "healthy" });
  await expect.poll(() => said.length, soon).toBe(4);
  stopping.abort();
  await watching;
  expect(said).toEqual([
    "watching, every 0s",
    "web was unhealthy: the queue is stuck; restarted, for the first time in a row. Not again before 1m have passed",
    "web is unhealthy and left alone: restarted once without success; the next time not before 1m have passed",
    "web is healthy again",
  ]);
  expect(engine.done).toEqual(["restart web"]);
  expect(readWatchMemory(directory)).toMatchObject({ services: { web: { restarts: 1 } }, restarts: { web: 1 } });
});

test("nothing is restarted while a command is at work, and it is when that has ended", async () => {
  engine.change(web, { health: "unhealthy" });
  const lock = tryLock(directory, "deploy", Date.now());
  const watching = watch(context(), options);
  await expect.poll(() => said, soon).toContain("web is unhealthy and left alone: `deploy` is at work on the stack");
  expect(engine.done).toEqual([]);
  if ("release" in lock) lock.release();
  await expect.poll(() => engine.done, soon).toEqual(["restart web"]);
  stopping.abort();
  await watching;
});

test.each([
  ["a copy that has it stand still", undefined, "web", "`backup` has it stand still"],
  [
    "a command that was cut short",
    { pid: 0 },
    "db",
    "`backup` was cut short, and the next command puts right what it left",
  ],
])("nothing is restarted because of %s", async (_, process, stands, reason) => {
  const journal = openJournal(directory, "backup", systemClock, undefined, process);
  journal.begin({ id: "still", undo: { kind: "unpause", project: "shop", service: stands, containers: [] } });
  engine.change(web, { health: "unhealthy" });
  await watchUntil(() => expect(said).toContain(`web is unhealthy and left alone: ${reason}`));
  expect(engine.done).toEqual([]);
});

test("a copy of another service keeps nothing from being restarted", async () => {
  const journal = openJournal(directory, "backup", systemClock);
  journal.begin({ id: "still", undo: { kind: "unpause", project: "shop", service: "db", containers: [] } });
  engine.change(web, { health: "unhealthy" });
  await watchUntil(() => expect(engine.done).toEqual(["restart web"]));
});

test("what somebody is stopping with Docker itself is left alone", async () => {
  engine.change(web, { health: "unhealthy", startedAt: Date.now() - 60_000 });
  const { pastEvents } = engine;
  const kill = { at: Date.now(), id: web, service: "web", oneOff: false, action: "kill", signal: 15 };
  engine.pastEvents = async (...asked) => ({ ...(await pastEvents(...asked)), events: [kill] });
  await watchUntil(() => expect(said).toContain("web is unhealthy and left alone: somebody is stopping it"));
  expect(engine.done).toEqual([]);
});

test("an engine that goes away is waited for, said once", async () => {
  const watching = watch(context(), options);
  await expect.poll(() => readWatchMemory(directory).lookedAt, soon).toBeDefined();
  engine.reachable = false;
  await expect.poll(() => said, soon).toHaveLength(2);
  engine.reachable = true;
  await expect.poll(() => said.length, soon).toBe(3);
  stopping.abort();
  await watching;
  expect(said.slice(1)).toEqual(["looking: The Docker engine stopped answering; trying again", "looking: works again"]);
});

test("an engine that never answers keeps it from nothing but looking: it ends at once", async () => {
  const watching = watch(context({ connect: () => new Promise(() => {}) }), options);
  await expect.poll(() => said, soon).toEqual(["watching, every 0s"]);
  stopping.abort();
  expect(await watching).toBe("aborted");
});

test("a restart that does not end keeps it from ending neither", async () => {
  engine.change(web, { health: "unhealthy" });
  let begun = false;
  engine.restart = () => {
    begun = true;
    return new Promise(() => {});
  };
  await watchUntil(() => expect(begun).toBe(true));
  expect("release" in tryLock(directory, "start", Date.now())).toBe(true);
});

test("metrics are written where the stack has monitoring, and only there", async () => {
  const path = join(directory, ".stack/metrics/create-stack-shop-services.prom");
  await watchUntil(() => expect(readWatchMemory(directory).lookedAt).toBeDefined());
  expect(() => readFileSync(path)).toThrow();
  stopping = new AbortController();
  await watchUntil(() => expect(readFileSync(path, "utf8")).toContain("container_running"), {
    model: () => model([service("web")], { monitoring }),
  });
});

test("without monitoring those whom notify: names are told of a restart", async () => {
  const got: string[] = [];
  const server = createServer((request, response) => {
    request.on("data", (bytes) => got.push(String(bytes)));
    request.on("end", () => response.end());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  mkdirSync(join(directory, "secrets"));
  writeFileSync(join(directory, "secrets/hook"), `http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  engine.change(web, { health: "unhealthy" });
  const told = "notify: told webhook: WARNING shop: web was unhealthy and was restarted by watch";
  await watchUntil(() => expect(said).toContain(told), {
    model: () => model([service("web")], { notify: { webhook: { url: "hook" } } }),
  });
  expect(got.join()).toContain("web was unhealthy and was restarted by watch");
});

test("two at a time are refused; the lock of one that died is not", async () => {
  const watching = watch(context(), options);
  const error = await watch(context(), options).catch((reason) => reason);
  expect(error).toBeInstanceOf(StackError);
  expect(error).toMatchObject({ code: "watched-already", exit: "locked" });
  stopping.abort();
  await watching;
  stopping = new AbortController();
  const lock = tryLock(directory, "watch", Date.now(), "watch.lock");
  expect("release" in lock).toBe(true);
});

test("ends where its program was replaced", async () => {
  expect(await watch(context({ isReplaced: () => true }), options)).toBe("replaced");
});

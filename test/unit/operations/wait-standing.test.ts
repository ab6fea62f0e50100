import { describe, expect, test } from "vitest";
import type { ObservedContainer } from "../../../src/engine/engine.ts";
import type { WantedService } from "../../../src/operations/start-facts.ts";
import { type Sighting, standingOf, timeToReady, withBlocked } from "../../../src/operations/wait-standing.ts";

const healthcheck = {
  test: ["CMD", "true"],
  interval: 10_000,
  timeout: 5_000,
  startPeriod: 20_000,
  startInterval: 1_000,
  retries: 3,
};
const web: WantedService = {
  name: "web",
  class: "long-running",
  image: "i:1",
  replicas: 1,
  dependsOn: [],
  hash: "h",
  healthcheck,
};
const { healthcheck: _, ...unchecked } = web;
const init: WantedService = { ...unchecked, name: "init", class: "one-shot" };

function container(more: Partial<ObservedContainer> = {}): ObservedContainer {
  return {
    id: "1",
    name: "shop-web-1",
    service: "web",
    oneOff: false,
    image: "i:1",
    imageId: "sha256:1",
    composeHash: "h",
    state: "running",
    exitCode: 0,
    oomKilled: false,
    restarts: 0,
    error: "",
    healthLog: [],
    memoryLimit: 0,
    cpuLimit: 0,
    networks: [],
    addresses: {},
    ...more,
  };
}

function judged(
  service: WantedService,
  containers: ObservedContainer[],
  { now = 1_000, converged = false, ...sighting }: Partial<Sighting> & { now?: number; converged?: boolean } = {},
): string {
  const seen: Sighting = { since: 0, runSince: 0, restartsBefore: 0, stale: false, outOfMemory: false, ...sighting };
  const standing = standingOf(service, containers, { now, converged, sighting: () => seen });
  return standing.state === "failed"
    ? `failed (${standing.reason}): ${standing.text}`
    : `${standing.state}: ${standing.text}`;
}

describe("how a service stands", () => {
  test.each<[string, string, WantedService, Partial<ObservedContainer>, Parameters<typeof judged>[2]]>([
    ["healthy", "ready: healthy", web, { health: "healthy" }, {}],
    ["starting", "working: starting", web, { health: "starting" }, {}],
    ["just started, no verdict yet", "working: starting", web, {}, { now: 60_000 }],
    ["unhealthy", "failed (unhealthy): is unhealthy", web, { health: "unhealthy" }, {}],
    ["past its time", "failed (never-ready): not ready after 1m10s", web, { health: "starting" }, { now: 70_001 }],
    ["just within its time", "working: starting", web, { health: "starting" }, { now: 70_000 }],
    ["unchecked and new", "working: starting", unchecked, {}, { now: 1_499 }],
    ["unchecked and alive for a while", "ready: running", unchecked, {}, { now: 1_500 }],
    ["unchecked, started again a moment ago", "working: starting", unchecked, {}, { now: 9_000, runSince: 8_000 }],
    ["ended, not yet started again", "waiting: waiting", web, { state: "exited", exitCode: 1 }, { stale: true }],
    [
      "ended before and nobody started it",
      "failed (exited): ended with exit code 1",
      web,
      { state: "exited", exitCode: 1 },
      { stale: true, converged: true },
    ],
    ["ended now", "failed (exited): ended with exit code 1", web, { state: "exited", exitCode: 1 }, {}],
    [
      "killed for memory",
      "failed (out-of-memory): ran out of memory",
      web,
      { state: "exited", exitCode: 137, oomKilled: true },
      {},
    ],
    [
      "killed for memory twice and started again",
      "failed (out-of-memory): ran out of memory",
      web,
      { state: "running", restarts: 2 },
      { outOfMemory: true },
    ],
    ["killed for memory once", "working: starting", web, { state: "running", restarts: 1 }, { outOfMemory: true }],
    ["restarting", "working: ended with 2, starting again", web, { state: "restarting", exitCode: 2, restarts: 3 }, {}],
    [
      "restarting once more",
      "failed (crash-loop): ends again and again",
      web,
      { state: "restarting", exitCode: 2, restarts: 4 },
      {},
    ],
    [
      "many restarts, but before this operation",
      "working: starting",
      web,
      { health: "starting", restarts: 9 },
      { restartsBefore: 8 },
    ],
    ["many restarts, and healthy in the end", "ready: healthy", web, { health: "healthy", restarts: 9 }, {}],
    [
      "could not be started",
      "failed (cannot-start): cannot be started",
      web,
      { state: "created", error: "no such program" },
      {},
    ],
    ["made, to be started", "waiting: waiting", web, { state: "created" }, {}],
    [
      "made, and Compose is done",
      "failed (not-started): was not started",
      web,
      { state: "created" },
      { converged: true },
    ],
    ["paused", "failed (paused): is paused", web, { state: "paused" }, {}],
    ["set-up at work", "working: at work", init, { service: "init" }, {}],
    ["set-up done", "ready: done", init, { service: "init", state: "exited" }, {}],
    [
      "set-up failed",
      "failed (exited): ended with exit code 4",
      init,
      { service: "init", state: "exited", exitCode: 4 },
      {},
    ],
    [
      "the container that Compose is about to replace",
      "waiting: waiting",
      web,
      { composeHash: "old", health: "healthy" },
      {},
    ],
    ["a container of `docker compose run`", "waiting: waiting", web, { oneOff: true, health: "healthy" }, {}],
  ])("%s", (_, expected, service, is, given) => {
    expect(judged(service, [container(is)], given)).toBe(expected);
  });

  test("no container: to come, or not coming any more", () => {
    expect(judged(web, [])).toBe("waiting: waiting");
    expect(judged(web, [], { converged: true })).toBe("failed (not-started): was not started");
  });

  test("with replicas all of them count, and one that failed is enough to fail", () => {
    const three = { ...web, replicas: 3 };
    const healthy = container({ health: "healthy" });
    expect(judged(three, [healthy, healthy])).toBe("working: 2 of 3 ready");
    expect(judged(three, [healthy, healthy, healthy])).toBe("ready: healthy");
    expect(judged(three, [healthy, container({ health: "unhealthy" })])).toBe("failed (unhealthy): is unhealthy");
    expect(judged({ ...web, replicas: 0 }, [])).toBe("ready: no containers wanted");
  });

  test("the time to become ready is what the health check allows, and some", () => {
    expect(timeToReady(web)).toBe(20_000 + 3 * 15_000 + 5_000);
  });

  test("what waits for a failure is blocked, and so is what waits for that", () => {
    const on = (name: string, service: string): WantedService => ({
      ...web,
      name,
      dependsOn: [{ service, condition: "service_healthy" }],
    });
    const standings = new Map([
      ["a", { state: "failed" as const, reason: "unhealthy" as const, text: "is unhealthy" }],
      ["b", { state: "waiting" as const, text: "waiting" }],
      ["c", { state: "waiting" as const, text: "waiting" }],
      ["d", { state: "working" as const, text: "starting" }],
    ]);
    const services = [on("c", "b"), on("b", "a"), { ...web, name: "a" }, on("d", "a")];
    const result = withBlocked(services, standings);
    expect([...result].map(([name, { state, text }]) => `${name} ${state} ${text}`)).toEqual([
      "a failed is unhealthy",
      "b failed waits for a",
      "c failed waits for b",
      "d working starting",
    ]);
  });
});

import { describe, expect, test } from "vitest";
import type { ObservedContainer } from "../../../../src/engine/engine.ts";
import { decide, pauseAfter, usualPauses, withRestart } from "../../../../src/operations/watch/decide.ts";
import { noWatchMemory, type WatchMemory } from "../../../../src/operations/watch/memory.ts";
import type { Service } from "../../../../src/stack/service.ts";
import { container, service } from "../../../support/models.ts";

const now = 1_000_000_000;
const minute = 60_000;
const services: Service[] = [
  service("db", { group: "data" }),
  service("web", { dependsOn: [{ service: "db", condition: "service_healthy" }] }),
  service("init", { class: "one-shot" }),
  service("web-migrate", { class: "job" }),
];
const bad = (name: string, parts: Partial<ObservedContainer> = {}) =>
  container(name, { health: "unhealthy", ...parts });
const good = (name: string, parts: Partial<ObservedContainer> = {}) => container(name, parts);

/** `restart web`, `web waits: …`: what a look comes to. */
function told(containers: ObservedContainer[], memory: Partial<WatchMemory> = {}): string[] {
  const verdict = decide({ services }, containers, { ...noWatchMemory(), ...memory }, now);
  return [
    ...verdict.restart.map(({ service: name, containers: mine }) => `restart ${name} ${mine.length}`),
    ...verdict.waiting.map(({ service: name, reason }) => `${name} waits: ${reason}`),
  ];
}

const attended = (restarts: number, ago: number) => ({
  services: { web: { restarts, restartedAt: now - ago, unhealthyAt: now - ago } },
});
const needsData = "it keeps data and has not been healthy since it started: it may still be reading its log";

test.each<[string, ObservedContainer[], Partial<WatchMemory>, string[]]>([
  ["all is well", [good("db"), good("web")], {}, []],
  ["unhealthy", [good("db"), bad("web")], {}, ["restart web 1"]],
  [
    "two of three containers",
    [good("db"), bad("web"), good("web", { id: "2" }), bad("web", { id: "3" })],
    {},
    ["restart web 2"],
  ],
  ["starting", [good("db"), bad("web", { health: "starting" })], {}, []],
  ["without a check", [good("db"), container("web", { health: undefined as never })], {}, []],
  ["stopped, with an old answer of its check", [good("db"), bad("web", { state: "exited" })], {}, []],
  ["paused", [good("db"), bad("web", { state: "paused" })], {}, []],
  ["restarting by itself", [good("db"), bad("web", { state: "restarting" })], {}, []],
  ["one-shot, job, one-off", [good("db"), bad("init"), bad("web-migrate"), bad("web", { oneOff: true })], {}, []],
  ["only in the override", [bad("extra")], {}, ["restart extra 1"]],
  [
    "what it needs is down",
    [bad("db", { state: "exited" }), bad("web")],
    {},
    ["web waits: it needs db, which is not well"],
  ],
  ["what it needs is gone", [bad("web")], {}, ["web waits: it needs db, which is not well"]],
  [
    "what it needs is unhealthy too",
    [bad("db", { startedAt: 5 }), bad("web")],
    { healthy: { "db-id": 5 } },
    ["restart db 1", "web waits: it needs db, which is not well"],
  ],
  ["a server with data that never was healthy", [bad("db", { startedAt: 5 })], {}, [`db waits: ${needsData}`]],
  [
    "a server with data that was healthy before its last start",
    [bad("db", { startedAt: 5 })],
    { healthy: { "db-id": 4 } },
    [`db waits: ${needsData}`],
  ],
  [
    "restarted half a minute ago",
    [good("db"), bad("web")],
    attended(1, 30_000),
    ["web waits: restarted once without success; the next time not before 1m have passed"],
  ],
  ["restarted more than a minute ago", [good("db"), bad("web")], attended(1, 61_000), ["restart web 1"]],
  [
    "restarted three times, three minutes ago",
    [good("db"), bad("web")],
    attended(3, 3 * minute),
    ["web waits: restarted 3 times without success; the next time not before 4m have passed"],
  ],
  [
    "restarted a hundred times",
    [good("db"), bad("web")],
    attended(100, 9 * minute),
    ["web waits: restarted 100 times without success; the next time not before 10m have passed"],
  ],
  ["restarted a hundred times, long ago", [good("db"), bad("web")], attended(100, 11 * minute), ["restart web 1"]],
  [
    "the clock was ahead",
    [good("db"), bad("web")],
    attended(1, -3_600_000),
    ["web waits: restarted once without success; the next time not before 1m have passed"],
  ],
])("%s", (_, containers, memory, expected) => expect(told(containers, memory)).toEqual(expected));

test("pauses double, up to ten minutes", () => {
  const minutes = [1, 2, 3, 4, 5, 6, 50].map((count) => pauseAfter(count, usualPauses) / minute);
  expect(minutes).toEqual([1, 2, 4, 8, 10, 10, 10]);
});

describe("what is remembered", () => {
  const look = (containers: ObservedContainer[], memory: WatchMemory, at: number) =>
    decide({ services }, containers, memory, at).memory;

  test("a row of restarts ends after a quiet half hour, not after a bad one", () => {
    let memory = withRestart(withRestart(noWatchMemory(), "web", now), "web", now);
    expect(memory.services.web?.restarts).toBe(2);
    memory = look([good("db"), bad("web")], memory, now + 20 * minute);
    memory = look([good("db"), good("web")], memory, now + 49 * minute);
    expect(memory.services.web?.restarts).toBe(2);
    memory = look([good("db"), good("web")], memory, now + 50 * minute);
    expect(memory.services.web).toBeUndefined();
    expect(memory.restarts).toEqual({ web: 2 });
    expect(withRestart(memory, "web", now).services.web?.restarts).toBe(1);
  });

  test("a server with data is restarted once it was seen healthy, until it starts again", () => {
    const started = { startedAt: 7 };
    let memory = look([good("db", started)], noWatchMemory(), now);
    memory = look([bad("db", { ...started, health: "starting" })], memory, now);
    expect(decide({ services }, [bad("db", started)], memory, now).restart).toHaveLength(1);
    expect(decide({ services }, [bad("db", { startedAt: 8 })], memory, now).restart).toHaveLength(0);
    expect(look([], memory, now).healthy).toEqual({});
  });
});

import { expect, test } from "vitest";
import type { ObservedContainer, PastEvent } from "../../../../src/engine/engine.ts";
import { type Counts, countedOn, countsOf, noCounts } from "../../../../src/operations/metrics/counts.ts";
import { container } from "../../../support/models.ts";

let at = 1_000;

/** Events of one container in order, a second apart: `start`, `kill 15`, `die`, `oom`. */
function events(id: string, ...actions: string[]): PastEvent[] {
  return actions.map((text) => {
    const [action = "", signal] = text.split(" ");
    at += 1_000;
    return { at, id, service: "web", oneOff: false, action, ...(signal !== undefined && { signal: Number(signal) }) };
  });
}

const web = (restarts: number, parts: Partial<ObservedContainer> = {}) =>
  container("web", { id: "a", restarts, ...parts });

/** Restarts and kills for memory after a row of looks. */
function after(...looks: [containers: ObservedContainer[], events: PastEvent[]][]): string {
  let counts: Counts = noCounts();
  for (const [containers, past] of looks)
    counts = countedOn(JSON.parse(JSON.stringify(counts)), containers, { events: past, knownFrom: 0 });
  const { restarts, oomKills } = countsOf(counts, "web");
  return `${restarts} restarts, ${oomKills} kills`;
}

test.each<[string, string, [ObservedContainer[], PastEvent[]][]]>([
  ["nothing happened", "0 restarts, 0 kills", [[[web(0)], events("a", "create", "start")]]],
  ["crashes that both sides saw", "2 restarts, 0 kills", [[[web(2)], events("a", "die", "start", "die", "start")]]],
  ["crashes that the engine's memory has lost", "7 restarts, 0 kills", [[[web(7)], events("a", "die", "start")]]],
  [
    "one whose event comes a look after the count",
    "1 restarts, 0 kills",
    [
      [[web(1)], []],
      [[web(1)], events("a", "die", "start")],
    ],
  ],
  [
    "one whose count comes a look after the event",
    "1 restarts, 0 kills",
    [
      [[web(0)], events("a", "die")],
      [[web(1)], events("a", "start")],
    ],
  ],
  ["a stop and a start", "0 restarts, 0 kills", [[[web(0)], events("a", "kill 15", "stop", "die", "start")]]],
  [
    "a restart that somebody asked for",
    "0 restarts, 0 kills",
    [[[web(0)], events("a", "kill 15", "stop", "die", "start", "restart")]],
  ],
  [
    "a stop whose end comes a look later",
    "0 restarts, 0 kills",
    [
      [[web(0)], events("a", "kill 15")],
      [[web(0)], events("a", "die")],
    ],
  ],
  [
    "a signal that asks to read the configuration again, then a crash",
    "1 restarts, 0 kills",
    [[[web(0)], events("a", "kill 1", "die", "start")]],
  ],
  [
    "a stop that was ignored, and a crash after the next start",
    "1 restarts, 0 kills",
    [[[web(0)], events("a", "kill 15", "die", "start", "die", "start")]],
  ],
  [
    "a stop whose end the engine's memory has lost, and a crash after the next start",
    "1 restarts, 0 kills",
    [
      [[web(0)], events("a", "kill 15")],
      [[web(0)], events("a", "start", "die", "start")],
    ],
  ],
  [
    "the engine counts anew after a start by hand",
    "5 restarts, 0 kills",
    [
      [[web(3)], []],
      [[web(2)], []],
    ],
  ],
  [
    "a container that came and went between two looks",
    "2 restarts, 0 kills",
    [[[web(0)], events("b", "start", "die", "start", "die", "start", "kill 9", "die", "destroy")]],
  ],
  [
    "a container that was replaced keeps its count for the service",
    "4 restarts, 1 kills",
    [
      [[web(3)], events("a", "oom", "die", "start")],
      [[web(1, { id: "c" })], []],
    ],
  ],
  [
    "killed for memory, twice",
    "2 restarts, 2 kills",
    [[[web(2)], events("a", "oom", "die", "start", "oom", "die", "start")]],
  ],
  [
    "killed for memory, seen in both places",
    "1 restarts, 1 kills",
    [[[web(1, { state: "exited", oomKilled: true, startedAt: at })], events("a", "start", "oom", "die")]],
  ],
  [
    "killed for memory, the event is lost",
    "1 restarts, 1 kills",
    [
      [[web(1, { state: "restarting", oomKilled: true, startedAt: 5_000 })], []],
      [[web(1, { state: "restarting", oomKilled: true, startedAt: 5_000 })], []],
    ],
  ],
])("%s", (_, expected, looks) => expect(after(...looks)).toBe(expected));

test("where the engine has forgotten what came before an end, its own count of restarts is what counts", () => {
  const past = events("a", "die", "start", "die", "start");
  const seen = { events: past, knownFrom: past[0]?.at ?? 0 };
  expect(countsOf(countedOn(noCounts(), [web(0)], seen), "web").restarts).toBe(1);
  expect(countsOf(countedOn(noCounts(), [web(2)], seen), "web").restarts).toBe(2);
});

test("one-off containers are not counted, and events only once", () => {
  const past = events("a", "die", "start");
  const counts = countedOn(noCounts(), [web(1)], {
    events: [...past, { ...past[0], id: "job", oneOff: true } as PastEvent],
    knownFrom: 0,
  });
  expect(Object.keys(counts.containers)).toEqual(["a"]);
  expect(counts.eventsUntil).toBe(past[1]?.at);
});

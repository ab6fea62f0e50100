import { beforeEach, describe, expect, test } from "vitest";
import type { Message } from "../../../../src/notify/message.ts";
import { forgetOthers, isTroubled, messagesFor, note, noteDelivery } from "../../../../src/operations/notify/decide.ts";
import type { NotifyMemory } from "../../../../src/operations/notify/memory.ts";
import type { Receiver } from "../../../../src/operations/notify/receivers.ts";
import type { Trouble } from "../../../../src/operations/notify/trouble.ts";

const minute = 60_000;
const hour = 60 * minute;
let memory: NotifyMemory;
let now: number;

beforeEach(() => {
  memory = { troubles: {}, receivers: {} };
  now = Date.parse("2026-11-21T12:00:00Z");
});

function trouble(key: string, parts: Partial<Trouble> = {}): Trouble {
  const words = { name: "ServiceDown" as const, title: `${key} is down`, lines: [], command: "./prod.sh status" };
  return { key, severity: "critical", holds: 0, clears: 0, ...words, ...parts };
}

function receiver(name: Receiver["name"], only?: "critical"): Receiver {
  return { name, send: async () => {}, ...(only && { only }) };
}
const slack = receiver("slack");

/** One look and what it tells Slack, which takes it unless said otherwise. */
function look(troubles: Trouble[], { to = slack, taken = true, unknown = [] as string[] } = {}): string[] {
  note(memory, { troubles, isOver: (key) => !unknown.includes(key) }, now);
  // What is on the disk between two looks is all that the next one has.
  memory = JSON.parse(JSON.stringify(memory)) as NotifyMemory;
  const messages = messagesFor(memory, "shop", to, now);
  for (const message of messages) noteDelivery(memory, to.name, message, { taken, now });
  return messages.map(({ state, key }: Message) => `${state} ${key}`);
}

describe("a trouble", () => {
  test("is told once, and again after four hours while it is critical", () => {
    expect(look([trouble("a")])).toEqual(["firing a"]);
    now += 4 * hour - 1;
    expect(look([trouble("a")])).toEqual([]);
    now += 1;
    expect(look([trouble("a")])).toEqual(["firing a"]);
    now += minute;
    expect(look([trouble("a")])).toEqual([]);
  });

  test("is told again after a day where it is a warning", () => {
    const warning = trouble("a", { severity: "warning" });
    expect(look([warning])).toEqual(["firing a"]);
    now += 24 * hour - 1;
    expect(look([warning])).toEqual([]);
    now += 1;
    expect(look([warning])).toEqual(["firing a"]);
  });

  test("that gets worse is told at once; one that gets better is not", () => {
    look([trouble("a", { severity: "warning" })]);
    now += minute;
    expect(look([trouble("a")])).toEqual(["firing a"]);
    now += minute;
    expect(look([trouble("a", { severity: "warning" })])).toEqual([]);
  });

  test("must last before it is told", () => {
    const slow = trouble("a", { holds: 2 * minute });
    expect(look([slow])).toEqual([]);
    now += 2 * minute - 1;
    expect(look([slow])).toEqual([]);
    now += 1;
    expect(look([slow])).toEqual(["firing a"]);
  });

  test("that was never told ends without a word", () => {
    look([trouble("a", { holds: minute })]);
    expect(isTroubled(memory)).toBe(true);
    now += minute;
    expect(look([])).toEqual([]);
    expect(memory.troubles).toEqual({});
  });
});

describe("the end of a trouble", () => {
  test("is told once", () => {
    look([trouble("a")]);
    now += minute;
    expect(look([])).toEqual(["resolved a"]);
    expect([look([]), memory.troubles]).toEqual([[], {}]);
  });

  test("is believed after a while; what comes back meanwhile is the same trouble", () => {
    const flapping = trouble("a", { clears: 3 * minute });
    expect(look([flapping])).toEqual(["firing a"]);
    for (let round = 0; round < 5; round += 1) {
      now += minute;
      expect(look([])).toEqual([]);
      now += minute;
      expect(look([flapping])).toEqual([]);
    }
    now += minute;
    expect(look([])).toEqual([]);
    now += 3 * minute;
    expect(look([])).toEqual(["resolved a"]);
  });

  test("says when it began and when it was over, not when that was believed", () => {
    const at = now;
    look([trouble("a", { clears: 3 * minute })]);
    now += minute;
    const endedAt = now;
    look([]);
    now += 3 * minute;
    note(memory, { troubles: [], isOver: () => true }, now);
    expect(messagesFor(memory, "shop", slack, now)).toMatchObject([{ state: "resolved", at, endedAt }]);
  });

  test("is not made up where nobody has looked", () => {
    look([trouble("a")]);
    now += minute;
    expect(look([], { unknown: ["a"] })).toEqual([]);
    now += minute;
    expect(look([trouble("a")])).toEqual([]);
  });
});

describe("receivers", () => {
  test("that takes only what is critical hears of no warning, nor of its end", () => {
    const picky = receiver("pagerduty", "critical");
    expect(look([trouble("a", { severity: "warning" }), trouble("b")], { to: picky })).toEqual(["firing b"]);
    now += minute;
    expect(look([], { to: picky })).toEqual(["resolved b"]);
  });

  test("that took nothing is told later: a minute, then twice as long each time, an hour at most", () => {
    const tries: number[] = [];
    for (const begun = now; now - begun < 4 * hour; now += minute)
      if (look([trouble("a")], { taken: false }).length > 0) tries.push((now - begun) / minute);
    expect(tries).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183]);
    now += hour;
    expect(look([trouble("a")])).toEqual(["firing a"]);
    expect(memory.receivers).toEqual({});
  });

  test("each is told for itself", () => {
    look([trouble("a")], { taken: false });
    expect(look([trouble("a")], { to: receiver("email") })).toEqual(["firing a"]);
    now += minute;
    expect(look([], { to: receiver("email") })).toEqual(["resolved a"]);
    // Slack never heard that it began, so it hears nothing of its end.
    expect(messagesFor(memory, "shop", slack, now)).toEqual([]);
  });

  test("what was tried least recently comes first, so that one bad message holds up no other", () => {
    note(memory, { troubles: [trouble("a"), trouble("b")], isOver: () => true }, now);
    const [first] = messagesFor(memory, "shop", slack, now);
    expect(first?.key).toBe("a");
    if (first !== undefined) noteDelivery(memory, "slack", first, { taken: false, now });
    now += minute;
    expect(messagesFor(memory, "shop", slack, now).map(({ key }) => key)).toEqual(["b", "a"]);
  });

  test("one that stack.yaml names no longer keeps nothing open", () => {
    look([trouble("a")]);
    forgetOthers(memory, [{ name: "email" }]);
    now += minute;
    note(memory, { troubles: [], isOver: () => true }, now);
    expect(memory.troubles).toEqual({});
  });
});

test("a clock that was ahead keeps nobody from being told", () => {
  now += 365 * 24 * hour;
  look([trouble("a"), trouble("b", { holds: minute })]);
  look([], { taken: false, unknown: ["b"] });
  now -= 365 * 24 * hour;
  expect(look([trouble("a"), trouble("b", { holds: minute })])).toEqual([]);
  now += 4 * hour;
  expect(look([trouble("a"), trouble("b", { holds: minute })])).toEqual(["firing b", "firing a"]);
});

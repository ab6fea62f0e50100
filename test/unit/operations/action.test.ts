import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Compose } from "../../../src/engine/compose.ts";
import type { ExecResult } from "../../../src/engine/engine.ts";
import { type ActionRequest, runAction } from "../../../src/operations/action.ts";
import { lockHolder, tryLock } from "../../../src/operations/lock.ts";
import { silentProgress } from "../../../src/operations/progress.ts";
import type { Action } from "../../../src/stack/model.ts";
import { systemClock } from "../../../src/support/clock.ts";
import { StackError } from "../../../src/support/errors.ts";
import { type FakeEngine, fakeEngine } from "../../support/fake-engine.ts";
import { model, service } from "../../support/models.ts";

const failover: Action = {
  verb: "redis",
  word: "failover",
  component: "cache",
  services: ["cache-1", "cache-2"],
  command: ["fail", "over"],
  about: "make another server the primary",
  asks: "Writes fail for some seconds. Go on?",
  timeout: 90_000,
};
const one = [failover, { ...failover, word: "ping", command: ["ping"] }];
const { asks: _, ...harmless } = failover;
const two = [failover, { ...failover, component: "queue" }, { ...harmless, word: "look" }];

let directory: string;
let engine: FakeEngine;
/** What was run, and whether the lock was held then. */
let runs: string[];
let answer: Partial<ExecResult>;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "action-"));
  mkdirSync(join(directory, "secrets"));
  writeFileSync(join(directory, "secrets", "password"), "0123456789abcdef0123");
  engine = fakeEngine();
  [runs, answer] = [[], {}];
  for (const name of ["cache-1", "cache-2"])
    engine.add({
      service: name,
      run: (command) => {
        runs.push(`${name}: ${command.join(" ")}; ${lockHolder(directory)?.command ?? "not locked"}`);
        return { exitCode: 0, stdout: "", stderr: "", ...answer };
      },
    });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function act(actions: Action[], words: string[], more: Partial<ActionRequest> = {}): Promise<string> {
  const context = {
    directory,
    model: model([service("cache-1"), service("cache-2")], {
      actions,
      secrets: [{ name: "password", about: "", mode: 0o400, kind: "random", encoding: "hex" }],
    }),
    engine,
    compose: {} as Compose,
    clock: systemClock,
    progress: silentProgress,
    signal: new AbortController().signal,
  };
  try {
    const result = await runAction(context, { verb: "redis", words, confirmed: true, ...more });
    return `${result.component} in ${result.service}: ${result.output}`;
  } catch (error) {
    if (!(error instanceof StackError)) throw error;
    return [`${error.exit}: ${error.message}`, ...error.details, `-> ${error.hint}`].join("\n");
  }
}

test("runs in the first service that runs, under the stack's lock, and shows what it printed without secrets", async () => {
  answer = { stdout: "primary: cache-2\n", stderr: "0123456789abcdef0123 x\n" };
  expect(await act(one, ["failover"])).toMatch(/^cache in cache-1: primary: cache-2\n\S+ x$/);
  expect(runs).toEqual(["cache-1: fail over; redis failover cache"]);
  expect(lockHolder(directory)).toBeUndefined();
  engine.change("fake1", { state: "exited" });
  await act(one, ["failover", "cache"]);
  expect(runs[1]).toMatch(/^cache-2: /);
});

test.each<[string, Action[], string[], string]>([
  ["a word that is near", one, ["failove"], 'invalidInput: redis has no action "failove"\n-> did you mean "failover"?'],
  ["no word", one, [], 'invalidInput: redis has no action ""\n-> known: failover, ping'],
  [
    "another component",
    one,
    ["failover", "cahce"],
    'invalidInput: "cahce" is no component that redis failover works on\n-> did you mean "cache"?',
  ],
  [
    "no component of two",
    two,
    ["failover"],
    "invalidInput: redis failover needs to know which component: cache or queue\n-> ./prod.sh redis failover cache",
  ],
])("%s is refused and nothing is done", async (__, actions, words, expected) => {
  expect(await act(actions, words)).toBe(expected);
  expect(runs).toEqual([]);
});

test("the component's name chooses among several, and is not needed where only one has the action", async () => {
  expect(await act(two, ["failover", "queue"])).toMatch(/^queue in/);
  expect(await act(two, ["look"])).toMatch(/^cache in/);
});

test("asks where it is no small thing, and does nothing without a yes", async () => {
  const asked: string[] = [];
  const ask = (yes: boolean) => async (question: string) => {
    asked.push(question);
    return yes;
  };
  const hint = "-> ./prod.sh redis failover cache --yes";
  expect(await act(two, ["failover", "cache"], { confirmed: false })).toBe(
    `invalidInput: Nothing was done: Writes fail for some seconds. Go on?\n${hint}`,
  );
  expect(await act(two, ["failover", "cache"], { confirmed: false, ask: ask(false) })).toBe(
    `invalidInput: Nothing was done\n${hint}`,
  );
  expect(runs).toEqual([]);
  expect(await act(two, ["failover", "cache"], { confirmed: false, ask: ask(true) })).toMatch(/^cache in/);
  expect(await act(two, ["look"], { confirmed: false, ask: ask(false) })).toMatch(/^cache in/);
  expect(asked).toHaveLength(2);
});

test("a command that fails says so with what it printed", async () => {
  answer = { exitCode: 3, stderr: "no good replica\n" };
  expect(await act(one, ["failover"])).toBe(
    "unhealthy: redis failover cache failed in cache-1 with exit code 3\nno good replica\n-> ./prod.sh status; ./prod.sh logs cache-1 --tail 50",
  );
});

test("where none of its services runs, that is said; where another command works, nothing is done", async () => {
  const lock = tryLock(directory, "restore", Date.now());
  expect(await act(one, ["failover"])).toMatch(/^locked: Another command works on this stack: `restore`/);
  if ("release" in lock) lock.release();
  for (const id of ["fake1", "fake2"]) engine.change(id, { state: "exited" });
  expect(await act(one, ["failover"])).toBe(
    "unhealthy: redis failover cannot be done: none of cache-1, cache-2 runs\n-> ./prod.sh start cache-1 cache-2, then: ./prod.sh redis failover cache",
  );
  expect(runs).toEqual([]);
});

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ExecResult } from "../../../src/engine/engine.ts";
import { exitOfStatus, runStatus } from "../../../src/operations/status.ts";
import type { SecretFile } from "../../../src/stack/model.ts";
import { StackError } from "../../../src/support/errors.ts";
import { type FakeEngine, fakeEngine } from "../../support/fake-engine.ts";
import { model, service } from "../../support/models.ts";

const now = Date.parse("2026-11-21T12:00:00Z");
const password: SecretFile = { name: "cache_password", about: "", mode: 0o400, kind: "random", encoding: "hex" };
const shop = model(
  ["cache-1", "cache-2"].map((name) => service(name)),
  {
    secrets: [password],
    inspections: [{ component: "cache", services: ["cache-1", "cache-2"], command: ["tell", "me"] }],
  },
);
const usual = "./prod.sh logs cache-1 --tail 50";

let directory: string;
let engine: FakeEngine;
/** What was asked, and where. */
let asked: string[];
let answer: Partial<ExecResult>;
let first: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "status-inspections-"));
  mkdirSync(join(directory, "secrets"));
  writeFileSync(join(directory, "secrets", "cache_password"), "0123456789abcdef0123\n");
  engine = fakeEngine();
  [asked, answer] = [[], {}];
  first = add("cache-1");
  add("cache-2");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function add(name: string): string {
  const run = (command: readonly string[]) => {
    asked.push(`${name}: ${command.join(" ")}`);
    return { exitCode: 0, stdout: "", stderr: "", ...answer };
  };
  return engine.add({ service: name, startedAt: now - 60_000, run });
}

const says = (value: unknown) => ({ stdout: `${JSON.stringify(value)}\n` });

async function look() {
  const clock = { now: () => now, sleep: () => Promise.resolve() };
  const report = await runStatus({ directory, model: shop, engine, clock });
  const problems = report.problems.filter(({ subject }) => subject === "cache");
  return {
    components: report.components,
    problems: problems.map(({ message, hint }) => `${message} -> ${hint}`),
    exit: exitOfStatus(report),
  };
}

test("facts in the order in which they were told, and problems with their own or the usual next command", async () => {
  answer = says({
    facts: { primary: "cache-2", "behind by": 3 },
    problems: [{ message: "the quorum is lost", hint: "./prod.sh restart cache-3" }, { message: "it is slow" }],
  });
  expect(await look()).toEqual({
    components: [{ component: "cache", facts: { primary: "cache-2", "behind by": "3" } }],
    problems: ["the quorum is lost -> ./prod.sh restart cache-3", `it is slow -> ${usual}`],
    exit: "unhealthy",
  });
  expect(asked).toEqual(["cache-1: tell me"]);
});

test("all is well without problems", async () => {
  answer = says({ facts: { primary: "cache-1" } });
  expect(await look()).toMatchObject({ problems: [] });
});

test("the first that is healthy is asked, then one that only runs, and nobody where none runs", async () => {
  answer = says({ facts: {} });
  engine.change(first, { health: "unhealthy" });
  await look();
  engine.change(first, { state: "exited" });
  await look();
  expect(asked).toEqual(["cache-2: tell me", "cache-2: tell me"]);
  for (const { id } of (await engine.observe("shop")).containers) engine.change(id, { health: "unhealthy" });
  engine.change(first, { state: "running" });
  await look();
  expect(asked.at(-1)).toBe("cache-1: tell me");
  for (const { id } of (await engine.observe("shop")).containers) engine.change(id, { state: "paused" });
  expect(await look()).toMatchObject({ components: [], problems: [] });
  expect(asked).toHaveLength(3);
});

test.each<[string, Partial<ExecResult>, string]>([
  ["fails", { exitCode: 2, stderr: "a\nERR wrong password\n" }, "ERR wrong password"],
  ["fails in silence", { exitCode: 2 }, "exit code 2"],
  ["is no JSON", { stdout: "hello" }, "what it said is no JSON: hello"],
  ["is nothing", {}, "what it said is no JSON: nothing"],
  ["is null", says(null), "its answer has no facts"],
  ["is a list", says([]), "its answer has no facts"],
  ["has no facts", says({ problems: [] }), "its answer has no facts"],
  ["has a broken problem", says({ facts: {}, problems: ["x"] }), "its answer has a problem without a message"],
])("an answer that %s is a problem", async (_, given, expected) => {
  answer = given;
  const message = "cache was asked how it is (in cache-1) and gave no answer";
  expect(await look()).toMatchObject({ components: [], problems: [`${message}: ${expected} -> ${usual}`] });
});

test("what has just been started is not blamed for having no answer", async () => {
  answer = { exitCode: 1 };
  for (const { id } of (await engine.observe("shop")).containers) engine.change(id, { health: "starting" });
  expect(await look()).toMatchObject({ components: [], problems: [] });
});

test("an engine that ends a slow command, or does not, keeps nothing else from being told", async () => {
  const exec = engine.exec.bind(engine);
  let timeout: number | undefined;
  engine.exec = async (...[, , options]) => {
    timeout = options?.timeout;
    throw new StackError({ code: "exec-timeout", exit: "unhealthy", message: '"tell" did not end within 5s' });
  };
  expect((await look()).problems[0]).toMatch(/gave no answer: "tell" did not end within 5s/);
  expect(timeout).toBe(5_000);
  engine.exec = () => new Promise(() => {});
  expect((await look()).problems[0]).toMatch(/gave no answer: cache gave no answer within 5s/);
  engine.exec = exec;
});

test("no secret, nothing that a terminal obeys, and no endless text gets out", async () => {
  const text = "\u001b[2J0123456789abcdef0123\nnext";
  answer = says({ facts: { [text]: text, long: "x".repeat(1_000) }, problems: [{ message: text, hint: text }] });
  const { components, problems } = await look();
  const shown = components[0]?.facts ?? {};
  expect(Object.keys(shown)[0]).toMatch(/^\[2J\S* next$/);
  expect(shown.long).toHaveLength(300);
  expect(JSON.stringify([components, problems])).not.toMatch(/0123456789abcdef0123|\\u001b|\\n/);
});

import { expect, test } from "vitest";
import { completeWords } from "../../../src/cli/complete.ts";
import { commandHelp } from "../../../src/cli/help.ts";
import { stackCommand, stackVerbs } from "../../../src/cli/stack-verbs.ts";
import type { Action } from "../../../src/stack/model.ts";
import { model } from "../../support/models.ts";

const action = (component: string, word: string, verb = "redis"): Action => ({
  verb,
  word,
  component,
  services: [component],
  command: ["x"],
  about: `${word} of ${component}`,
  timeout: 1_000,
});
const shop = model([], {
  shortcuts: ["db", "reports"].map((component) => ({
    verb: "psql",
    component,
    service: component,
    command: [],
    about: "a Postgres shell",
  })),
  actions: [
    action("cache", "failover"),
    action("queue", "failover"),
    action("cache", "reset"),
    action("k", "roll", "kafka"),
  ],
});
const plain = (_: string, text: string) => text;

test("verbs of components stand in the help once, with what they do", () => {
  expect(stackVerbs(shop)).toEqual([
    { verb: "psql", about: "a Postgres shell" },
    { verb: "redis", about: "by hand: failover, reset" },
    { verb: "kafka", about: "roll: roll of k" },
  ]);
  expect(stackVerbs(undefined)).toEqual([]);
});

test("a verb with actions has a help of its own, with lines to copy", () => {
  const command = stackCommand(shop, "redis");
  const help = command === undefined ? "" : commandHelp(command, "./prod.sh", plain);
  expect(help).toContain("Usage: ./prod.sh redis ACTION [COMPONENT] [OPTIONS]");
  for (const line of ["redis failover cache", "redis failover queue", "redis reset"])
    expect(help.split("\n")).toContain(`  ./prod.sh ${line}`);
  expect(stackCommand(shop, "psql")?.positionals?.[0]?.passThrough).toBe(true);
  expect([stackCommand(shop, "mongodb"), stackCommand(undefined, "redis")]).toEqual([undefined, undefined]);
});

test("verbs, actions and components are completed", () => {
  const complete = (...words: string[]) => completeWords(words, { model: shop, presets: [] });
  expect(complete("red")).toEqual(["redis"]);
  expect(complete("redis", "")).toEqual(["failover", "reset"]);
  expect(complete("redis", "failover", "")).toEqual(["cache", "queue"]);
  expect(complete("redis", "failover", "--y")).toEqual(["--yes"]);
  expect(complete("psql", "")).toEqual([]);
});

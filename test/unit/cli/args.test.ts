import { describe, expect, test } from "vitest";
import { checkWords, findCommandWord, ownWords, parseArgs } from "../../../src/cli/args.ts";
import type { Command } from "../../../src/cli/command.ts";
import { StackError } from "../../../src/support/errors.ts";

const command: Command = {
  name: "logs",
  summary: "",
  place: "stack",
  positionals: [{ name: "SERVICE", variadic: true, help: "" }],
  options: [
    { name: "follow", short: "f", help: "" },
    { name: "tail", short: "n", value: "LINES", help: "" },
    { name: "set", value: "PATH=VALUE", repeatable: true, help: "" },
  ],
  load: () => Promise.reject(new Error("not called")),
};
const exec: Command = {
  ...command,
  name: "exec",
  positionals: [
    { name: "SERVICE", required: true, help: "the service" },
    { name: "COMMAND", passThrough: true, help: "" },
  ],
};
const psql: Command = {
  ...command,
  name: "psql",
  options: [],
  positionals: [{ name: "ARGUMENTS", passThrough: true, help: "" }],
};

function parsed(line: string, of = command) {
  const { words, options } = parseArgs(line.split(" ").filter(Boolean), of, "./prod.sh");
  return [words.join(" "), ...[...options].map(([name, values]) => `${name}=${values.join("|")}`)];
}

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof StackError) return `${error.exit}: ${error.message} [${error.hint}]`;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("parsing", () => {
  test.each([
    ["", [""]],
    ["web db", ["web db"]],
    ["-f web", ["web", "follow="]],
    ["--tail 5 web --json", ["web", "tail=5", "json="]],
    ["--tail=5", ["", "tail=5"]],
    ["-n 5", ["", "tail=5"]],
    ["--set a=b --set c=d=e", ["", "set=a=b|c=d=e"]],
    ["--set=a=b", ["", "set=a=b"]],
    ["-- --follow", ["--follow"]],
    ["-", ["-"]],
  ])("%s", (line, expected) => {
    expect(parsed(line)).toEqual(expected);
  });

  test("all that follows the service belongs to the other program", () => {
    expect(parsed("--verbose web ls --help -n", exec)).toEqual(["web ls --help -n", "verbose="]);
    expect(parsed("web -- ls", exec)).toEqual(["web ls"]);
    expect(parsed("-c select --json", psql)).toEqual(["-c select --json"]);
  });

  test.each([
    ["--folow", 'invalidInput: unknown option --folow [did you mean "--follow"?]'],
    ["-x", "invalidInput: unknown option -x [see: ./prod.sh logs --help]"],
    ["--tail", "invalidInput: --tail needs a value: --tail LINES [see: ./prod.sh logs --help]"],
    ["--tail --follow", "invalidInput: --tail needs a value: --tail LINES [see: ./prod.sh logs --help]"],
    ["--follow=yes", "invalidInput: --follow takes no value [see: ./prod.sh logs --help]"],
    ["--tail 1 --tail 2", "invalidInput: --tail stands twice [keep one of them]"],
  ])("%s is refused", (line, expected) => {
    expect(refusal(() => parsed(line))).toBe(expected);
  });

  test("the words that a command needs, and those that it does not take", () => {
    expect(refusal(() => checkWords([], exec, "create-stack"))).toBe(
      "invalidInput: exec needs SERVICE: the service [see: create-stack exec --help]",
    );
    expect(refusal(() => checkWords(["x"], { ...command, positionals: [] }, "create-stack"))).toBe(
      'invalidInput: logs takes no argument, got "x" [see: create-stack logs --help]',
    );
    expect(() => checkWords(["web", "sh", "-c", "x"], exec, "create-stack")).not.toThrow();
  });
});

describe("the command's word", () => {
  test.each([
    ["start", "start"],
    ["--json start web", "start"],
    ["--dir start stop", "stop"],
    ["--dir=start stop", "stop"],
    ["--help", undefined],
    ["-- start", undefined],
  ])("%s", (line, expected) => {
    expect(findCommandWord(line.split(" "))?.word).toBe(expected);
  });

  test("the value of an option is none", () => {
    expect(findCommandWord(["--set", "a=b", "start"], command.options)?.word).toBe("start");
    expect(findCommandWord(["--set", "a=b"], command.options)).toBeUndefined();
  });

  test("flags behind it are ours only as far as no other program begins", () => {
    expect(ownWords(["exec", "--json", "web", "ls", "--verbose"], exec)).toEqual(["exec", "--json", "web"]);
    expect(ownWords(["psql", "-c", "--json"], psql)).toEqual(["psql"]);
    expect(ownWords(["logs", "web", "--json", "--", "--verbose"], command)).toEqual(["logs", "web", "--json"]);
  });
});

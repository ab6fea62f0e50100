import { describe, expect, test } from "vitest";
import { checkWords, findCommandWord, ownWords, parseArgs } from "../../../src/cli/args.ts";
import type { Command } from "../../../src/cli/command.ts";
import { readVerb, unknownCommand, unknownVerb } from "../../../src/cli/command-words.ts";
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

describe("a verb of two words", () => {
  test.each([
    ["start web", "start", undefined, [0]],
    ["backup doctor offsite", "backup doctor", "doctor", [0, 1]],
    ["--json backup --dir shop doctor", "backup doctor", "doctor", [1, 4]],
    ["backup", undefined, undefined, [0]],
    ["backup --help", undefined, undefined, [0]],
    ["backup nonsense", undefined, "nonsense", [0, 1]],
    ["nonsense doctor", undefined, undefined, [0]],
    ["--help", undefined, undefined, []],
  ])("%s", (line, name, second, indexes) => {
    const verb = readVerb(line.split(" "));
    expect(verb.command?.name).toBe(name);
    expect(verb.second).toBe(second);
    expect(verb.indexes).toEqual(indexes);
  });

  test("what it is given is read as that of any verb", () => {
    const two = { ...command, name: "backup logs" };
    expect(refusal(() => parsed("--tail", two))).toBe(
      "invalidInput: --tail needs a value: --tail LINES [see: ./prod.sh backup logs --help]",
    );
    const passesOn = { ...exec, name: "backup exec" };
    expect(ownWords(["backup", "exec", "--json", "web", "ls", "--verbose"], passesOn)).toEqual([
      "backup",
      "exec",
      "--json",
      "web",
    ]);
  });

  test("a mistyped one is refused with the nearest, or with all", () => {
    const { group } = readVerb(["backup"]);
    if (group === undefined) throw new Error("backup is no group");
    const verbs = /^invalidInput: .* \[known: (.*)\]$/.exec(refusal(() => thrown(unknownVerb(group, undefined))))?.[1];
    expect(verbs?.split(", ")).toContain("doctor");
    expect(refusal(() => thrown(unknownVerb(group, "docter")))).toBe(
      'invalidInput: unknown command "backup docter" [did you mean "backup doctor"?]',
    );
    expect(refusal(() => thrown(unknownVerb(group, "sing-a-song")))).toBe(
      `invalidInput: unknown command "backup sing-a-song" [known: ${verbs}]`,
    );
    expect(refusal(() => thrown(unknownCommand("doctor", [], true, "./prod.sh")))).toBe(
      'invalidInput: unknown command "doctor" [did you mean "backup doctor"?]',
    );
    expect(refusal(() => thrown(unknownCommand("psq", ["psql"], true, "./prod.sh")))).toBe(
      'invalidInput: unknown command "psq" [did you mean "psql"?]',
    );
  });
});

function thrown(error: unknown): never {
  throw error;
}

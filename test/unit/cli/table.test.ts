import { describe, expect, test } from "vitest";
import { globalOptions } from "../../../src/cli/args.ts";
import { firstWords } from "../../../src/cli/command-words.ts";
import { commandHelp, generalHelp, groupHelp } from "../../../src/cli/help.ts";
import { commands, commandsOf, findGroup, groups, lastWord } from "../../../src/cli/table.ts";

const plain = (_: string, text: string) => text;

describe.each(commands.map((command) => [command.name, command] as const))("%s", (_, command) => {
  test("its code loads and can be run", async () => {
    expect(typeof (await command.load()).run).toBe("function");
  });

  test("its options are its own, each named once", () => {
    const own = command.options ?? [];
    const names = [...own, ...globalOptions].flatMap(({ name, short }) =>
      short === undefined ? [name] : [name, short],
    );
    expect(new Set(names).size).toBe(names.length);
  });

  test("its help fits a terminal and tells the exit codes", () => {
    const help = commandHelp(command, "./prod.sh", plain);
    const rows = help.split("\n").filter((line) => !line.includes("create-stack create"));
    expect(rows.filter((line) => line.length > 120)).toEqual([]);
    for (const code of ["0", "1", "2", "130"]) expect(help).toMatch(new RegExp(`^  ${code} `, "m"));
    for (const { name } of command.options ?? []) expect(help).toContain(`--${name}`);
  });
});

test("every command stands in the general help, those for here first", () => {
  const help = generalHelp("./prod.sh", true, [{ verb: "psql", about: "a Postgres shell" }], plain);
  for (const word of firstWords()) expect(help).toMatch(new RegExp(`^  ${word} `, "m"));
  expect(help).toMatch(/^ {2}psql +a Postgres shell$/m);
  expect(help.indexOf("  start ")).toBeLessThan(help.indexOf("  create "));
  expect(generalHelp("create-stack", false, [], plain).indexOf("  create ")).toBeLessThan(help.indexOf("  start "));
});

describe.each(groups.map((group) => [group.name, group] as const))("the group %s", (name, group) => {
  test("has verbs, and its help shows each", () => {
    expect(commandsOf(group).length).toBeGreaterThan(0);
    const help = groupHelp(group, "./prod.sh", plain);
    for (const command of commandsOf(group)) expect(help).toMatch(new RegExp(`^  ${lastWord(command)} `, "m"));
    expect(help.split("\n").filter((line) => line.length > 120)).toEqual([]);
  });

  test("stands in one line of the general help", () => {
    const lines = generalHelp("./prod.sh", true, [], plain).split("\n");
    expect(lines.filter((line) => line.startsWith(`  ${name} `) && line.includes(group.summary))).toHaveLength(1);
  });
});

test("a name of two words begins with that of a group, and no group is a verb by itself", () => {
  const names = commands.map(({ name }) => name.split(" "));
  expect(names.filter((words) => words.length > 2)).toEqual([]);
  expect(names.filter(([first = "", second]) => (findGroup(first) === undefined) !== (second === undefined))).toEqual(
    [],
  );
});

test("a verb of a group that can be used anywhere has a line of its own there", () => {
  const help = generalHelp("create-stack", false, [], plain);
  const elsewhere = commands.filter(({ name, place }) => place !== findGroup(name.split(" ")[0] ?? "")?.place);
  for (const { name, summary } of elsewhere) expect(help).toMatch(new RegExp(`^  ${name} +${summary}$`, "m"));
});

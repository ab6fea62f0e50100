import { describe, expect, test } from "vitest";
import { globalOptions } from "../../../src/cli/args.ts";
import { commandHelp, generalHelp } from "../../../src/cli/help.ts";
import { commands } from "../../../src/cli/table.ts";

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
  for (const { name } of commands) expect(help).toMatch(new RegExp(`^  ${name} `, "m"));
  expect(help).toMatch(/^ {2}psql +a Postgres shell$/m);
  expect(help.indexOf("  start ")).toBeLessThan(help.indexOf("  create "));
  expect(generalHelp("create-stack", false, [], plain).indexOf("  create ")).toBeLessThan(help.indexOf("  start "));
});

import { type ExitCause, exitCodes } from "../support/errors.ts";
import { globalOptions } from "./args.ts";
import type { Command, Group, Option } from "./command.ts";
import type { Paint } from "./output.ts";
import type { StackVerb } from "./stack-verbs.ts";
import { commands, commandsOf, findGroup, lastWord } from "./table.ts";

const meanings: Record<ExitCause, string> = {
  done: "done",
  bug: "a bug in create-stack",
  invalidInput: "wrong arguments or a mistake in stack.yaml",
  partial: "finished in part",
  unhealthy: "something is not healthy",
  engineUnreachable: "no Docker engine answers",
  locked: "another command works on this stack",
  secret: "a secret is missing or refused",
  rolledBack: "the deploy was rolled back",
  backupFailed: "a backup or its check failed",
  interrupted: "interrupted",
};

/** The list of verbs; inside a stack those for the stack come first. */
export function generalHelp(caller: string, inStack: boolean, added: readonly StackVerb[], paint: Paint): string {
  const groups: [string, [string, string][]][] = [
    ["In a stack", [...verbRows("stack"), ...added.map(({ verb, about }): [string, string] => [verb, about])]],
    ["Anywhere", verbRows("anywhere")],
  ];
  if (!inStack) groups.reverse();
  const intro = inStack ? "Runs this stack." : "Makes and runs a production Docker Compose stack on one server.";
  return [
    `${intro}`,
    "",
    `${paint("bold", "Usage:")} ${caller} [COMMAND] [OPTIONS]`,
    ...groups.flatMap(([title, list]) => ["", paint("bold", `${title}:`), ...columns(list)]),
    "",
    paint("bold", "Everywhere:"),
    ...columns(globalOptions.map(optionRow)),
    "",
    `${caller} COMMAND --help tells more about one.`,
  ].join("\n");
}

/** Verbs of a place; those of a group in one line, but for one that has another place than its group. */
function verbRows(place: Command["place"]): [string, string][] {
  const seen = new Set<Group>();
  return commands.flatMap((command): [string, string][] => {
    const group = findGroup(command.name.split(" ")[0] ?? "");
    const own: [string, string][] = command.place === place ? [[command.name, command.summary]] : [];
    if (group === undefined || group.place !== place) return own;
    if (seen.has(group)) return [];
    seen.add(group);
    return [[group.name, `${group.summary}: ${commandsOf(group).map(lastWord).join(", ")}`]];
  });
}

/** The verbs that begin with one word. */
export function groupHelp(group: Group, caller: string, paint: Paint): string {
  return [
    `${capital(group.summary)}.`,
    ...(group.description === undefined ? [] : ["", ...wrap(group.description, 96)]),
    "",
    `${paint("bold", "Usage:")} ${caller} ${group.name} VERB [OPTIONS]`,
    "",
    paint("bold", "Verbs:"),
    ...columns(commandsOf(group).map((command) => [lastWord(command), command.summary])),
    "",
    `${caller} ${group.name} VERB --help tells more about one.`,
  ].join("\n");
}

export function commandHelp(command: Command, caller: string, paint: Paint): string {
  const words = (command.positionals ?? []).map(({ name, required, variadic, passThrough }) => {
    const text = variadic === true || passThrough === true ? `${name}…` : name;
    return required === true ? text : `[${text}]`;
  });
  const causes: ExitCause[] = ["done", "bug", "invalidInput", ...(command.exits ?? []), "interrupted"];
  const section = (title: string, rows: [string, string][]) =>
    rows.length === 0 ? [] : ["", paint("bold", `${title}:`), ...columns(rows)];
  return [
    `${capital(command.summary)}.`,
    ...(command.description === undefined ? [] : ["", ...wrap(command.description, 96)]),
    "",
    `${paint("bold", "Usage:")} ${[caller, command.name, ...words, "[OPTIONS]"].join(" ")}`,
    ...section(
      "Arguments",
      (command.positionals ?? []).map(({ name, help }) => [name, help]),
    ),
    ...section("Options", (command.options ?? []).map(optionRow)),
    ...section("Everywhere", globalOptions.map(optionRow)),
    ...(command.examples === undefined ? [] : ["", paint("bold", "Examples:")]),
    ...(command.examples ?? []).flatMap(([line, meaning]) => [`  ${line}`, `      ${paint("dim", meaning)}`]),
    ...section(
      "Exit codes",
      causes.map((cause) => [String(exitCodes[cause]), meanings[cause]]),
    ),
  ].join("\n");
}

function optionRow({ name, short, value, help }: Option): [string, string] {
  return [`${short === undefined ? "    " : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}`, help];
}

/** Two columns; a long first one gets a line of its own. */
function columns(rows: readonly [string, string][]): string[] {
  const width = Math.min(28, Math.max(...rows.map(([left]) => left.length)));
  return rows.flatMap(([left, right]) =>
    left.length > width ? [`  ${left}`, `  ${" ".repeat(width)}  ${right}`] : [`  ${left.padEnd(width)}  ${right}`],
  );
}

function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line !== "" && line.length + word.length >= width) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

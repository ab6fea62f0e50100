import type { StackError } from "../support/errors.ts";
import { didYouMean, nearest } from "../support/suggest.ts";
import { badArguments, findCommandWord, globalOptions } from "./args.ts";
import type { Command, Group, Option } from "./command.ts";
import { commands, commandsOf, findCommand, findGroup, groups, lastWord } from "./table.ts";

/** The words of a command line that name a verb. */
export interface NamedVerb {
  /** First word that is no option; undefined where there is none. */
  word: string | undefined;
  /** The word behind that of a group. */
  second?: string;
  group?: Group;
  /** Undefined where no verb of the table has this name. */
  command: Command | undefined;
  /** Where the words stand that name it. */
  indexes: number[];
}

/** Finds the verb. Options of `create` may stand first, because it is what is meant without a verb. */
export function readVerb(argv: readonly string[]): NamedVerb {
  const first = findCommandWord(argv, [...(findCommand("create")?.options ?? []), ...globalOptions]);
  if (first === undefined) return { word: undefined, command: undefined, indexes: [] };
  const { word, index } = first;
  const group = findGroup(word);
  if (group === undefined) return { word, command: findCommand(word), indexes: [index] };
  const next = findCommandWord(argv.slice(index + 1), optionsOf(group));
  if (next === undefined) return { word, group, command: undefined, indexes: [index] };
  const command = findCommand(`${word} ${next.word}`);
  return { word, second: next.word, group, command, indexes: [index, index + 1 + next.index] };
}

/** Options that may stand between the two words of a verb. */
function optionsOf(group: Group): Option[] {
  return [...commandsOf(group).flatMap(({ options }) => options ?? []), ...globalOptions];
}

/** The error for a first word that is no verb; `more` are those of the stack's components. */
export function unknownCommand(word: string, more: readonly string[], inStack: boolean, caller: string): StackError {
  const names = [...firstWords(), ...more];
  const within = commands.filter((command) => command.name.endsWith(` ${word}`));
  const near = nearest(word, names) === undefined ? `see: ${caller} --help` : didYouMean(word, names);
  const guess = within.length === 0 ? near : `did you mean ${within.map(({ name }) => `"${name}"`).join(" or ")}?`;
  const make = inStack ? "" : `; to make a stack in a directory: ${caller} create ${word}`;
  return badArguments(`unknown command "${word}"`, `${guess}${make}`);
}

/** The error for a group's word without a verb of that group behind it. */
export function unknownVerb(group: Group, second: string | undefined): StackError {
  const verbs = commandsOf(group).map(lastWord);
  if (second === undefined) return badArguments(`${group.name} needs a verb`, `known: ${verbs.join(", ")}`);
  const guess = nearest(second, verbs);
  return badArguments(
    `unknown command "${group.name} ${second}"`,
    guess === undefined ? `known: ${verbs.join(", ")}` : `did you mean "${group.name} ${guess}"?`,
  );
}

/** What may stand as the first word. */
export function firstWords(): string[] {
  return [...new Set(commands.map(({ name }) => name.split(" ")[0] ?? ""))];
}

/** What may stand behind the first word; nothing where it is no group. */
export function secondWords(first: string): string[] {
  return groups.filter(({ name }) => name === first).flatMap((group) => commandsOf(group).map(lastWord));
}

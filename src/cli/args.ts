import { StackError } from "../support/errors.ts";
import { nearest } from "../support/suggest.ts";
import type { Command, Option, Positional } from "./command.ts";

/** A command line taken apart. */
export interface ParsedArgs {
  words: string[];
  /** Option name (without dashes) to its values; a flag without value holds one empty text. */
  options: Map<string, string[]>;
}

/** Options that every command understands. */
export const globalOptions: Option[] = [
  {
    name: "dir",
    value: "DIR",
    help: "the stack's directory (default: where you are, or a parent of it)",
    completion: "directory",
  },
  { name: "json", help: "print the result as JSON" },
  { name: "yes", short: "y", help: "take the defaults and confirm without asking" },
  { name: "no-color", help: "print without colours (so does the variable NO_COLOR)" },
  { name: "verbose", help: "show where an error comes from" },
  { name: "help", short: "h", help: "show help" },
  { name: "version", short: "V", help: "show the version" },
];

/**
 * The first word that is no option, which names the command, and where it stands. `options` are those that may stand
 * before it: a value of theirs is no command.
 */
export function findCommandWord(
  argv: readonly string[],
  options: readonly Option[] = globalOptions,
): { word: string; index: number } | undefined {
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index] ?? "";
    if (word === "--") return undefined;
    if (!word.startsWith("-")) return { word, index };
    const option = options.find(({ name, short }) => word === `--${name}` || word === `-${short}`);
    if (option?.value !== undefined) index += 1;
  }
  return undefined;
}

/**
 * The words that belong to this program: of a command that passes words on to another program, those before them.
 * A guess made before parsing, for the flags that decide how a mistake is told.
 */
export function ownWords(argv: readonly string[], command: Command | undefined): readonly string[] {
  const positionals = command?.positionals ?? [];
  const passesOn = positionals.findIndex((positional) => positional.passThrough === true);
  // The words of its own name come first.
  let words = -(command?.name.split(" ").length ?? 1);
  const end = argv.findIndex((word) => {
    if (word === "--" || (passesOn !== -1 && words >= passesOn)) return true;
    if (!word.startsWith("-")) words += 1;
    return false;
  });
  return end === -1 ? argv : argv.slice(0, end);
}

/** Parses the words after the command. Unknown or incomplete ones throw `bad-arguments` (exit 2). */
export function parseArgs(argv: readonly string[], command: Command | undefined, caller: string): ParsedArgs {
  const help = helpHint(command, caller);
  const known = [...(command?.options ?? []), ...globalOptions];
  const positionals = command?.positionals ?? [];
  const parsed: ParsedArgs = { words: [], options: new Map() };
  let index = 0;
  while (index < argv.length) {
    const word = argv[index] ?? "";
    index += 1;
    if (startsPassThrough(positionals, parsed.words.length)) {
      parsed.words.push(...argv.slice(index - (word === "--" ? 0 : 1)));
      break;
    }
    if (word === "--") {
      parsed.words.push(...argv.slice(index));
      break;
    }
    if (word === "-" || !word.startsWith("-")) parsed.words.push(word);
    else index += takeOption(word, argv[index], known, parsed, help);
  }
  return parsed;
}

/** Refuses words that the command does not take, and the lack of those that it needs. */
export function checkWords(words: readonly string[], command: Command, caller: string): void {
  const help = helpHint(command, caller);
  const positionals = command.positionals ?? [];
  const missing = positionals[words.length];
  if (missing?.required === true) throw badArguments(`${command.name} needs ${missing.name}: ${missing.help}`, help);
  const takesMore = positionals.some((positional) => positional.variadic === true || positional.passThrough === true);
  const extra = words[positionals.length];
  if (!takesMore && extra !== undefined)
    throw badArguments(
      positionals.length === 0 ? `${command.name} takes no argument, got "${extra}"` : `unexpected argument "${extra}"`,
      help,
    );
}

function startsPassThrough(positionals: readonly Positional[], taken: number): boolean {
  return positionals.slice(0, taken + 1).some((positional) => positional.passThrough === true);
}

/** Takes one option and says how many of the following words were its value. */
function takeOption(
  word: string,
  next: string | undefined,
  known: readonly Option[],
  parsed: ParsedArgs,
  help: string,
): number {
  const [, dashes = "", name = "", inline] = /^(--?)([^=]*)(?:=([\s\S]*))?$/.exec(word) ?? [];
  const option = known.find((candidate) => (dashes === "--" ? candidate.name === name : candidate.short === name));
  if (option === undefined) {
    const names = known.map((candidate) => `--${candidate.name}`);
    const guess = nearest(`--${name}`, names);
    throw badArguments(`unknown option ${dashes}${name}`, guess === undefined ? help : `did you mean "${guess}"?`);
  }
  if (option.value === undefined) {
    if (inline !== undefined) throw badArguments(`--${option.name} takes no value`, help);
    parsed.options.set(option.name, [""]);
    return 0;
  }
  const value = inline ?? next;
  if (value === undefined || (inline === undefined && value.startsWith("--")))
    throw badArguments(`--${option.name} needs a value: --${option.name} ${option.value}`, help);
  const before = parsed.options.get(option.name) ?? [];
  if (before.length > 0 && option.repeatable !== true)
    throw badArguments(`--${option.name} stands twice`, "keep one of them");
  parsed.options.set(option.name, [...before, value]);
  return inline === undefined ? 1 : 0;
}

export function badArguments(message: string, hint: string): StackError {
  return new StackError({ code: "bad-arguments", exit: "invalidInput", message, hint });
}

function helpHint(command: Command | undefined, caller: string): string {
  return `see: ${caller} ${command === undefined ? "" : `${command.name} `}--help`;
}

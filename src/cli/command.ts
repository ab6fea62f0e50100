import type { ExitCause } from "../support/errors.ts";
import type { Carried } from "./carried.ts";
import type { Output } from "./output.ts";

/** What a shell can offer as the next word. */
export type Completion =
  | "service"
  | "file"
  | "directory"
  | "preset"
  | "source"
  | "destination"
  | "job"
  | readonly string[];

/** A flag. With `value` it takes one (`--tail 50` or `--tail=50`), and `repeatable` ones may stand several times. */
export interface Option {
  name: string;
  short?: string;
  value?: string;
  repeatable?: boolean;
  help: string;
  completion?: Completion;
}

export interface Positional {
  name: string;
  required?: boolean;
  /** Takes all words that follow. */
  variadic?: boolean;
  /** Everything from here on belongs to another program and is not looked at. */
  passThrough?: boolean;
  help: string;
  completion?: Completion;
}

/** What a command file receives. */
export interface Call {
  command: Command;
  /** Positional arguments in order. */
  words: string[];
  has(option: string): boolean;
  /** The last value given for an option. */
  value(option: string): string | undefined;
  values(option: string): string[];
  output: Output;
  carried: Carried;
  /** Aborted by Ctrl-C and SIGTERM. */
  signal: AbortSignal;
}

/** Runs one verb and says how it ended; a number is the exit code of another program that it stands for. */
export type CommandRun = (call: Call) => Promise<ExitCause | number>;

/** One verb: all that help, parsing and shell completion need to know, and where its code is. */
export interface Command {
  /** One word, or two of which the first names a group: `backup run`. */
  name: string;
  summary: string;
  /** Where it makes sense: anywhere, or inside a stack's directory. */
  place: "anywhere" | "stack";
  description?: string;
  options?: Option[];
  positionals?: Positional[];
  examples?: [command: string, meaning: string][];
  /** Exit codes beyond done, bug, invalidInput and interrupted. */
  exits?: ExitCause[];
  load(): Promise<{ run: CommandRun }>;
}

/** Verbs of two words that begin with the same one: the list of verbs shows one line for all of them. */
export interface Group {
  /** The first word. */
  name: string;
  summary: string;
  place: Command["place"];
  description?: string;
}

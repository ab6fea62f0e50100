import type { Shortcut, StackModel } from "../stack/model.ts";
import { StackError } from "../support/errors.ts";
import { shellLine } from "../support/shell-line.ts";
import { nearest } from "../support/suggest.ts";
import type { Context } from "./context.ts";
import { runExec } from "./exec.ts";

export interface ShortcutRequest {
  verb: string;
  /** What follows the verb. Where several components have it, the component's name comes first. */
  words: readonly string[];
  terminal: boolean;
}

/** Opens the client of a data component inside its own container: `psql`, `redis-cli`. Resolves with its exit code. */
export async function runShortcut(
  context: Pick<Context, "directory" | "model" | "engine" | "signal">,
  { verb, words, terminal }: ShortcutRequest,
  run?: Parameters<typeof runExec>[2],
): Promise<number> {
  const { shortcut, rest } = findShortcut(context.model, verb, words);
  return runExec(context, { service: shortcut.service, command: [...shortcut.command, ...rest], terminal }, run);
}

/** Which shortcut is meant, and what is left for its client. */
export function findShortcut(
  model: StackModel,
  verb: string,
  words: readonly string[],
): { shortcut: Shortcut; rest: readonly string[] } {
  const found = model.shortcuts.filter((shortcut) => shortcut.verb === verb);
  const [only] = found;
  if (only === undefined) throw new Error(`no component of this stack has the shortcut ${verb}`);
  if (found.length === 1) return { shortcut: only, rest: words };
  const [name = "", ...rest] = words;
  const shortcut = found.find(({ component }) => component === name);
  if (shortcut !== undefined) return { shortcut, rest };
  const components = found.map(({ component }) => component);
  const guess = nearest(name, components);
  throw new StackError({
    code: "which-component",
    exit: "invalidInput",
    message: `${verb} needs to know which component: ${components.join(" or ")}`,
    hint: `./prod.sh ${shellLine([verb, guess ?? components[0] ?? "", ...(guess === undefined ? words : rest)])}`,
  });
}

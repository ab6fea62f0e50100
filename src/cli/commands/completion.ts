import { didYouMean } from "../../support/suggest.ts";
import { badArguments } from "../args.ts";
import type { Call } from "../command.ts";
import { completeWords, completionScripts } from "../complete.ts";
import { findStack, modelIfAny } from "../find-stack.ts";

/** Prints a shell's completion script; called by that script itself, the words that may come next. */
export async function run({ words: [shell = "", ...words], output, carried }: Call): Promise<"done"> {
  if (shell === "words") {
    const presets = carried.assets.flatMap((path) => /^stacks\/([^/]+)\/stack\.yaml$/.exec(path)?.[1] ?? []);
    const model = modelIfAny(findStack(undefined, carried.path, process.cwd()));
    for (const word of completeWords(words, { model, presets })) output.print(word);
    return "done";
  }
  const script = completionScripts[shell];
  if (script === undefined)
    throw badArguments(`no completion for "${shell}"`, didYouMean(shell, Object.keys(completionScripts)));
  output.print(script.trimEnd());
  return "done";
}

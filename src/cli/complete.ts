import type { StackModel } from "../stack/model.ts";
import { globalOptions } from "./args.ts";
import type { Completion, Option } from "./command.ts";
import { firstWords, type NamedVerb, readVerb, secondWords } from "./command-words.ts";
import { stackCommand, stackVerbs } from "./stack-verbs.ts";

/** What a stack and the program offer as words. */
export interface Offered {
  /** Undefined outside of a stack. */
  model: Pick<StackModel, "services" | "shortcuts" | "actions" | "jobs" | "dataSources" | "backup"> | undefined;
  presets: readonly string[];
}

/** Words that are left to the shell: files and directories. */
export const fromFiles = ":file";
export const fromDirectories = ":directory";

/**
 * What may stand in place of the last word, which may be half typed or empty. `words` are those behind the program's
 * own name.
 */
export function completeWords(words: readonly string[], offered: Offered): string[] {
  const current = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const all = candidates(current, before, readVerb(before), offered);
  return all.filter((word) => word.startsWith(current) || word.startsWith(":"));
}

function candidates(current: string, before: readonly string[], verb: NamedVerb, offered: Offered): string[] {
  const { word, group } = verb;
  const isOurs = verb.command !== undefined || group !== undefined || word === undefined;
  const command = isOurs ? verb.command : stackCommand(offered.model, word);
  const options = [...(command?.options ?? []), ...globalOptions];
  const waiting = optionNamed(before.at(-1), options);
  if (waiting?.value !== undefined) return wordsFor(waiting.completion, offered);
  if (current.startsWith("-")) return options.map(({ name }) => `--${name}`);
  if (word === undefined) return [...firstWords(), ...stackVerbs(offered.model).map((one) => one.verb)];
  if (group !== undefined && command === undefined) return verb.second === undefined ? secondWords(word) : [];
  const taken = before.slice((verb.indexes.at(-1) ?? 0) + 1).filter((word, index, rest) => {
    return !word.startsWith("-") && optionNamed(rest[index - 1], options)?.value === undefined;
  });
  const positionals = command?.positionals ?? [];
  const positional =
    positionals[taken.length] ?? (positionals.at(-1)?.variadic === true ? positionals.at(-1) : undefined);
  return wordsFor(positional?.completion, offered).filter((word) => !taken.includes(word));
}

function optionNamed(word: string | undefined, options: readonly Option[]): Option | undefined {
  return options.find(({ name, short }) => word === `--${name}` || (short !== undefined && word === `-${short}`));
}

function wordsFor(completion: Completion | undefined, { model, presets }: Offered): string[] {
  if (completion === undefined) return [];
  if (typeof completion !== "string") return [...completion];
  if (completion === "service")
    return (model?.services ?? []).filter((service) => service.class === "long-running").map(({ name }) => name);
  if (completion === "source")
    return model === undefined ? [] : [...model.dataSources.map(({ name }) => name), "stack"];
  if (completion === "destination")
    return model === undefined ? [] : ["local", ...model.backup.destinations.map(({ name }) => name)];
  if (completion === "job") return (model?.jobs ?? []).map(({ name }) => name);
  if (completion === "preset") return [...presets];
  return [completion === "file" ? fromFiles : fromDirectories];
}

/** The scripts ask the program itself, so they know the services of the stack that is called and never grow old. */
export const completionScripts: Record<string, string> = {
  bash: `# create-stack: eval "$(./prod.sh completion bash)"
_create_stack() {
  local word
  COMPREPLY=()
  while IFS= read -r word; do
    case $word in
      ${fromFiles}) mapfile -t -O "\${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$2") ;;
      ${fromDirectories}) mapfile -t -O "\${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$2") ;;
      *) COMPREPLY+=("$word") ;;
    esac
  done < <("\${COMP_WORDS[0]}" completion words "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o filenames -F _create_stack create-stack ./prod.sh prod.sh
`,
  zsh: `# create-stack: eval "$(./prod.sh completion zsh)"
_create_stack() {
  local word
  for word in "\${(@f)$("\${words[1]}" completion words "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $word in
      ${fromFiles}) _files ;;
      ${fromDirectories}) _files -/ ;;
      ?*) compadd -- "$word" ;;
    esac
  done
}
compdef _create_stack create-stack prod.sh ./prod.sh
`,
  fish: `# create-stack: ./prod.sh completion fish | source
function __create_stack
  set -l words (commandline -opc) (commandline -ct)
  for word in ($words[1] completion words $words[2..-1] 2>/dev/null)
    switch $word
      case ${fromFiles}
        __fish_complete_path (commandline -ct)
      case ${fromDirectories}
        __fish_complete_directories (commandline -ct)
      case '*'
        echo $word
    end
  end
end
for name in create-stack prod.sh ./prod.sh
  complete -c $name -f -a '(__create_stack)'
end
`,
};

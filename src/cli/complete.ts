import type { StackModel } from "../stack/model.ts";
import { globalOptions } from "./args.ts";
import type { Command, Completion, Option } from "./command.ts";
import { commands } from "./table.ts";

/** What a stack and the program offer as words. */
export interface Offered {
  /** Undefined outside of a stack. */
  model: Pick<StackModel, "services" | "shortcuts"> | undefined;
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
  const verb = before.find((word) => !word.startsWith("-"));
  const command = commands.find(({ name }) => name === verb);
  const all = candidates(current, before, command, offered, verb);
  return all.filter((word) => word.startsWith(current) || word.startsWith(":"));
}

function candidates(
  current: string,
  before: readonly string[],
  command: Command | undefined,
  offered: Offered,
  verb: string | undefined,
): string[] {
  const options = [...(command?.options ?? []), ...globalOptions];
  const waiting = optionNamed(before.at(-1), options);
  if (waiting?.value !== undefined) return wordsFor(waiting.completion, offered);
  if (current.startsWith("-")) return options.map(({ name }) => `--${name}`);
  if (verb === undefined)
    return [...commands.map(({ name }) => name), ...(offered.model?.shortcuts ?? []).map((one) => one.verb)];
  const taken = before.slice(before.indexOf(verb) + 1).filter((word, index, rest) => {
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

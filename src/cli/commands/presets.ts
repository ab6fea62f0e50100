import type { Call } from "../command.ts";
import { presetNamed, presets } from "../presets.ts";

/** Lists the presets, or prints the stack.yaml of one. */
export async function run({ words: [name], output, carried }: Call): Promise<"done"> {
  if (name !== undefined) {
    const preset = presetNamed(carried, name);
    if (output.json) output.printJson({ preset });
    else output.print(preset.text.trimEnd());
    return "done";
  }
  const all = presets(carried);
  if (output.json) output.printJson({ presets: all.map(({ name, about }) => ({ name, about })) });
  else for (const preset of all) output.print(`${output.paint("bold", preset.name.padEnd(12))} ${preset.about}`);
  return "done";
}

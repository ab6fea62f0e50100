import { formatSize } from "../../support/units.ts";
import type { Call } from "../command.ts";
import { presetNamed, presets } from "../presets.ts";

/** Lists the presets with what they need, or prints the stack.yaml of one. */
export async function run({ words: [name], output, carried }: Call): Promise<"done"> {
  if (name !== undefined) {
    const preset = presetNamed(carried, name);
    if (output.json) output.printJson({ preset });
    else output.print(preset.text.trimEnd());
    return "done";
  }
  // Only the list needs the catalogue, which takes its time to load.
  const { needsOfPreset } = await import("../presets-needs.ts");
  const all = presets(carried).map(({ name, about, text }) => ({ name, about, ...needsOfPreset(text, carried) }));
  if (output.json) output.printJson({ presets: all });
  else
    for (const { name, about, memory, services } of all) {
      output.print(`${output.paint("bold", name)}: ${about}`);
      const count = services.length === 1 ? "1 service" : `${services.length} services`;
      output.print(output.paint("dim", `  ${formatSize(memory)} of memory at most, ${count}: ${services.join(", ")}`));
    }
  return "done";
}

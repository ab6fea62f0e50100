import { StackError } from "../support/errors.ts";
import { didYouMean } from "../support/suggest.ts";
import type { Carried } from "./carried.ts";

export interface Preset {
  name: string;
  /** First comment of its stack.yaml: what it is for. */
  about: string;
  text: string;
}

/** The presets that the program carries, by name. */
export function presets(carried: Carried): Preset[] {
  return [...carried.assets].sort().flatMap((path) => {
    const name = /^stacks\/([^/]+)\/stack\.yaml$/.exec(path)?.[1];
    if (name === undefined) return [];
    const text = carried.asset(path);
    return [{ name, about: aboutOf(text), text }];
  });
}

export function presetNamed(carried: Carried, name: string): Preset {
  const known = presets(carried);
  const found = known.find((preset) => preset.name === name);
  if (found !== undefined) return found;
  throw new StackError({
    code: "unknown-preset",
    exit: "invalidInput",
    message: `there is no preset "${name}"`,
    hint: didYouMean(
      name,
      known.map((preset) => preset.name),
    ),
  });
}

/** The first comment line that is not the editor's pointer to the schema. */
function aboutOf(text: string): string {
  const line = text.split("\n").find((candidate) => /^# (?!yaml-language-server)/.test(candidate));
  return line === undefined ? "" : line.slice(2).trim();
}

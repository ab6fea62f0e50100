import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { catalogue as components } from "../../src/components/index.ts";
import { buildModel, type Catalogue } from "../../src/generator/model.ts";
import { type CarriedFiles, renderStack } from "../../src/operations/generate.ts";
import { loadStackConfig } from "../../src/stack/load.ts";
import type { StackModel } from "../../src/stack/model.ts";
import { StackError } from "../../src/support/errors.ts";

export const root = join(import.meta.dirname, "../..");

const templates = new Map<string, string>();

/** The real catalogue with the templates of the repository. */
export const catalogue: Catalogue = {
  components,
  templates(path) {
    const text = templates.get(path) ?? readFileSync(join(root, "templates", path), "utf8");
    templates.set(path, text);
    return text;
  },
};

/** What the program would carry, without the bundle, which is the same in every stack. */
export const carried: CarriedFiles = { version: "0.0.0-test", door: readFileSync(join(root, "prod.sh"), "utf8") };

/** Names of the presets, each a folder of stacks/. */
export const presets = readdirSync(join(root, "stacks")).sort();

export function presetText(preset: string): string {
  return readFileSync(join(root, "stacks", preset, "stack.yaml"), "utf8");
}

/** The model of a stack.yaml. */
export function modelOf(stackYaml: string): StackModel {
  return buildModel(loadStackConfig(stackYaml, "stack.yaml", components), catalogue);
}

/** Everything that is rendered of a stack.yaml, by path. */
export function renderedFiles(stackYaml: string): Map<string, string> {
  return new Map(renderStack(stackYaml, catalogue, carried).files.map((file) => [file.path, file.content]));
}

/** What is wrong with a stack.yaml, as its user reads it: `line:column message`, below it the hint. */
export function complaintsOf(stackYaml: string): string {
  try {
    modelOf(stackYaml);
  } catch (error) {
    if (!(error instanceof StackError)) throw error;
    return error.problems
      .map(({ message, hint, position }) => {
        const place = position === undefined ? "nowhere" : `${position.line}:${position.column}`;
        return `${place} ${message}${hint === undefined ? "" : `\n  ${hint}`}`;
      })
      .join("\n");
  }
  return "fine";
}

/** A stack of these components, each line as it stands in stack.yaml below `components:`. */
export function stackOf(lines: string): string {
  return `name: shop\ncomponents:\n${lines.replace(/^/gm, "  ")}\n`;
}

/** A stack of one app `web`, whose further options begin in line 6, column 5. */
export function appWith(lines: string): string {
  return `name: shop\ncomponents:\n  web:\n    type: app\n    image: foo/web:1\n${lines.replace(/^/gm, "    ")}\n`;
}

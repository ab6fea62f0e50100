import fc from "fast-check";
import { expect, test } from "vitest";
import { renderStack } from "../../src/operations/generate.ts";
import { carried, catalogue } from "../support/catalogue.ts";
import { inspectStack } from "../support/inspected-stack.ts";
import { brokenRules } from "../support/name-rules.ts";
import { randomStack, textOf } from "../support/random-config.ts";

/** The same cases in every run; a failure prints it with the path to its smallest case. */
const seed = 20_260_301;

test("1,000 random stacks generate, parse and keep every rule", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(randomStack, (stack) => {
      const text = textOf(stack);
      expect(brokenRules(inspectStack(text))).toEqual([]);
      for (const section of Object.values(stack.components))
        for (const key of Object.keys(Object(section))) seen.add(key);
    }),
    { seed, numRuns: 1_000 },
  );
  // Every option was there at some time.
  const options = catalogue.components.flatMap((component) => optionNames(component.type));
  expect(options.filter((option) => !seen.has(option))).toEqual([]);
}, 600_000);

/** Options of a component that the JSON Schema of stack.yaml knows. */
function optionNames(type: string): string[] {
  const { files } = renderStack("name: x\ncomponents: { postgres: {} }", catalogue, carried);
  const schema = files.find((file) => file.path === ".stack/stack.schema.json")?.content ?? "{}";
  const { definitions } = JSON.parse(schema) as { definitions: Record<string, SchemaPart> };
  const maps = [definitions[type], ...(definitions[type]?.anyOf ?? [])];
  return [...new Set(maps.flatMap((map) => Object.keys(map?.properties ?? {})))];
}

interface SchemaPart {
  properties?: Record<string, unknown>;
  anyOf?: SchemaPart[];
}

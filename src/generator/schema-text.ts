import type { ComponentSchema } from "../stack/config.ts";
import { stackSchema } from "./schema.ts";
import { sayOnce } from "./schema-shared.ts";

/** The JSON Schema of stack.yaml as text. The built program has this module replaced by one that holds the finished text. */
export function schemaText(components: readonly ComponentSchema[]): string {
  return `${inLines(sayOnce(stackSchema(components)), 2)}\n`;
}

/** JSON with a line for each definition: only editors read it, but what another version changes can still be seen. */
function inLines(value: unknown, depth: number): string {
  if (depth === 0 || typeof value !== "object" || value === null || Array.isArray(value)) return JSON.stringify(value);
  const lines = Object.entries(value).map(([key, part]) => `${JSON.stringify(key)}: ${inLines(part, depth - 1)}`);
  return `{\n${lines.join(",\n")}\n}`;
}

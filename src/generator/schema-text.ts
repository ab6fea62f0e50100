import type { ComponentSchema } from "../stack/config.ts";
import { stackSchema } from "./schema.ts";

/** The JSON Schema of stack.yaml as text. The built program has this module replaced by one that holds the finished text. */
export function schemaText(components: readonly ComponentSchema[]): string {
  return `${JSON.stringify(stackSchema(components), null, 1)}\n`;
}

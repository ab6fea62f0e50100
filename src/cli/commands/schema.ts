import { schemaText } from "../../generator/schema-text.ts";
import type { Call } from "../command.ts";
import { carriedCatalogue } from "../generation.ts";

/** Prints the JSON Schema of stack.yaml. */
export async function run({ output, carried }: Call): Promise<"done"> {
  output.print(schemaText(carriedCatalogue(carried).components).trimEnd());
  return "done";
}

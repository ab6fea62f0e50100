import { stackSchema } from "../../generator/schema.ts";
import type { Call } from "../command.ts";
import { carriedCatalogue } from "../generation.ts";

/** Prints the JSON Schema of stack.yaml. */
export async function run({ output, carried }: Call): Promise<"done"> {
  output.print(JSON.stringify(stackSchema(carriedCatalogue(carried).components), null, 1));
  return "done";
}

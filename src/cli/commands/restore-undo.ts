import { undoRestore } from "../../operations/restore/undo.ts";
import type { Call } from "../command.ts";
import { openContext } from "../context.ts";
import { durationOption } from "../option-values.ts";

/** Swaps back what a restore replaced. */
export async function run(call: Call): Promise<"done"> {
  const { output } = call;
  const wait = durationOption(call, "wait");
  const result = await undoRestore(await openContext(call), {
    version: call.carried.version,
    ...(call.words[0] !== undefined && { id: call.words[0] }),
    ...(wait !== undefined && { wait }),
  });
  if (output.json) output.printJson(result);
  else output.print(`Back as before restore ${result.id}: ${result.volumes.join(", ")}. The restored copy is kept.`);
  for (const note of result.notes) output.note(`note: ${note}`);
  return "done";
}

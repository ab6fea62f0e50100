import { renderPlan } from "../../operations/plan.ts";
import { runStop } from "../../operations/stop.ts";
import type { Call } from "../command.ts";
import { openContext } from "../context.ts";

/** Stops the stack; its data stays. */
export async function run(call: Call): Promise<"done"> {
  const { output } = call;
  const dryRun = call.has("dry-run");
  const { plan, changed } = await runStop(await openContext(call), { services: call.words, dryRun });
  if (output.json) output.printJson({ dryRun, plan, changed });
  else if (dryRun) output.print(renderPlan(plan).join("\n"));
  else output.print(changed ? `Stopped. The data stays. Next: ${output.caller} start` : "Nothing to do: nothing runs.");
  return "done";
}

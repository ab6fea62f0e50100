import { renderPlan } from "../../operations/plan.ts";
import { planRestore } from "../../operations/restore/plan.ts";
import type { Call } from "../command.ts";
import { openContext } from "../context.ts";
import { restoreOptions } from "./restore-options.ts";

/** Says what a restore would do; changes nothing. */
export async function run(call: Call): Promise<"done"> {
  const { output } = call;
  const { plan, stops } = await planRestore(await openContext(call), restoreOptions(call));
  if (output.json) output.printJson({ plan, stops });
  else output.print(renderPlan(plan).join("\n"));
  return "done";
}

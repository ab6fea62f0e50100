import { renderPlan } from "../../operations/plan.ts";
import { runRestart } from "../../operations/restart.ts";
import type { Call } from "../command.ts";
import { openContext } from "../context.ts";
import { durationOption } from "../option-values.ts";

/** Stops and starts services again. */
export async function run(call: Call): Promise<"done"> {
  const { output } = call;
  const timeout = durationOption(call, "timeout");
  const dryRun = call.has("dry-run");
  const { plan } = await runRestart(await openContext(call), {
    services: call.words,
    dryRun,
    ...(timeout !== undefined && { timeout }),
  });
  const restarted = plan.steps.filter(({ action }) => action === "start").map(({ resource }) => resource);
  if (output.json) output.printJson({ dryRun, plan });
  else if (dryRun) output.print(renderPlan(plan).join("\n"));
  else output.print(`Restarted: ${restarted.join(", ")}`);
  return "done";
}

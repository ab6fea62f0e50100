import type { Context } from "../../operations/context.ts";
import { renderPlan } from "../../operations/plan.ts";
import { planRestore, type RestoreOptions } from "../../operations/restore/plan.ts";
import { runRestore } from "../../operations/restore/run.ts";
import { badArguments } from "../args.ts";
import type { Call } from "../command.ts";
import { openContext } from "../context.ts";
import { isOnTerminal } from "../output.ts";
import { restoreLines } from "../restore-report.ts";
import { restoreOptions } from "./restore-options.ts";

/** Brings data back; shows first what will be done, and asks. */
export async function run(call: Call): Promise<"done"> {
  const { output } = call;
  const context = await openContext(call);
  const options = restoreOptions(call);
  if (!call.has("yes")) await askFirst(context, options, call);
  const result = await runRestore(context, options);
  if (output.json) output.printJson(result);
  else output.print(restoreLines(result, output.caller).join("\n"));
  return "done";
}

async function askFirst(context: Context, options: RestoreOptions, { output }: Call): Promise<void> {
  // Beside the live data nothing is replaced.
  if (options.into !== undefined) return;
  if (!isOnTerminal(output))
    throw badArguments(
      "a restore replaces data, and nobody is here to be asked",
      "look at it with `restore plan`, then add --yes",
    );
  const { plan } = await planRestore(context, options);
  for (const line of renderPlan(plan)) output.print(line);
  const { confirm, declined } = await import("../prompts.ts");
  if (!(await confirm("Go on", false))) throw declined("Nothing was changed.");
}

import { runDestroy } from "../../operations/destroy.ts";
import { type Plan, renderPlan } from "../../operations/plan.ts";
import type { Call } from "../command.ts";
import { openContext } from "../context.ts";
import { isOnTerminal } from "../output.ts";

/** Removes the stack's containers and networks, and its data where told; asks for its name first. */
export async function run(call: Call): Promise<"done"> {
  const { output, words } = call;
  const dryRun = call.has("dry-run");
  const [name] = words;
  const context = await openContext(call);
  const { plan, kept } = await runDestroy(context, {
    volumes: call.has("volumes"),
    dryRun,
    ...(name !== undefined && { confirmed: name }),
    ...(isOnTerminal(output) && { ask: (found: Plan, stack: string) => askForName(found, stack, call) }),
  });
  if (output.json) output.printJson({ dryRun, plan, kept });
  else if (dryRun || plan.steps.length === 0) output.print(renderPlan(plan).join("\n"));
  else output.print(doneText(kept, context.directory));
  return "done";
}

async function askForName(plan: Plan, stack: string, { output }: Call): Promise<string> {
  const { input } = await import("../prompts.ts");
  for (const line of renderPlan(plan)) output.print(line);
  return input(`This cannot be undone. Type the stack's name (${stack}) to go on`, {
    validate: (answer) => (answer === stack ? undefined : `type ${stack}, or press Ctrl-C`),
  });
}

function doneText(kept: readonly string[], directory: string): string {
  const data = kept.length === 0 ? "Its data is gone." : `Its data stays: ${kept.join(", ")}.`;
  return `Removed. ${data} The directory ${directory} stays too.`;
}

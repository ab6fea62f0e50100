import { renderPlan } from "../../operations/plan.ts";
import { runStart, type StartResult } from "../../operations/start.ts";
import type { StackModel } from "../../stack/model.ts";
import type { Call } from "../command.ts";
import { openContext } from "../context.ts";
import { durationOption } from "../option-values.ts";
import { publicUrls } from "../public-urls.ts";

/** Brings the stack up and waits until it is healthy. */
export async function run(call: Call): Promise<"done"> {
  const { output } = call;
  const timeout = durationOption(call, "timeout");
  const context = await openContext(call);
  const dryRun = call.has("dry-run");
  const result = await runStart(context, {
    services: call.words,
    dryRun,
    pull: !call.has("no-pull"),
    overcommit: call.has("overcommit"),
    ...(timeout !== undefined && { timeout }),
  });
  if (output.json) output.printJson({ dryRun, ...result });
  else if (dryRun) output.print(renderPlan(result.plan).join("\n"));
  else output.print(startedText(result, context.model, output.caller));
  return "done";
}

/** What is up now, and where it is reached. */
export function startedText({ changed, services }: StartResult, model: StackModel, caller: string): string {
  const count = services.length === 1 ? "1 service is" : `${services.length} services are`;
  return [
    changed ? `${count} up.` : `Nothing to do: ${count} up already.`,
    ...publicUrls(model).map((url) => `  ${url}`),
    `Next: ${caller} status`,
  ].join("\n");
}

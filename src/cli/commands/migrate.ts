import { runMigrate } from "../../operations/migrate.ts";
import type { Call } from "../command.ts";
import { openContext } from "../context.ts";
import { durationOption } from "../option-values.ts";

/** Brings the databases up to date. */
export async function run(call: Call): Promise<"done"> {
  const { output } = call;
  const wait = durationOption(call, "wait");
  const dryRun = call.has("dry-run");
  const { plan, runs, summary } = await runMigrate(await openContext(call), {
    apps: call.words,
    seed: call.has("seed"),
    dryRun,
    ...(wait !== undefined && { wait }),
  });
  if (output.json) output.printJson({ dryRun, plan, runs });
  else output.print(summary.join("\n"));
  return "done";
}

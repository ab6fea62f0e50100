import type { Lane } from "../../operations/backup/kinds.ts";
import { outcomeOf } from "../../operations/backup/result.ts";
import { runBackup } from "../../operations/backup/run.ts";
import { runLines } from "../../operations/backup/run-lines.ts";
import type { ExitCause } from "../../support/errors.ts";
import { didYouMean } from "../../support/suggest.ts";
import { badArguments } from "../args.ts";
import type { Call } from "../command.ts";
import { openContext } from "../context.ts";
import { durationOption } from "../option-values.ts";

const lanes: readonly Lane[] = ["full", "dump", "increment"];
const exits = { ok: "done", partial: "partial", failed: "backupFailed" } as const;

/** Copies the data into the local store and to the destinations. */
export async function run(call: Call): Promise<ExitCause> {
  const { output } = call;
  const wait = durationOption(call, "wait");
  const lane = laneOf(call.value("lane"));
  const result = await runBackup(await openContext(call), {
    only: call.values("only"),
    to: call.values("to"),
    version: call.carried.version,
    ...(lane !== undefined && { lane }),
    ...(wait !== undefined && { wait }),
  });
  const outcome = outcomeOf(result);
  if (output.json) output.printJson({ outcome, ...result });
  else output.print(runLines(result).join("\n"));
  return exits[outcome];
}

function laneOf(text: string | undefined): Lane | undefined {
  const lane = lanes.find((one) => one === text);
  if (text !== undefined && lane === undefined)
    throw badArguments(`--lane ${text}: there is no such lane`, didYouMean(text, lanes));
  return lane;
}

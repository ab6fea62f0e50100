import { runText } from "../../operations/jobs/history.ts";
import { runJobNow } from "../../operations/jobs/run-now.ts";
import type { Call } from "../command.ts";
import { openContext } from "../context.ts";

/** Runs a job now; what it prints goes to stdout, or to stderr beside JSON. */
export async function run(call: Call): Promise<"done"> {
  const { output, words } = call;
  const [name = ""] = words;
  const ended = await runJobNow(await openContext(call), name, { onLine: output.json ? output.note : output.print });
  if (output.json) output.printJson({ job: name, run: ended });
  else output.note(`${name} ${runText(ended)}`);
  return "done";
}

import { runText } from "../../operations/jobs/history.ts";
import { jobLog } from "../../operations/jobs/view.ts";
import type { Call } from "../command.ts";
import { openContext } from "../context.ts";

/** What a run of a job has printed. */
export async function run(call: Call): Promise<"done"> {
  const { output, words } = call;
  const [name = "", id] = words;
  const context = await openContext(call);
  const { run: shown, text } = await jobLog(context, name, id);
  if (output.json) output.printJson({ job: name, run: shown, output: text });
  else {
    output.note(`${name}, run ${shown.id}: ${runText(shown, context.clock.now())}`);
    if (text !== "") output.print(text.trimEnd());
  }
  return "done";
}

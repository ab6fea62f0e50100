import { runAction } from "../../operations/action.ts";
import type { Call } from "../command.ts";
import { openContext } from "../context.ts";
import { isOnTerminal } from "../output.ts";

/** Does by hand what a component offers: `redis failover`. Asks first where that is no small thing. */
export async function run(call: Call): Promise<"done"> {
  const { command, words, output } = call;
  const result = await runAction(await openContext(call), {
    verb: command.name,
    words,
    confirmed: call.has("yes"),
    ...(isOnTerminal(output) && {
      ask: async (question: string) => (await import("../prompts.ts")).confirm(question, false),
    }),
  });
  if (output.json) output.printJson(result);
  else if (result.output !== "") output.print(result.output);
  return "done";
}

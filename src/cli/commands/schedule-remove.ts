import { thisHost } from "../../operations/schedule/host.ts";
import { removeSchedule } from "../../operations/schedule/install.ts";
import type { Call } from "../command.ts";
import { readModel, stackOf } from "../find-stack.ts";

/** Takes away what `schedule install` made, and nothing else. */
export async function run(call: Call): Promise<"done"> {
  const { output } = call;
  const directory = stackOf(call);
  const removed = await removeSchedule({ directory, model: readModel(directory) }, thisHost());
  if (output.json) output.printJson({ removed });
  else
    output.print(
      removed.length === 0
        ? "Nothing to do: it is not installed."
        : `Removed from ${removed.join(", ")}. Backups run only by hand now. Next: ${output.caller} schedule install`,
    );
  return "done";
}

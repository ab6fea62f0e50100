import { runExec } from "../../operations/exec.ts";
import type { Call } from "../command.ts";
import { openContext } from "../context.ts";
import { countOption } from "../option-values.ts";

/** Runs a command in a running service and ends with its exit code. */
export async function run(call: Call): Promise<number> {
  const [service = "", ...command] = call.words;
  const index = countOption(call, "index");
  const user = call.value("user");
  return runExec(await openContext(call), {
    service,
    command,
    terminal: process.stdin.isTTY === true && process.stdout.isTTY === true,
    ...(index !== undefined && { index }),
    ...(user !== undefined && { user }),
  });
}

import { runShortcut } from "../../operations/shortcut.ts";
import type { Call } from "../command.ts";
import { openContext } from "../context.ts";

/** Opens the client of a data component (`psql`, `redis-cli`, `mc`) and ends with its exit code. */
export async function run(call: Call): Promise<number> {
  return runShortcut(await openContext(call), {
    verb: call.command.name,
    words: call.words,
    terminal: process.stdin.isTTY === true && process.stdout.isTTY === true,
  });
}

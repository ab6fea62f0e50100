import type { Context } from "../../operations/context.ts";
import { tellOf } from "../../operations/notify/tell.ts";
import { type Progress, silentProgress } from "../../operations/progress.ts";
import { tickActions } from "../../operations/schedule/actions.ts";
import { runTick } from "../../operations/schedule/tick.ts";
import { noteTick } from "../../operations/schedule/tick-log.ts";
import { type ExitCause, StackError } from "../../support/errors.ts";
import type { Call } from "../command.ts";
import { openContext } from "../context.ts";
import { openStoreContext } from "../store-context.ts";

const exits = { ok: "done", busy: "done", partial: "partial", failed: "backupFailed" } as const;

/** What cron or systemd calls every minute: does what is due. What went well goes to stdout, the rest to stderr. */
export async function run(call: Call): Promise<ExitCause> {
  const { output } = call;
  const opened = await openOrTell(call);
  // Whoever looks on sees how far it is; cron would mail every line of it.
  const context = process.stderr.isTTY ? opened : { ...opened, progress: linesOnly(opened.progress) };
  const result = await runTick(context, tickActions(context, call.carried.version));
  noteTick(context.directory, context.clock.now(), result.events);
  if (output.json) output.printJson(result);
  else
    for (const { outcome, lines } of result.events)
      for (const line of lines) {
        if (outcome === "ok") output.print(line);
        else output.note(line);
      }
  return exits[result.outcome];
}

/** Without Docker nothing can be done, and somebody is told of that. */
async function openOrTell(call: Call): Promise<Context> {
  try {
    return await openContext(call);
  } catch (error) {
    if (!(error instanceof StackError) || error.code !== "engine-unreachable") throw error;
    const { lines } = await tellOf({ ...openStoreContext(call), engine: undefined });
    for (const line of lines) call.output.note(`notify: ${line}`);
    throw error;
  }
}

/** Only what stays: warnings, and what was put right. */
function linesOnly(progress: Progress): Progress {
  return { ...silentProgress, line: progress.line, end: progress.end };
}

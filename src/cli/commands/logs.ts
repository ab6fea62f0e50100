import { once } from "node:events";
import { type LogEntry, parseSince, runLogs } from "../../operations/logs.ts";
import type { Call } from "../command.ts";
import { openContext } from "../context.ts";
import { countOption } from "../option-values.ts";
import type { Output, Style } from "../output.ts";

const usualTail = 200;

/** What the services print, merged by time. */
export async function run(call: Call): Promise<"done"> {
  const { output } = call;
  const context = await openContext(call);
  const sinceText = call.value("since");
  const since = sinceText === undefined ? undefined : parseSince(sinceText, context.clock.now());
  const tail = countOption(call, "tail") ?? (since === undefined ? usualTail : undefined);
  const print = entryPrinter(output);
  const { containers } = await runLogs(
    context,
    {
      services: call.words,
      follow: call.has("follow"),
      ...(since !== undefined && { since }),
      ...(tail !== undefined && { tail }),
    },
    async (entry) => {
      print(entry);
      // Whoever reads slowly is waited for, instead of holding all of it in memory.
      if (process.stdout.writableNeedDrain) await once(process.stdout, "drain", { signal: call.signal });
    },
  );
  if (containers === 0 && !call.has("follow")) output.note(`No containers, so no logs. Next: ${output.caller} start`);
  return "done";
}

const styles: Style[] = ["cyan", "yellow", "green", "blue", "magenta"];

function entryPrinter(output: Output): (entry: LogEntry) => void {
  const seen = new Map<string, Style>();
  let width = 0;
  return (entry) => {
    if (output.json) return output.print(JSON.stringify(entry));
    const style = seen.get(entry.source) ?? styles[seen.size % styles.length] ?? "cyan";
    seen.set(entry.source, style);
    width = Math.max(width, entry.source.length);
    output.print(`${output.paint(style, `${entry.source.padEnd(width)} |`)} ${entry.text}`);
  };
}

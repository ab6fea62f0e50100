import { type TestedReceiver, testReceivers } from "../../operations/notify/test-receivers.ts";
import { thisHost } from "../../operations/schedule/host.ts";
import { installedKinds } from "../../operations/schedule/install.ts";
import type { ExitCause } from "../../support/errors.ts";
import { columns } from "../columns.ts";
import type { Call } from "../command.ts";
import { openContext } from "../context.ts";
import type { Output } from "../output.ts";

/** Sends a test message to each receiver, and says whether it was taken. */
export async function run(call: Call): Promise<ExitCause> {
  const { output } = call;
  const context = await openContext(call);
  const report = await testReceivers(context, call.values("to"));
  // Without monitoring it is the schedule that looks; a test that arrives says nothing of that.
  const looks = report.via === "alertmanager" || (await installedKinds(context, thisHost())).length > 0;
  if (output.json) output.printJson({ ...report, scheduled: looks });
  else {
    output.print(report.receivers.flatMap((receiver) => linesOf(receiver, report.receivers, output)).join("\n"));
    if (!looks)
      output.note("note: nobody looks whether something is wrong until the schedule runs: ./prod.sh schedule install");
  }
  const taken = report.receivers.filter(({ ok }) => ok).length;
  if (taken === report.receivers.length) return "done";
  return taken === 0 ? "unhealthy" : "partial";
}

function linesOf(tested: TestedReceiver, all: readonly TestedReceiver[], { paint, columns: width }: Output): string[] {
  const { receiver, ok, took, error, hint } = tested;
  const name = receiver.padEnd(Math.max(...all.map((other) => other.receiver.length)));
  const verdict = ok ? { text: "taken", style: "green" as const } : { text: "FAILED", style: "red" as const };
  const [line = ""] = columns([[name, verdict, `${(took / 1_000).toFixed(1)} s`, error ?? ""]], paint, width);
  return [line, ...(hint === undefined ? [] : [`${"".padEnd(name.length)}  ${paint("cyan", "hint:")} ${hint}`])];
}

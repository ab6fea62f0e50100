import { thisHost } from "../../operations/schedule/host.ts";
import { exitOfStatus, runStatus, type StatusReport, watchStatus } from "../../operations/status.ts";
import type { ExitCause } from "../../support/errors.ts";
import type { Call } from "../command.ts";
import { openContext } from "../context.ts";
import { statusScreen } from "../status-screen.ts";

const clearScreen = "\u001b[H\u001b[2J\u001b[3J";

/** One screen: services, routes, volumes, host. */
export async function run(call: Call): Promise<ExitCause> {
  const { output } = call;
  const context = await openContext(call);
  const options = { sizes: call.has("sizes"), host: thisHost() };
  if (!call.has("watch")) {
    const report = await runStatus(context, options);
    if (output.json) output.printJson(report);
    else output.print(screenOf(report, call));
    return exitOfStatus(report);
  }
  const last = await watchStatus(context, options, ({ report, error }) => {
    if (output.json) output.print(JSON.stringify(report ?? { format: 1, error: error.message }));
    else
      output.print(
        `${output.columns === undefined ? "" : clearScreen}${report ? screenOf(report, call) : error.message}\n`,
      );
  });
  return last === undefined ? "interrupted" : exitOfStatus(last);
}

function screenOf(report: StatusReport, { output }: Call): string {
  return statusScreen(report, output.paint, output.columns).join("\n");
}

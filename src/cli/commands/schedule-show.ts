import { thisHost } from "../../operations/schedule/host.ts";
import { type ScheduleReport, showSchedule } from "../../operations/schedule/show.ts";
import { columns } from "../columns.ts";
import type { Call } from "../command.ts";
import type { Output } from "../output.ts";
import { openStoreContext } from "../store-context.ts";

/** When backups run next, and whether anything makes them run. */
export async function run(call: Call): Promise<"done"> {
  const { output } = call;
  const report = await showSchedule(openStoreContext(call), thisHost());
  if (output.json) output.printJson(report);
  else output.print(linesOf(report, output).join("\n"));
  return "done";
}

function linesOf({ installed, timezone, lanes, lastCall, problems }: ScheduleReport, output: Output): string[] {
  const isUtc = timezone === "UTC";
  const rows = lanes.map(({ lane, cron, next: [first] }) => [
    lane,
    cron,
    first?.there ?? "never",
    ...(isUtc ? [] : [first?.at ?? "never"]),
  ]);
  const heading = ["", "cron line", `next in ${timezone}`, ...(isUtc ? [] : ["next in UTC"])];
  const kinds = installed.map(({ kind }) => kind).join(", ");
  return [
    ...columns([heading, ...rows], output.paint, output.columns),
    "",
    ...(kinds === ""
      ? []
      : [`Called every minute by ${kinds}${lastCall === undefined ? "" : `, last at ${lastCall}`}.`]),
    ...problems.map((problem) => `${output.paint("yellow", "!")} ${problem}`),
  ];
}

import { type AlertList, type FiringAlert, listAlerts } from "../../operations/notify/list-alerts.ts";
import { commandToType } from "../../stack/own-alerts.ts";
import type { ExitCause } from "../../support/errors.ts";
import { formatAge, formatDuration } from "../../support/units.ts";
import { type Cell, columns } from "../columns.ts";
import type { Call } from "../command.ts";
import { openContext } from "../context.ts";
import type { Output } from "../output.ts";

/** Every alert of the stack, and what fires now. */
export async function run(call: Call): Promise<ExitCause> {
  const { output } = call;
  const context = await openContext(call);
  const list = await listAlerts(context);
  if (output.json) output.printJson(list);
  else output.print(linesOf(list, context.clock.now(), output).join("\n"));
  return list.firing.some(({ quiet }) => !quiet) || list.unknown !== undefined ? "unhealthy" : "done";
}

function linesOf({ alerts, firing, receivers, unknown }: AlertList, now: number, { paint, columns: width }: Output) {
  const rows = alerts.map(({ name, severity, component, for: lasts, command }): Cell[] => [
    name,
    severityCell(severity),
    component ?? "supervisor",
    lasts === undefined ? "" : lasts === 0 ? "at once" : `after ${formatDuration(lasts)}`,
    commandToType(command),
  ]);
  return [
    `Told: ${receivers.length === 0 ? "nobody; write notify: into stack.yaml" : receivers.join(", ")}`,
    "",
    ...columns(rows, paint, width),
    "",
    ...(unknown === undefined ? [] : [`${paint("yellow", "!")} what fires now is not known: ${unknown}`]),
    ...(firing.length === 0 && unknown === undefined ? [paint("green", "Nothing fires now.")] : []),
    ...firing.flatMap((alert) => linesOfFiring(alert, now, paint)),
    "",
    "What each means: RUNBOOK.md, section Alerts.",
  ];
}

function linesOfFiring(
  { name, severity, summary, command, since, quiet }: FiringAlert,
  now: number,
  paint: Output["paint"],
) {
  const age = formatAge(now - Date.parse(since));
  const note = quiet ? " (nobody is told: it is silenced, or follows from another)" : "";
  const mark = paint(severity === "critical" ? "red" : "yellow", severity);
  return [
    `${mark} ${name} for ${age}: ${summary}${note}`,
    ...(command === undefined ? [] : [`  ${paint("cyan", "next:")} ${command}`]),
  ];
}

function severityCell(severity: string): Cell {
  return severity === "critical" ? { text: severity, style: "red" } : { text: severity, style: "yellow" };
}

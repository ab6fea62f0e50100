import { type DestinationReport, runBackupDoctor } from "../../operations/backup/doctor.ts";
import type { ExitCause } from "../../support/errors.ts";
import { columns } from "../columns.ts";
import type { Call } from "../command.ts";
import { openContext } from "../context.ts";
import type { Output } from "../output.ts";

/** Tries the destinations, one line for each thing that was tried. */
export async function run(call: Call): Promise<ExitCause> {
  const { output } = call;
  const report = await runBackupDoctor(await openContext(call), call.words);
  if (output.json) output.printJson(report);
  else for (const destination of report.destinations) output.print(linesOf(destination, output).join("\n"));
  return report.ok ? "done" : "backupFailed";
}

function linesOf({ destination, checks, notes, error }: DestinationReport, { paint, columns: width }: Output) {
  const rows = checks.map(({ name, ok, detail }) => [
    destination,
    name,
    ok ? { text: "ok", style: "green" as const } : { text: "failed", style: "red" as const },
    detail,
  ]);
  return [
    ...columns(rows, paint, width),
    ...notes.map((note) => `${destination}  note: ${note}`),
    ...(error?.hint === undefined ? [] : [`${destination}  ${paint("cyan", "hint:")} ${error.hint}`]),
  ];
}

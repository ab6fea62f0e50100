import { formatDuration, formatSize } from "../../support/units.ts";
import type { DeliveryResult, Failure, RunResult, SourceResult } from "./result.ts";

/** What a run came to, one line for each snapshot and destination, then what to know besides. */
export function runLines({
  sources,
  deliveries,
  notes,
}: Pick<RunResult, "sources" | "deliveries" | "notes">): string[] {
  return [
    ...sources.flatMap(sourceLines),
    ...deliveries.flatMap(deliveryLines),
    ...notes.map((note) => `note: ${note}`),
  ];
}

/** One line, and its warnings below. */
function sourceLines({ source, type, id, bytes, took, warnings, error }: SourceResult): string[] {
  if (error !== undefined) return [`${source}: ${type} FAILED after ${formatDuration(took)}: ${failureText(error)}`];
  const size = bytes === undefined ? "" : `, ${formatSize(bytes)}`;
  const what = type === "log" ? "log shipped" : `${type} ${id ?? ""}`;
  return [
    `${source}: ${what}${size} in ${formatDuration(took)}`,
    ...warnings.map((warning) => `${source}: warning: ${warning}`),
  ];
}

function deliveryLines({ destination, snapshots, bytes, took, missing, error }: DeliveryResult): string[] {
  const waiting = missing === 0 ? "" : `; ${missing} not there yet`;
  if (error !== undefined)
    return [`${destination}: delivery FAILED after ${formatDuration(took)}: ${failureText(error)}${waiting}`];
  const arrived = snapshots === 0 ? "has everything" : `${counted(snapshots)}, ${formatSize(bytes)}`;
  return [`${destination}: ${arrived} in ${formatDuration(took)}${waiting}`];
}

/** In one line: the message and the next command. */
export function failureText({ message, hint }: Failure): string {
  return hint === undefined ? message : `${message} (${hint})`;
}

function counted(snapshots: number): string {
  return snapshots === 1 ? "1 snapshot arrived" : `${snapshots} snapshots arrived`;
}

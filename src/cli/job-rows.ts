import { runText } from "../operations/jobs/history.ts";
import type { JobView } from "../operations/jobs/view.ts";
import { formatAge } from "../support/units.ts";
import type { Cell } from "./columns.ts";

/** A job in a table: its name, its line, when it runs next, how it went last. */
export function jobRow({ name, schedule, timezone, next, running, last, overdueSince }: JobView, now: number): Cell[] {
  const line = timezone === "UTC" ? schedule : `${schedule} (${timezone})`;
  const in_ = next === undefined ? "never" : `in ${formatAge(Date.parse(next) - now)}`;
  const overdue = overdueSince === undefined ? undefined : formatAge(now - Date.parse(overdueSince));
  return [
    name,
    line,
    overdue === undefined ? in_ : { text: `should have run ${overdue} ago`, style: "red" },
    running === undefined ? lastCell(last, now) : { text: runText(running, now), style: "yellow" },
  ];
}

function lastCell(last: JobView["last"], now: number): Cell {
  if (last === undefined) return "not run yet";
  const text = `${runText(last)}, ${formatAge(now - Date.parse(last.finishedAt ?? last.startedAt))} ago`;
  return last.outcome === "ok" ? text : { text, style: "red" };
}

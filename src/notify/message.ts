import type { AlertSeverity } from "../stack/monitoring.ts";

/** What somebody is told: one trouble, or that it is over. Nothing in it is a secret. */
export interface Message {
  stack: string;
  /** Kind of trouble, as an alert rule is named: `ServiceDown`. */
  name: string;
  severity: AlertSeverity;
  /** Key of the component that it is about; undefined: the stack or its server. */
  component?: string;
  service?: string;
  /** One line: `server is unhealthy`. */
  title: string;
  /** Further lines of plain text. */
  lines: string[];
  /** The first command to type. */
  command?: string;
  state: "firing" | "resolved";
  /** What tells this trouble from every other of the stack: `service/server`. The same for its end. */
  key: string;
  /** Milliseconds since 1970 when it began. */
  at: number;
  /** With `resolved`: milliseconds since 1970 when it was over. */
  endedAt?: number;
}

/** One line that says all: the subject of a mail, the summary of an incident. */
export function headlineOf({ state, severity, stack, title }: Message): string {
  const word = state === "resolved" ? "RESOLVED" : severity.toUpperCase();
  return `${word} ${stack}: ${title}`;
}

/** What stands below the headline, line by line; `code` marks a command where the receiver can show one. */
export function bodyOf(message: Message, code: (command: string) => string = (command) => command): string[] {
  const { lines, component, service, at, endedAt, command, state } = message;
  const whose = [
    ...(component === undefined ? [] : [`Component: ${component}`]),
    ...(service === undefined || service === component ? [] : [`Service: ${service}`]),
  ];
  return [
    ...lines,
    ...whose,
    `Since: ${timeText(at)}`,
    ...(endedAt === undefined ? [] : [`Over: ${timeText(endedAt)}`]),
    ...(command === undefined || state === "resolved" ? [] : [`First command: ${code(command)}`]),
  ];
}

/** `2026-11-21 12:00:10 UTC`. */
function timeText(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

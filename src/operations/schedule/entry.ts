import { StackError } from "../../support/errors.ts";
import { shellWord } from "../../support/shell-line.ts";

/** Who calls `schedule run` every minute. */
export type SchedulerKind = "cron" | "crontab" | "systemd" | "systemd-user";

/** What an entry is made of. */
export interface EntryFacts {
  /** The stack's name. */
  name: string;
  /** Absolute path of its directory. */
  directory: string;
  /** Folders of programs, in order: that of Node.js first. Cron knows hardly any. */
  path: readonly string[];
  /** What names the engine where it was chosen by the environment: DOCKER_HOST and the like. */
  environment: Readonly<Record<string, string>>;
  /** Login name, for /etc/cron.d. */
  user: string;
}

/** A name that cron reads (no dot in it) and that belongs to no other program. */
export function entryName({ name }: Pick<EntryFacts, "name">): string {
  return `create-stack-${name}`;
}

/** What an entry is there for. */
export type EntryPurpose = "schedule" | "watch";

/** The comment by which an entry is known again: it names the directory, so that nobody takes away another stack's. */
export function marker({ directory }: Pick<EntryFacts, "directory">, purpose: EntryPurpose = "schedule"): string {
  return `# create-stack ${purpose} of ${directory}`;
}

/** The directory that a marker in a text names; undefined where there is none. */
export function markedDirectory(text: string, purpose: EntryPurpose = "schedule"): string | undefined {
  return new RegExp(`^# create-stack ${purpose} of (.*)$`, "m").exec(text)?.[1];
}

/** A file for /etc/cron.d. */
export function cronFile(facts: EntryFacts): string {
  return [
    marker(facts),
    "# Made by `./prod.sh schedule install`; `./prod.sh schedule remove` takes it away. What is due when stands in stack.yaml.",
    "SHELL=/bin/sh",
    `* * * * * ${facts.user} ${cronCommand(facts)}`,
    "",
  ].join("\n");
}

/** Two lines for a user's own crontab. */
export function crontabLines(facts: EntryFacts): string[] {
  return [marker(facts), `* * * * * ${cronCommand(facts)}`];
}

/** A text of crontab without the lines of this stack. */
export function withoutEntry(crontab: string, facts: Pick<EntryFacts, "directory">): string {
  const lines = crontab.split("\n");
  const at = lines.indexOf(marker(facts));
  return at === -1 ? crontab : [...lines.slice(0, at), ...lines.slice(at + 2)].join("\n");
}

/** A text of crontab with the lines of this stack, once. */
export function withEntry(crontab: string, facts: EntryFacts): string {
  const rest = withoutEntry(crontab, facts).replace(/\n*$/, "");
  return [...(rest === "" ? [] : [rest]), ...crontabLines(facts), ""].join("\n");
}

/** Files of systemd: what runs, and when. */
export function systemdUnits(facts: EntryFacts): { service: string; timer: string } {
  return {
    service: [
      marker(facts),
      "[Unit]",
      `Description=Scheduled backups of the stack ${facts.name}`,
      "",
      "[Service]",
      "Type=oneshot",
      ...systemdSurroundings(facts),
      "ExecStart=/bin/sh ./prod.sh schedule run",
      "",
    ].join("\n"),
    timer: [
      marker(facts),
      "[Unit]",
      `Description=Scheduled backups of the stack ${facts.name}, looked at every minute`,
      "",
      "[Timer]",
      "OnCalendar=*-*-* *:*:00",
      "AccuracySec=5s",
      "",
      "[Install]",
      "WantedBy=timers.target",
      "",
    ].join("\n"),
  };
}

/** Lines of a `[Service]` section: where it runs, and with what. */
export function systemdSurroundings({ directory, path, environment }: EntryFacts): string[] {
  const variables = Object.entries({ PATH: path.join(":"), ...environment });
  return [
    // A path to its end: neither quotes nor spaces mean anything here, only the percent sign does.
    `WorkingDirectory=${directory.replaceAll("%", "%%")}`,
    ...variables.map(([key, value]) => `Environment=${systemdQuote(`${key}=${value}`)}`),
  ];
}

/** The shell command of an entry. What went well is in .stack/backup/schedule.log; what did not is left to cron to mail. */
export function shellCommand({ directory, path, environment }: EntryFacts): string {
  const variables = Object.entries({ PATH: path.join(":"), ...environment }).map(
    ([key, value]) => `${key}=${shellWord(value)}`,
  );
  return `cd ${shellWord(directory)} && ${variables.join(" ")} /bin/sh ./prod.sh schedule run >/dev/null`;
}

/** In a cron line a percent sign ends the command, unless a backslash stands before it. */
function cronCommand(facts: EntryFacts): string {
  return shellCommand(facts).replaceAll("%", "\\%");
}

function systemdQuote(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("%", "%%")}"`;
}

/** Refuses a directory that no entry can name. */
export function refuseLineBreak(directory: string): void {
  if (!/[\n\r]/.test(directory)) return;
  throw new StackError({
    code: "schedule-path",
    exit: "invalidInput",
    message: "The path of the stack's directory holds a line break, which no schedule can name",
    hint: "move the stack to another directory",
  });
}

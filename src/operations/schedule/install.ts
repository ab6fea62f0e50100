import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { StackError } from "../../support/errors.ts";
import { readIfExists, writeFileAtomic } from "../../support/files.ts";
import { backupStateFolder } from "../backup/stores.ts";
import type { Context } from "../context.ts";
import {
  cronFile,
  crontabLines,
  type EntryFacts,
  type EntryPurpose,
  entryName,
  markedDirectory,
  refuseLineBreak,
  type SchedulerKind,
  systemdUnits,
  withEntry,
  withoutEntry,
} from "./entry.ts";
import { engineEnvironment, programFolders, type ScheduleHost } from "./host.ts";

/** All kinds, as `--with` takes them. */
export const schedulerKinds: readonly SchedulerKind[] = ["cron", "crontab", "systemd", "systemd-user"];

type StackHere = Pick<Context, "directory" | "model">;

/** What was written, or would be. */
export interface InstallResult {
  kind: SchedulerKind;
  /** False where all of it was there already. */
  changed: boolean;
  files: { path: string; content: string }[];
  /** Commands that were run. */
  commands: string[];
  /** Commands with which it can be looked at. */
  see: string[];
  notes: string[];
}

/** Facts of the entry of a stack on this host. */
export function entryFacts({ directory, model }: StackHere, host: ScheduleHost): EntryFacts {
  refuseLineBreak(directory);
  return {
    name: model.name,
    directory,
    path: programFolders(host),
    environment: engineEnvironment(host),
    user: host.user,
  };
}

/** Cron where it runs, else systemd; for root in the system's folders, for others in their own. */
export function chooseScheduler({ isRoot, cronRuns, systemdRuns }: ScheduleHost): SchedulerKind {
  if (isRoot && cronRuns) return "cron";
  if (isRoot && systemdRuns) return "systemd";
  if (cronRuns) return "crontab";
  if (systemdRuns) return "systemd-user";
  throw new StackError({
    code: "no-scheduler",
    exit: "invalidInput",
    message: "Neither cron nor systemd runs on this host, so nothing could call the schedule every minute",
    hint: "install cron (apt-get install cron), or see with `./prod.sh schedule install --with cron --print` what to call",
  });
}

/**
 * Makes cron or systemd call `schedule run` every minute: one entry, however often it is installed. With `print` nothing
 * is written. An entry of another kind for the same stack is taken away.
 */
export async function installSchedule(
  stack: StackHere,
  host: ScheduleHost,
  options: { kind?: SchedulerKind; print?: boolean } = {},
): Promise<InstallResult> {
  const kind = options.kind ?? chooseScheduler(host);
  const facts = entryFacts(stack, host);
  const files = filesOf(kind, facts, host);
  const result: InstallResult = { kind, changed: false, files, commands: [], see: seeOf(kind, facts), notes: [] };
  if (options.print === true) return result;
  refuseForeign(files, facts, "schedule");
  const others = (await installedKinds(stack, host)).filter((other) => other !== kind);
  mkdirSync(backupStateFolder(stack.directory), { recursive: true, mode: 0o700 });
  if (kind === "crontab") await writeCrontab(host, result, (text) => withEntry(text, facts));
  else await writeFiles(kind, facts, host, result);
  for (const other of others) await removeKind(other, stack, host);
  if (others.length > 0) result.notes.push(`the entry of ${others.join(", ")} was taken away: one is enough`);
  if (kind === "cron" || kind === "crontab") {
    if (!host.cronRuns) result.notes.push("no cron daemon runs now: start it, or nothing will be called");
  } else if (kind === "systemd-user")
    result.notes.push(`it runs while ${host.user} is logged in; always with: sudo loginctl enable-linger ${host.user}`);
  return result;
}

/** Takes away exactly the entries of this stack; says which there were. */
export async function removeSchedule(stack: StackHere, host: ScheduleHost): Promise<SchedulerKind[]> {
  const kinds = await installedKinds(stack, host);
  for (const kind of kinds) await removeKind(kind, stack, host);
  return kinds;
}

/** Where the stack has an entry. */
export async function installedKinds(stack: StackHere, host: ScheduleHost): Promise<SchedulerKind[]> {
  const facts = entryFacts(stack, host);
  const found: SchedulerKind[] = [];
  for (const kind of schedulerKinds) {
    const texts =
      kind === "crontab"
        ? [await readCrontab(host)]
        : filesOf(kind, facts, host).map(({ path }) => readIfExists(path) ?? "");
    const isOurs =
      kind === "crontab"
        ? texts.some((text) => withoutEntry(text, facts) !== text)
        : texts.some((text) => markedDirectory(text) === stack.directory);
    if (isOurs) found.push(kind);
  }
  return found;
}

/** True where an entry is not what `install` would write now: Node.js or the engine has moved. */
export async function isOutdated(kind: SchedulerKind, stack: StackHere, host: ScheduleHost): Promise<boolean> {
  const facts = entryFacts(stack, host);
  if (kind === "crontab") return !(await readCrontab(host)).includes(crontabLines(facts).join("\n"));
  return filesOf(kind, facts, host).some(({ path, content }) => readIfExists(path) !== content);
}

function filesOf(kind: SchedulerKind, facts: EntryFacts, host: ScheduleHost): { path: string; content: string }[] {
  const name = entryName(facts);
  if (kind === "cron") return [{ path: join(host.cronFolder, name), content: cronFile(facts) }];
  if (kind === "crontab") return [{ path: `crontab of ${host.user}`, content: `${crontabLines(facts).join("\n")}\n` }];
  const folder = kind === "systemd" ? host.systemdFolder : host.userUnitFolder;
  const { service, timer } = systemdUnits(facts);
  return [
    { path: join(folder, `${name}.service`), content: service },
    { path: join(folder, `${name}.timer`), content: timer },
  ];
}

function seeOf(kind: SchedulerKind, facts: EntryFacts): string[] {
  const name = entryName(facts);
  const looks = {
    cron: [],
    crontab: ["crontab -l"],
    systemd: [`systemctl list-timers ${name}.timer`, `journalctl -u ${name}`],
    "systemd-user": [`systemctl --user list-timers ${name}.timer`, `journalctl --user -u ${name}`],
  };
  return ["./prod.sh schedule show", ...looks[kind]];
}

/** Two stacks of one name, or a file that somebody else made under ours. */
export function refuseForeign(
  files: InstallResult["files"],
  facts: Pick<EntryFacts, "directory" | "name">,
  purpose: EntryPurpose,
): void {
  for (const { path } of files) {
    const text = existsSync(path) ? readIfExists(path) : undefined;
    const owner = text === undefined ? facts.directory : markedDirectory(text, purpose);
    if (owner === facts.directory) continue;
    const gone = owner !== undefined && !existsSync(owner);
    throw new StackError({
      code: "schedule-taken",
      exit: "invalidInput",
      message:
        owner === undefined
          ? `${path} is there and was not made by create-stack`
          : `${path} calls the stack ${facts.name} in ${owner}, not the one in ${facts.directory}`,
      hint:
        owner === undefined || gone
          ? `look at it, then remove it: rm ${path}`
          : `cd ${owner} && ./prod.sh ${purpose} remove`,
    });
  }
}

async function writeFiles(
  kind: Exclude<SchedulerKind, "crontab">,
  facts: EntryFacts,
  host: ScheduleHost,
  result: InstallResult,
): Promise<void> {
  for (const { path, content } of result.files) {
    if (readIfExists(path) === content) continue;
    result.changed = true;
    writeFileAtomic(path, content, 0o644);
  }
  if (kind === "cron") return;
  const systemctl = kind === "systemd" ? ["systemctl"] : ["systemctl", "--user"];
  await call(host, result, [...systemctl, "daemon-reload"]);
  await call(host, result, [...systemctl, "enable", "--now", `${entryName(facts)}.timer`]);
}

async function removeKind(kind: SchedulerKind, stack: StackHere, host: ScheduleHost): Promise<void> {
  const facts = entryFacts(stack, host);
  const nothing: Pick<InstallResult, "commands" | "changed"> = { commands: [], changed: false };
  if (kind === "crontab") return await writeCrontab(host, nothing, (text) => withoutEntry(text, facts));
  const systemctl = kind === "systemd" ? ["systemctl"] : ["systemctl", "--user"];
  if (kind !== "cron") await call(host, nothing, [...systemctl, "disable", "--now", `${entryName(facts)}.timer`]);
  for (const { path } of filesOf(kind, facts, host))
    if (markedDirectory(readIfExists(path) ?? "") === stack.directory) rmSync(path, { force: true });
  if (kind !== "cron") await call(host, nothing, [...systemctl, "daemon-reload"]);
}

async function readCrontab(host: ScheduleHost): Promise<string> {
  // Without a crontab, or without the program, there is nothing.
  const found = await host.run(["crontab", "-l"]).catch(() => undefined);
  return found?.code === 0 ? found.stdout : "";
}

async function writeCrontab(
  host: ScheduleHost,
  result: Pick<InstallResult, "commands" | "changed">,
  change: (text: string) => string,
): Promise<void> {
  const before = await readCrontab(host);
  const after = change(before);
  if (after === before) return;
  result.changed = true;
  await call(host, result, ["crontab", "-"], after);
}

/** Runs a program of the host, and throws with the next step where it fails. */
export async function call(
  host: ScheduleHost,
  { commands }: Pick<InstallResult, "commands">,
  argv: readonly string[],
  input?: string,
  hint = "see what would be written with `./prod.sh schedule install --print`, or choose with --with cron|crontab|systemd|systemd-user",
): Promise<void> {
  const { code, stderr, stdout } = await host.run(argv, input);
  commands.push(argv.join(" "));
  if (code === 0) return;
  throw new StackError({
    code: "schedule-refused",
    exit: "invalidInput",
    message: `\`${argv.join(" ")}\` failed with exit code ${code}`,
    details: `${stderr}${stdout}`.trim().split("\n").slice(-5),
    hint,
  });
}

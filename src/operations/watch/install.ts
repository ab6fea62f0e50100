import { rmSync } from "node:fs";
import { join } from "node:path";
import { StackError } from "../../support/errors.ts";
import { readIfExists, writeFileAtomic } from "../../support/files.ts";
import type { Context } from "../context.ts";
import { lockHolder } from "../lock.ts";
import { markedDirectory } from "../schedule/entry.ts";
import type { ScheduleHost } from "../schedule/host.ts";
import { call, entryFacts, refuseForeign } from "../schedule/install.ts";
import { isRecent } from "./decide.ts";
import { readWatchMemory } from "./memory.ts";
import { unitName, watchUnit } from "./unit.ts";

type StackHere = Pick<Context, "directory" | "model">;

/** What was written, and with which commands it can be looked at. */
export interface WatchInstall {
  /** False where it was there already. */
  changed: boolean;
  path: string;
  content: string;
  commands: string[];
  see: string[];
  notes: string[];
}

/**
 * Makes systemd run `watch` from now on and after each start of the host. Installing it again changes nothing, or makes
 * it as it would be made now.
 */
export async function installWatch(
  stack: StackHere,
  host: ScheduleHost,
  options: { every?: string } = {},
): Promise<WatchInstall> {
  if (!host.systemdRuns) throw noSystemd();
  const { path, content, facts, systemctl } = unitHere(stack, host, options.every);
  refuseForeign([{ path, content }], facts, "watch");
  const changed = readIfExists(path) !== content;
  const result: WatchInstall = { changed, path, content, commands: [], see: [], notes: [] };
  if (changed) writeFileAtomic(path, content, 0o644);
  const name = unitName(facts);
  const run = (...words: string[]) => call(host, result, [...systemctl, ...words], undefined, "./prod.sh watch show");
  await run("daemon-reload");
  await run("enable", name);
  // One that runs already would go on as it was begun.
  await run(changed ? "restart" : "start", name);
  result.see.push("./prod.sh watch show", `journalctl ${host.isRoot ? "" : "--user "}-u ${name}`);
  if (!host.isRoot)
    result.notes.push(`it runs while ${host.user} is logged in; always with: sudo loginctl enable-linger ${host.user}`);
  return result;
}

/** Takes away exactly what was installed for this stack; false where there was nothing. */
export async function removeWatch(stack: StackHere, host: ScheduleHost): Promise<boolean> {
  const { path, facts, systemctl } = unitHere(stack, host, undefined);
  if (!isInstalled(stack, host)) return false;
  const nothing = { commands: [] };
  await call(host, nothing, [...systemctl, "disable", "--now", unitName(facts)], undefined, "./prod.sh watch show");
  rmSync(path, { force: true });
  await call(host, nothing, [...systemctl, "daemon-reload"], undefined, "./prod.sh watch show");
  return true;
}

/** True where systemd has a service for the watch of this stack. */
export function isInstalled(stack: StackHere, host: ScheduleHost): boolean {
  return markedDirectory(readIfExists(unitHere(stack, host, undefined).path) ?? "", "watch") === stack.directory;
}

export interface WatchReport {
  installed: boolean;
  /** Process that watches now. */
  running?: { pid: number; since: string };
  /** ISO 8601 of its last look. */
  lookedAt?: string;
  /** Where the unit is, or would be. */
  path: string;
  content: string;
  /** Services that were restarted lately, with how often in a row. */
  restarted: { service: string; restarts: number; at: string }[];
}

/** Whether the stack is watched, and by what. */
export function showWatch(stack: StackHere & Pick<Context, "clock">, host: ScheduleHost, every?: string): WatchReport {
  const holder = lockHolder(stack.directory, "watch.lock");
  const { services, lookedAt } = readWatchMemory(stack.directory);
  const { path, content } = unitHere(stack, host, every);
  const installed = isInstalled(stack, host);
  return {
    installed,
    ...(holder !== undefined && { running: { pid: holder.pid, since: timeText(holder.since) } }),
    ...(lookedAt !== undefined && { lookedAt: timeText(lookedAt) }),
    path,
    content: installed ? (readIfExists(path) ?? content) : content,
    restarted: Object.entries(services)
      .filter(([, attended]) => isRecent(attended, stack.clock.now()))
      .map(([service, { restarts, restartedAt }]) => ({ service, restarts, at: timeText(restartedAt) })),
  };
}

function timeText(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+/, "");
}

function unitHere(stack: StackHere, host: ScheduleHost, every: string | undefined) {
  const facts = entryFacts(stack, host);
  const { isRoot } = host;
  return {
    facts,
    systemctl: isRoot ? ["systemctl"] : ["systemctl", "--user"],
    path: join(isRoot ? host.systemdFolder : host.userUnitFolder, `${unitName(facts)}.service`),
    content: watchUnit(facts, { user: !isRoot, ...(every !== undefined && { every }) }),
  };
}

function noSystemd(): StackError {
  return new StackError({
    code: "no-systemd",
    exit: "invalidInput",
    message: "systemd does not run on this host, so it cannot keep the watch running",
    hint: "have your init run `./prod.sh watch` in the stack's directory and start it again when it ends; ./prod.sh watch show prints a unit to go by",
  });
}

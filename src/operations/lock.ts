import { createHash, randomBytes } from "node:crypto";
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { messageOf, StackError, systemCode } from "../support/errors.ts";
import { readIfExists, syncFolder } from "../support/files.ts";
import { describeProcess, isAlive, type ProcessIdentity } from "../support/process-identity.ts";
import { formatAge } from "../support/units.ts";
import type { Context } from "./context.ts";

/** Who works on the stack, as written in .stack/lock. */
export interface Holder extends ProcessIdentity {
  /** Random, so that two holders are never taken for one. */
  id: string;
  /** The verb that is at work: `deploy`. */
  command: string;
  /** Milliseconds since 1970. */
  since: number;
}

/** A lock that this process holds. */
export interface Lock {
  release(): void;
}

export interface LockOptions {
  command: string;
  /** Milliseconds to wait for another holder to finish; 0 (default) fails at once. */
  wait?: number;
  /** Name of its file in .stack; the default is the lock on the stack itself. */
  file?: string;
}

const pollInterval = 250;

/**
 * Runs `body` while this process holds the stack's lock, and lets go of it however `body` ends. One stack is changed by
 * one command at a time; a holder that died is succeeded without asking.
 */
export async function withLock<Result>(
  context: Pick<Context, "directory" | "clock" | "signal" | "progress">,
  options: LockOptions,
  body: () => Promise<Result>,
): Promise<Result> {
  return await whileHeld(await acquire(context, options), body);
}

const held = new Set<Lock>();

/** For an end that unwinds nothing: an uncaught error, process.exit. One for all: Node.js warns of more than ten. */
function releaseAll(): void {
  for (const lock of held) lock.release();
}

/** Runs `body` and lets go of a lock that was taken, however that or the process ends. */
export async function whileHeld<Result>(lock: Lock, body: () => Promise<Result>): Promise<Result> {
  if (held.size === 0) process.on("exit", releaseAll);
  held.add(lock);
  try {
    return await body();
  } finally {
    held.delete(lock);
    if (held.size === 0) process.off("exit", releaseAll);
    lock.release();
  }
}

async function acquire(
  { directory, clock, signal, progress }: Pick<Context, "directory" | "clock" | "signal" | "progress">,
  { command, wait = 0, file }: LockOptions,
): Promise<Lock> {
  const deadline = clock.now() + wait;
  let announced = false;
  for (;;) {
    const outcome = tryLock(directory, command, clock.now(), file);
    if ("release" in outcome) return outcome;
    if (clock.now() >= deadline) throw locked(outcome, clock.now());
    if (!announced) progress.line(`Waiting for ${holderText(outcome, clock.now())}`);
    announced = true;
    await clock.sleep(pollInterval, signal);
  }
}

/** Takes the lock, or tells who has it. */
export function tryLock(directory: string, command: string, now: number, file = "lock"): Lock | Holder {
  const folder = join(directory, ".stack");
  const path = join(folder, file);
  const own: Holder = { id: randomBytes(8).toString("hex"), ...describeProcess(), command, since: now };
  try {
    mkdirSync(folder, { recursive: true });
    const other = claim(path, own);
    if (other !== undefined) return other;
    syncFolder(folder);
  } catch (error) {
    throw cannotLock(path, error);
  }
  return {
    release() {
      if (readHolder(path)?.id === own.id) rmSync(path, { force: true });
    },
  };
}

/**
 * Makes `path` say `own`, or returns the living holder that it says already. A dead holder has one successor: whoever
 * creates the file named after it, which is itself claimed in the same way. While that file is held nobody else may
 * replace the dead holder, so two that find it at the same time cannot both win, whatever each of them still remembers.
 */
function claim(path: string, own: Holder): Holder | undefined {
  for (;;) {
    if (create(path, own)) return undefined;
    const found = readHolder(path);
    if (found === undefined) continue;
    if (isAlive(found)) return found;
    const succession = `${path}.after-${found.id}`;
    const rival = claim(succession, own);
    if (rival !== undefined) return rival;
    try {
      if (readHolder(path)?.id === found.id) {
        renameSync(writeTemporary(path, own), path);
        return undefined;
      }
    } finally {
      rmSync(succession, { force: true });
    }
  }
}

/** Creates the file with its whole content at once; false where there is one already. */
function create(path: string, own: Holder): boolean {
  const temporary = writeTemporary(path, own);
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

function writeTemporary(path: string, own: Holder): string {
  const temporary = `${path}.${own.id}.${randomBytes(4).toString("hex")}.tmp`;
  const file = openSync(temporary, "wx", 0o644);
  try {
    writeSync(file, `${JSON.stringify(own)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return temporary;
}

/** Who works on the stack now; undefined where nobody does, or whoever did has died. */
export function lockHolder(directory: string, file = "lock"): Holder | undefined {
  const found = readHolder(join(directory, ".stack", file));
  return found !== undefined && isAlive(found) ? found : undefined;
}

/** The holder in a lock file. One that makes no sense counts as a holder that died: its machine lost power. */
function readHolder(path: string): Holder | undefined {
  const text = readIfExists(path);
  if (text === undefined) return undefined;
  try {
    const holder = JSON.parse(text) as Partial<Holder>;
    if (typeof holder.id === "string" && /^[0-9a-f]+$/.test(holder.id) && typeof holder.pid === "number") {
      return { ...holder, id: holder.id, pid: holder.pid, command: holder.command ?? "?", since: holder.since ?? 0 };
    }
  } catch {
    // Not JSON: see above.
  }
  return { id: createHash("sha256").update(text).digest("hex").slice(0, 16), pid: 0, command: "?", since: 0 };
}

function holderText(holder: Holder, now: number): string {
  return `\`${holder.command}\` (process ${holder.pid}), at work for ${formatAge(now - holder.since)}`;
}

function locked(holder: Holder, now: number): StackError {
  return new StackError({
    code: "locked",
    exit: "locked",
    message: `Another command works on this stack: ${holderText(holder, now)}, since ${new Date(holder.since).toISOString()}`,
    hint: `wait until it has ended, or stop it with \`kill ${holder.pid}\`; then run the command again`,
  });
}

function cannotLock(path: string, error: unknown): StackError {
  return new StackError({
    code: "lock-unwritable",
    exit: "invalidInput",
    message: `Cannot write the lock ${path}: ${messageOf(error)}`,
    hint:
      systemCode(error) === "ENOSPC"
        ? `make room on the disk of ${dirname(path)} (df -h), then run the same command again`
        : "run the command as the user who owns the stack's directory, on a disk that can be written to",
    cause: error,
  });
}

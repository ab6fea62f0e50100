import { readFileSync, readlinkSync } from "node:fs";
import { readIfExists } from "./files.ts";

/** What tells a process from every other, also from a later one with the same number. */
export interface ProcessIdentity {
  pid: number;
  /** Clock ticks since boot, from /proc; undefined where there is no /proc. */
  startTime?: string;
  /** Changes with each boot of the machine. */
  boot?: string;
  /** The set of numbers that `pid` is one of: a container has its own. */
  pidSpace?: string;
}

export function describeProcess(pid: number = process.pid): ProcessIdentity {
  const startTime = startTimeOf(pid);
  const boot = readIfExists("/proc/sys/kernel/random/boot_id")?.trim();
  const pidSpace = pidSpaceOf();
  return {
    pid,
    ...(startTime === undefined ? {} : { startTime }),
    ...(boot === undefined ? {} : { boot }),
    ...(pidSpace === undefined ? {} : { pidSpace }),
  };
}

/** False only where it is certain that the process has ended. */
export function isAlive(identity: ProcessIdentity): boolean {
  if (identity.pid <= 0) return false;
  const here = describeProcess();
  if (identity.boot !== undefined && here.boot !== undefined && identity.boot !== here.boot) return false;
  // Its number means nothing here; what cannot be seen is not called dead.
  if (identity.pidSpace !== here.pidSpace) return true;
  const startTime = startTimeOf(identity.pid);
  if (here.startTime !== undefined) {
    return startTime !== undefined && (identity.startTime === undefined || identity.startTime === startTime);
  }
  try {
    process.kill(identity.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name in brackets and may hold anything; the fields after it are numbered from 3.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state] = fields;
    return state === "Z" || state === "X" ? undefined : fields[22 - 3];
  } catch {
    return undefined;
  }
}

function pidSpaceOf(): string | undefined {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return undefined;
  }
}

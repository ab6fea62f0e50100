import { freemem, totalmem } from "node:os";
import { diskSpace } from "../support/disk.ts";
import { formatSize } from "../support/units.ts";
import type { HostStatus, StatusProblem } from "./status-report.ts";

/** Below both of these a disk is as good as full: databases stop writing. */
const leastFreeShare = 0.05;
const leastFreeBytes = 2 * 1024 ** 3;

/** Memory, and the disk that the engine writes to (often only root may look there; then the stack's own disk). */
export function readHost(dataRoot: string | undefined, directory: string): HostStatus {
  const memory = { total: totalmem(), free: freemem() };
  for (const path of [dataRoot, directory]) {
    const disk = path && diskSpace(path);
    if (path && disk) return { memory, disk: { path, ...disk } };
  }
  return { memory };
}

export function hostProblems({ disk }: HostStatus): StatusProblem[] {
  if (disk === undefined || disk.free >= leastFreeBytes || disk.free >= disk.total * leastFreeShare) return [];
  const message = `only ${formatSize(disk.free)} of ${formatSize(disk.total)} are free on the disk of ${disk.path}`;
  return [{ subject: "host", message, hint: "docker system df" }];
}

import { statfs } from "node:fs/promises";
import { freemem, totalmem } from "node:os";
import { formatSize } from "../support/units.ts";
import type { HostStatus, StatusProblem } from "./status-report.ts";

/** Below both of these a disk is as good as full: databases stop writing. */
const leastFreeShare = 0.05;
const leastFreeBytes = 2 * 1024 ** 3;

/** Memory, and the disk that the engine writes to (often only root may look there; then the stack's own disk). */
export async function readHost(dataRoot: string | undefined, directory: string): Promise<HostStatus> {
  const memory = { total: totalmem(), free: freemem() };
  const disk = (dataRoot && (await diskOf(dataRoot))) || (await diskOf(directory));
  return { memory, ...(disk && { disk }) };
}

async function diskOf(path: string): Promise<HostStatus["disk"]> {
  try {
    const { bsize, blocks, bavail } = await statfs(path);
    return { path, total: bsize * blocks, free: bsize * bavail };
  } catch {
    return undefined;
  }
}

export function hostProblems({ disk }: HostStatus): StatusProblem[] {
  if (disk === undefined || disk.free >= leastFreeBytes || disk.free >= disk.total * leastFreeShare) return [];
  const message = `only ${formatSize(disk.free)} of ${formatSize(disk.total)} are free on the disk of ${disk.path}`;
  return [{ subject: "host", message, hint: "docker system df" }];
}

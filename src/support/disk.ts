import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { StackError, systemCode } from "./errors.ts";

/**
 * Bytes of the disk that a folder is on, as `df` counts them: what a process without privileges may still write, and with
 * what is in use in all. What is kept back for root is in neither: a disk is full for a database before it is for root.
 */
export interface DiskSpace {
  total: number;
  free: number;
}

/** Undefined where the folder cannot be seen: it is not there, is on a remote engine, or only root may look. */
export function diskSpace(folder: string): DiskSpace | undefined {
  try {
    const { bsize, blocks, bfree, bavail } = statfsSync(folder);
    return { total: bsize * (blocks - bfree + bavail), free: bsize * bavail };
  } catch {
    return undefined;
  }
}

/** True for an error of the system that says that a disk, or what somebody may use of it, is full; also as a cause. */
export function isDiskFull(error: unknown): boolean {
  if (["ENOSPC", "EDQUOT"].includes(systemCode(error) ?? "")) return true;
  return error instanceof Error && error.cause !== undefined && isDiskFull(error.cause);
}

/** True for output of a program that says that it could not write any more. */
export function saysDiskFull(output: string): boolean {
  return /no space left on device|disk quota exceeded|disk full|ENOSPC/i.test(output);
}

/** The error for a full disk: the one of this folder, or with `.` that of the stack, in whose folder commands are typed. */
export function diskFull(folder: string, cause?: unknown): StackError {
  return new StackError({
    code: "disk-full",
    exit: "invalidInput",
    message: folder === "." ? "The disk is full" : `The disk of ${folder} is full`,
    hint: `make room on it (df -h ${folder}), then run the same command again`,
    ...(cause !== undefined && { cause }),
  });
}

/**
 * What the system said of a full disk as an error for people; anything else as it is. A write does not say which file it
 * was for: then it is the disk of `folder`.
 */
export function toldDiskFull(error: unknown, folder: string): unknown {
  if (error instanceof StackError || !isDiskFull(error)) return error;
  const path = error instanceof Error && "path" in error && typeof error.path === "string" ? error.path : undefined;
  return diskFull(path === undefined ? folder : dirname(path), error);
}

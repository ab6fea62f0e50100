import { rmSync } from "node:fs";
import { join } from "node:path";
import { readIfExists, writeFileAtomic } from "../../support/files.ts";

/** Says that the stack in this directory came out of a bucket and has not got its data yet: `restore from` may begin again. */
const mark = ".stack/restored-from";

export function isBegun(directory: string, stack: string): boolean {
  return readIfExists(join(directory, mark)) === stack;
}

export function noteBegun(directory: string, stack: string): void {
  writeFileAtomic(join(directory, mark), stack);
}

/** From now on it is a stack like any other, which `restore from` does not write over. */
export function forgetBegun(directory: string): void {
  rmSync(join(directory, mark), { force: true });
}

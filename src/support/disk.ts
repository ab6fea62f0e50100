import { statfsSync } from "node:fs";

/** Bytes of the disk that a folder is on. `free` is what a process without privileges may still write. */
export interface DiskSpace {
  total: number;
  free: number;
}

/** Undefined where the folder cannot be seen: it is not there, is on a remote engine, or only root may look. */
export function diskSpace(folder: string): DiskSpace | undefined {
  try {
    const { bsize, blocks, bavail } = statfsSync(folder);
    return { total: bsize * blocks, free: bsize * bavail };
  } catch {
    return undefined;
  }
}

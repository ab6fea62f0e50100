import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { StackModel } from "../stack/model.ts";
import { formatAge, formatSize } from "../support/units.ts";
import type { Finding } from "./preflight.ts";

/** Milliseconds. The log is taken over each minute where the schedule is installed. */
const longAgo = 86_400_000;

/** The log of a database server that nobody takes over grows until the disk is full. */
export function checkSpools(
  { dataSources }: Pick<StackModel, "dataSources">,
  directory: string,
  now: number,
): Finding[] {
  return dataSources.flatMap((source): Finding[] => {
    if (source.kind !== "postgres") return [];
    const { files, bytes, oldest } = spoolOf(join(directory, source.spool));
    if (files === 0 || now - oldest < longAgo)
      return [{ id: "spool", level: "ok", message: `the log of ${source.name} is taken over` }];
    const message = `nobody has taken over the log of ${source.name} for ${formatAge(now - oldest)}: ${formatSize(bytes)} wait in ${source.spool}`;
    return [
      { id: "spool-full", level: "warn", message, hint: "./prod.sh schedule install; for now: ./prod.sh backup run" },
    ];
  });
}

function spoolOf(folder: string): { files: number; bytes: number; oldest: number } {
  const spool = { files: 0, bytes: 0, oldest: Number.POSITIVE_INFINITY };
  try {
    for (const name of readdirSync(folder)) {
      const { size, mtimeMs } = statSync(join(folder, name));
      spool.files += 1;
      spool.bytes += size;
      spool.oldest = Math.min(spool.oldest, mtimeMs);
    }
  } catch {
    // Not there yet, or emptied while it was looked at.
  }
  return spool;
}

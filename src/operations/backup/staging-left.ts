import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { readIfExists } from "../../support/files.ts";
import { isAlive, type ProcessIdentity } from "../../support/process-identity.ts";

const day = 86_400_000;

/** Removes folders that were staged by processes that have died; of those that say nothing, what is older than a day. */
export function sweepStaging(directory: string, now: number): void {
  const parent = join(directory, "backups", ".staging");
  if (!existsSync(parent)) return;
  const names = readdirSync(parent).sort();
  for (const name of names) {
    const path = join(parent, name);
    const folder = name.replace(/\.process$/, "");
    const finished = folder !== name && !names.includes(folder);
    if (finished || !isInUse(join(parent, `${folder}.process`), path, now))
      rmSync(path, { recursive: true, force: true });
  }
}

function isInUse(owner: string, path: string, now: number): boolean {
  try {
    const text = readIfExists(owner);
    if (text !== undefined) return isAlive(JSON.parse(text) as ProcessIdentity);
    return now - statSync(path).mtimeMs < day;
  } catch {
    return false;
  }
}

import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { StackModel } from "../stack/model.ts";

/**
 * Makes the folders that containers write to, which git and archives do not carry. They may be written by any user, so
 * that numeric users of containers can; `backups/` above them may be entered by the stack's owner alone.
 */
export function makeFolders(directory: string, { folders }: Pick<StackModel, "folders">): void {
  for (const { path, mode } of [{ path: "backups", mode: 0o700 }, ...folders]) {
    const full = join(directory, path);
    mkdirSync(full, { recursive: true });
    if (process.platform !== "win32") chmodSync(full, mode);
  }
}

import { chmodSync, existsSync, lstatSync, readdirSync, realpathSync, rmdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { StackError, systemCode } from "../support/errors.ts";
import { readIfExists, syncFolder, writeFileAtomic } from "../support/files.ts";
import type { FileChange } from "./changes.ts";
import { hashOf, type Manifest, parseManifest, printManifest } from "./manifest.ts";
import type { RenderedFile } from "./rendered-file.ts";

const manifestPath = ".stack/manifest.json";

/** What a stack's directory holds of the files that we wrote or would write. */
export interface ReadDirectory {
  onDisk: Map<string, string>;
  manifest: Manifest | undefined;
}

/** Reads every file that a render or the manifest names. Throws where something else than a file or folder of ours is in the way. */
export function readDirectory(directory: string, rendered: readonly RenderedFile[]): ReadDirectory {
  const text = readIfExists(join(directory, manifestPath));
  const manifest = text === undefined ? undefined : parseManifest(text);
  const onDisk = new Map<string, string>();
  for (const path of new Set([...rendered.map((file) => file.path), ...Object.keys(manifest?.files ?? {})])) {
    refuseObstacle(directory, path);
    const content = readIfExists(join(directory, path));
    if (content !== undefined) onDisk.set(path, content);
  }
  return { onDisk, manifest };
}

/** Carries out the changes. The manifest is written before (knowing old and new) and after (knowing the new alone). */
export function writeChanges(
  directory: string,
  changes: readonly FileChange[],
  rendered: readonly RenderedFile[],
  before: Manifest | undefined,
  version: string,
): void {
  const after = manifestOf(rendered, changes, version);
  const acting = changes.filter((change) => change.action !== "keep-edited");
  if (acting.length > 0) writeManifest(directory, merged(before, after));
  for (const change of acting) {
    const path = join(directory, change.path);
    if (change.action === "remove") remove(directory, change.path);
    else if (change.after !== undefined) {
      writeFileAtomic(path, change.after, change.mode);
      if (process.platform !== "win32") chmodSync(path, change.mode);
    }
  }
  keepRunnable(directory, rendered);
  if (readIfExists(join(directory, manifestPath)) !== printManifest(after)) writeManifest(directory, after);
}

/** A copy through a laptop or an archive loses the right to run prod.sh; it comes back with the next `generate`. */
function keepRunnable(directory: string, rendered: readonly RenderedFile[]): void {
  if (process.platform === "win32") return;
  for (const { path, mode } of rendered) {
    const full = join(directory, path);
    if ((mode & 0o100) !== 0 && existsSync(full) && (statSync(full).mode & 0o100) === 0) chmodSync(full, mode);
  }
}

function writeManifest(directory: string, manifest: Manifest): void {
  writeFileAtomic(join(directory, manifestPath), printManifest(manifest));
}

function manifestOf(rendered: readonly RenderedFile[], changes: readonly FileChange[], version: string): Manifest {
  const generated = rendered.filter((file) => file.owner === "generated");
  const files: Record<string, string[]> = Object.fromEntries(
    generated.map((file) => [file.path, [hashOf(file.content)]]),
  );
  // An edited file of a component that is gone stays known, so that it is still told apart later.
  for (const change of changes)
    if (change.action === "keep-edited" && files[change.path] === undefined) files[change.path] = [];
  return { format: 1, version, files };
}

function merged(before: Manifest | undefined, after: Manifest): Manifest {
  const files: Record<string, string[]> = {};
  for (const manifest of [before, after]) {
    for (const [path, hashes] of Object.entries(manifest?.files ?? {}))
      files[path] = [...new Set([...(files[path] ?? []), ...hashes])];
  }
  return { ...after, files };
}

/** Removes a file and the folders that it leaves empty. */
function remove(directory: string, path: string): void {
  rmSync(join(directory, path), { force: true });
  for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) {
    const full = join(directory, folder);
    if (!existsSync(full) || readdirSync(full).length > 0) break;
    rmdirSync(full);
    syncFolder(dirname(full));
  }
}

/** Writing through a symbolic link would leave the directory; a file cannot be written over a folder, nor the other way round. */
function refuseObstacle(directory: string, path: string): void {
  const parts = path.split("/");
  for (let length = 1; length <= parts.length; length += 1) {
    const part = parts.slice(0, length).join("/");
    const kind = kindOf(join(directory, part));
    const wanted = length === parts.length ? "file" : "folder";
    if (kind === undefined) return;
    if (kind === "link")
      throw new StackError({
        code: "path-is-link",
        exit: "invalidInput",
        message: `${part} is a symbolic link (to ${targetOf(join(directory, part))}); create-stack writes only inside its own directory`,
        hint: "replace the link by what it points at, then run ./prod.sh generate again",
      });
    if (kind !== wanted)
      throw new StackError({
        code: "path-is-taken",
        exit: "invalidInput",
        message: `${part} is ${kind === "folder" ? "a folder" : "no folder"}; a ${wanted} of the stack belongs there`,
        hint: "move it elsewhere, then run ./prod.sh generate again",
      });
  }
}

function kindOf(path: string): "link" | "folder" | "file" | undefined {
  try {
    const entry = lstatSync(path);
    if (entry.isSymbolicLink()) return "link";
    return entry.isDirectory() ? "folder" : "file";
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

function targetOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return "nothing";
  }
}

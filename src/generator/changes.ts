import { hashOf, type Manifest } from "./manifest.ts";
import type { RenderedFile } from "./rendered-file.ts";

/** What would happen to one path, and why. */
export interface FileChange {
  path: string;
  action: "create" | "update" | "remove" | "keep-edited" | "conflict";
  before?: string;
  after?: string;
  mode: number;
}

export interface ChangeOptions {
  /** Edited files that may be overwritten. */
  overwrite: readonly string[];
  /** Edited files that stay as they are though what we would write has changed. */
  keep: readonly string[];
}

/**
 * Compares what was rendered with what lies there. A file whose hash is not in the manifest was edited by the user: it
 * stays (`keep-edited`) as long as we have nothing new to say there; when both sides changed it is a `conflict`.
 */
export function planChanges(
  rendered: readonly RenderedFile[],
  onDisk: ReadonlyMap<string, string>,
  manifest: Manifest | undefined,
  options: ChangeOptions = { overwrite: [], keep: [] },
): FileChange[] {
  const changes: FileChange[] = [];
  for (const file of rendered) {
    const action = actionFor(file, onDisk.get(file.path), manifest?.files[file.path], options);
    if (action === undefined) continue;
    const before = onDisk.get(file.path);
    changes.push({
      path: file.path,
      action,
      after: file.content,
      mode: file.mode,
      ...(before !== undefined && { before }),
    });
  }
  return [...changes, ...removals(rendered, onDisk, manifest, options)];
}

function actionFor(
  file: RenderedFile,
  before: string | undefined,
  known: string[] | undefined,
  options: ChangeOptions,
): FileChange["action"] | undefined {
  if (before === undefined) return "create";
  if (before === file.content || file.owner === "once") return undefined;
  const isOurs = known?.includes(hashOf(before)) === true;
  if (isOurs || options.overwrite.includes(file.path)) return "update";
  const nothingNew = known?.includes(hashOf(file.content)) === true;
  return nothingNew || options.keep.includes(file.path) ? "keep-edited" : "conflict";
}

/** Files of a component that is gone. One that was edited stays where it is. */
function removals(
  rendered: readonly RenderedFile[],
  onDisk: ReadonlyMap<string, string>,
  manifest: Manifest | undefined,
  options: ChangeOptions,
): FileChange[] {
  const wanted = new Set(rendered.map((file) => file.path));
  return Object.entries(manifest?.files ?? {}).flatMap(([path, known]): FileChange[] => {
    const before = onDisk.get(path);
    if (wanted.has(path) || before === undefined) return [];
    const isOurs = known.includes(hashOf(before)) || options.overwrite.includes(path);
    return [{ path, action: isOurs ? "remove" : "keep-edited", before, mode: 0o644 }];
  });
}

import { formatSize } from "../support/units.ts";

interface Entry {
  path: string;
  bytes: number;
}

interface Folder {
  folders: Map<string, Folder>;
  files: { name: string; bytes: number }[];
}

/** Files as a tree with their sizes, folders first. */
export function fileTree(root: string, entries: readonly Entry[]): string[] {
  const top: Folder = { folders: new Map(), files: [] };
  for (const { path, bytes } of entries) {
    const parts = path.split("/");
    const name = parts.pop() ?? path;
    let folder = top;
    for (const part of parts) {
      const next = folder.folders.get(part) ?? { folders: new Map(), files: [] };
      folder.folders.set(part, next);
      folder = next;
    }
    folder.files.push({ name, bytes });
  }
  return [`${root}/`, ...folderLines(top, "")];
}

function folderLines(folder: Folder, indent: string): string[] {
  const inner = [...folder.folders].flatMap(([name, child]) => [
    `${indent}  ${name}/`,
    ...folderLines(child, `${indent}  `),
  ]);
  const width = 44 - indent.length;
  return [
    ...inner,
    ...folder.files.map(({ name, bytes }) => `${indent}  ${name.padEnd(width)} ${formatSize(bytes).padStart(8)}`),
  ];
}

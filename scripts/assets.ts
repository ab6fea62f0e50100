import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";

/** A file that the program carries. */
export interface Asset {
  /** As in the repository, with forward slashes. */
  path: string;
  text: string;
}

/** Everything that the program carries as text: presets, prod.sh, the demo application. Templates are in its code. */
export function collectAssets(root: string): Asset[] {
  const paths = [
    "prod.sh",
    ...readdirSync(join(root, "stacks")).map((name) => `stacks/${name}/stack.yaml`),
    ...filesBelow(join(root, "dist/demo-app")).map((path) => relative(root, path)),
  ];
  return paths
    .map((path) => path.replaceAll("\\", "/"))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((entry) => {
    const path = join(folder, entry);
    return statSync(path).isDirectory() ? filesBelow(path) : [path];
  });
}

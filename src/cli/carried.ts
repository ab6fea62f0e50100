import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";

/** What the program carries besides its code: templates, presets, prod.sh, the demo application, its own text. */
export interface Carried {
  version: string;
  /** Path of the program, where it is one file. */
  path?: string;
  /** The whole program as text, where it is one file. */
  text(): string | undefined;
  /** Paths as in the repository: `templates/redis/redis.conf.hbs`, `stacks/web/stack.yaml`. */
  assets: readonly string[];
  asset(path: string): string;
}

const root = join(import.meta.dirname, "../..");

/** Run from its sources the program reads all of it in the repository. The build puts the bundle's own reader here. */
export const carried: Carried = {
  version: (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string }).version,
  text: () =>
    existsSync(join(root, "dist/create-stack.mjs"))
      ? readFileSync(join(root, "dist/create-stack.mjs"), "utf8")
      : undefined,
  assets: ["prod.sh", ...["templates", "stacks", "dist/demo-app"].flatMap((folder) => filesBelow(join(root, folder)))],
  asset: (path) => readFileSync(join(root, path), "utf8"),
};

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((entry) => {
    const path = join(folder, entry);
    return statSync(path).isDirectory() ? filesBelow(path) : [relative(root, path).replaceAll("\\", "/")];
  });
}

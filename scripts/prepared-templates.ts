import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { Plugin } from "esbuild";
import Handlebars from "handlebars";
import { templateOptions } from "../src/generator/template-compiler.ts";

/** Puts the templates into the bundle as compiled functions, so that the compiler stays out and no call waits for it. */
export function preparedTemplates(root: string): Plugin {
  return {
    name: "prepared-templates",
    setup(builder) {
      builder.onLoad({ filter: /src[\\/]generator[\\/]template-compiler\.ts$/ }, () => ({
        contents: moduleOf(join(root, "templates")),
        loader: "js",
        resolveDir: root,
      }));
    },
  };
}

function moduleOf(folder: string): string {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map(
      (path) =>
        `${JSON.stringify(relative(folder, path).replaceAll("\\", "/"))}: ${Handlebars.precompile(readFileSync(path, "utf8"), templateOptions)}`,
    );
  return `
    import Handlebars from "handlebars/runtime.js";
    const templates = { ${entries.join(",\n")} };
    export function compileTemplate(path) {
      return Handlebars.template(templates[path]);
    }
  `;
}

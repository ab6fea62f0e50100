import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { build, type Metafile, type Plugin, transform } from "esbuild";
import { type Asset, collectAssets } from "./assets.ts";
import { buildDemoApp } from "./build-demo-app.ts";
import { preparedSchema } from "./prepared-schema.ts";
import { preparedTemplates } from "./prepared-templates.ts";

const root = join(import.meta.dirname, "..");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };

/** Packages that libraries pull in for what this program never does: build images, speak SSH, open an editor. */
const neverUsed = [
  "@grpc/grpc-js",
  "@grpc/proto-loader",
  "protobufjs",
  "ssh2",
  "cpu-features",
  "@balena/dockerignore",
  "tar-fs",
  "@inquirer/external-editor",
];

const leaveOut: Plugin = {
  name: "leave-out",
  setup(builder) {
    const names = new RegExp(`^(${neverUsed.join("|")})$`);
    builder.onResolve({ filter: names }, ({ path }) => ({ path, namespace: "never-used" }));
    builder.onLoad({ filter: /.*/, namespace: "never-used" }, () => ({
      contents: "module.exports = {};",
      loader: "js",
    }));
    // zod brings its messages in fifty languages; ours are written for each field.
    builder.onLoad({ filter: /zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({
      contents: 'export { default as en } from "./en.js";',
      loader: "js",
    }));
  },
};

/** In the bundle, what the program carries is read from its own file instead of from the repository. */
const carriedAssets: Plugin = {
  name: "carried-assets",
  setup(builder) {
    builder.onLoad({ filter: /src[\\/]cli[\\/]carried\.ts$/ }, () => ({
      contents: "export const carried = program;",
      loader: "js",
    }));
  },
};

/** Compiles the program into chunks, each a CommonJS module, and says which of them every call needs. */
async function compileProgram(): Promise<{ chunks: Map<string, string>; ready: string[] }> {
  const result = await build({
    absWorkingDir: root,
    entryPoints: ["src/cli/main.ts"],
    outdir: "dist",
    write: false,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    minify: true,
    metafile: true,
    logLevel: "warning",
    plugins: [leaveOut, carriedAssets, preparedTemplates(root), preparedSchema],
  });
  const chunks = new Map<string, string>();
  for (const file of result.outputFiles) {
    const { code } = await transform(file.text, {
      format: "cjs",
      platform: "node",
      target: "node20",
      minify: true,
      supported: { "dynamic-import": false },
    });
    chunks.set(`./${basename(file.path)}`, code.trim());
  }
  return { chunks, ready: staticallyNeeded("dist/main.js", result.metafile) };
}

function staticallyNeeded(entry: string, metafile: Metafile, seen = new Set<string>()): string[] {
  if (seen.has(entry)) return [];
  seen.add(entry);
  const imports = metafile.outputs[entry]?.imports ?? [];
  for (const imported of imports)
    if (imported.kind === "import-statement" && imported.external !== true)
      staticallyNeeded(imported.path, metafile, seen);
  return [...seen].map((path) => `./${basename(path)}`);
}

/**
 * Text that can stand in a comment: plain ASCII without an end of the comment in it. The loader reads it back, and looks
 * first whether there is anything to read back: in most modules there is not.
 */
function escapeForComment(text: string): string {
  return text.replace(/[^\t\n\x20-\x7e]|(?<=\*)\//g, (character) => `\x01${character.charCodeAt(0).toString(16)}\x01`);
}

/** Puts the loader, the modules for every call and the sections together. */
function assemble(chunks: ReadonlyMap<string, string>, ready: readonly string[], assets: readonly Asset[]): string {
  const sections = [
    ...[...chunks].filter(([name]) => !ready.includes(name)),
    ...assets.map(({ path, text }): [string, string] => [`file:${path}`, text]),
  ].map(([name, text]): [string, string] => [name, escapeForComment(text)]);
  const ending = "\n*/\n";
  let fromEnd = ending.length;
  let tail = ending;
  const index: Record<string, [number, number]> = {};
  for (const [name, text] of sections.reverse()) {
    fromEnd += text.length;
    index[name] = [fromEnd, text.length];
    const heading = `\n======== ${name}\n`;
    tail = heading + text + tail;
    fromEnd += heading.length;
  }
  const modules = ready.map((name) => {
    const code = chunks.get(name) ?? "";
    return `${JSON.stringify(name)}:function(require,module,exports,program){${code}\n}`;
  });
  return readFileSync(join(root, "scripts/loader.mjs"), "utf8")
    .replaceAll("__VERSION__", () => version)
    .replace("__INDEX__", () => JSON.stringify(index))
    .replace("__READY__", () => modules.join(",\n"))
    .concat("/*", tail);
}

await buildDemoApp(root);
const { chunks, ready } = await compileProgram();
const assets = collectAssets(root);
const text = assemble(chunks, ready, assets);
const target = join(root, "dist/create-stack.mjs");
mkdirSync(dirname(target), { recursive: true });
if (!existsSync(target) || readFileSync(target, "utf8") !== text) writeFileSync(target, text, { mode: 0o755 });
const size = (parts: Iterable<string>) =>
  `${Math.ceil([...parts].reduce((sum, part) => sum + part.length, 0) / 1024)} KB`;
process.stdout.write(
  `dist/create-stack.mjs ${size([text])}: for every call ${size(ready.map((name) => chunks.get(name) ?? ""))}, ` +
    `on demand ${size(chunks.values())} in ${chunks.size} chunks, files ${size(assets.map((asset) => asset.text))}\n`,
);

import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

/** Bundles the demo application with its libraries into dist/demo-app, so that its image needs no npm to build. */
export async function buildDemoApp(root: string): Promise<void> {
  const source = join(root, "stacks/demo/app");
  const target = join(root, "dist/demo-app");
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  await build({
    entryPoints: ["server", "migrate", "seed"].map((name) => join(source, `${name}.mjs`)),
    outdir: target,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node22",
    minify: true,
    logLevel: "warning",
    external: ["pg-native"],
    // The libraries are CommonJS and ask for Node's own modules with require.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
  cpSync(join(source, "migrations"), join(target, "migrations"), { recursive: true });
  cpSync(join(source, "Dockerfile"), join(target, "Dockerfile"));
}

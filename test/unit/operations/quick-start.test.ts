import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";

const operations = join(import.meta.dirname, "../../../src/operations");

/** Packages that are loaded with a file: its own, and those of what it imports; types and lazy imports are not. */
function packagesOf(file: string, seen = new Set<string>()): Set<string> {
  const packages = new Set<string>();
  if (seen.has(file)) return packages;
  seen.add(file);
  const statements = readFileSync(file, "utf8").matchAll(/^(?:import|export) (?!type )[^;]*?from "([^"]+)"/gm);
  for (const [, name = ""] of statements) {
    if (!name.startsWith(".")) packages.add(name);
    else for (const found of packagesOf(join(dirname(file), name), seen)) packages.add(found);
  }
  return packages;
}

test.each(["status.ts", "migrate.ts", "logs.ts", "exec.ts", "shortcut.ts"])(
  "%s starts without what only the generator needs",
  (file) => {
    const packages = [...packagesOf(join(operations, file))];
    expect(packages).toContain("node:path");
    expect(packages.filter((name) => !name.startsWith("node:"))).toEqual([]);
  },
);

test("the search finds a package where there is one", () => {
  expect([...packagesOf(join(operations, "generate.ts"))]).toContain("yaml");
});

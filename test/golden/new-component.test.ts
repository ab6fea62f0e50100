import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { root } from "../support/catalogue.ts";

const copy = mkdtempSync(join(tmpdir(), "create-stack-component-"));
const type = "message-box";

/** A program of the project in the copy. */
function run(program: string, ...words: string[]) {
  // As from a shell: without what this test's own runner has set.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_ENV|TEST)/.test(name)));
  const ended = spawnSync(join(copy, "node_modules/.bin", program), words, { cwd: copy, encoding: "utf8", env });
  return { code: ended.status, text: ended.stdout + ended.stderr };
}

beforeAll(() => {
  const kept = ["src", "templates", "scripts", "test/support", "test/catalogue", "test/unit/alerts"];
  const files = ["package.json", "tsconfig.json", "vitest.config.ts", "biome.json", "prod.sh", "ARCHITECTURE.md"];
  for (const path of [...kept, ...files, "stacks", ".gitignore", "test/golden/expected/stack.schema.json"])
    cpSync(join(root, path), join(copy, path), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
});

afterAll(() => rmSync(copy, { recursive: true, force: true }));

test("a component that the script makes is in the catalogue and passes its tests as it is", {
  timeout: 240_000,
}, () => {
  const made = run("tsx", "scripts/new-component.ts", type);
  expect(made).toMatchObject({ code: 0, text: expect.stringContaining(`src/components/${type}/index.ts`) });
  expect(readFileSync(join(copy, "src/components/index.ts"), "utf8")).toContain(`from "./${type}/index.ts"`);
  expect(readFileSync(join(copy, "ARCHITECTURE.md"), "utf8")).toMatch(
    /^ {4}app\/ .* message-box\/ {2}one folder each/m,
  );
  expect(readFileSync(join(copy, "test/golden/expected/stack.schema.json"), "utf8")).toContain(`"${type}"`);
  const own = [`src/components/${type}`, `test/unit/components/${type}.test.ts`, `test/unit/alerts/${type}.ts`];
  expect(run("biome", "check", "src/components/index.ts", `test/catalogue/${type}.ts`, ...own)).toMatchObject({
    code: 0,
  });
  // What else the compiler finds is not this component's.
  const complaints = run("tsc", "--noEmit").text.split("\n");
  expect(complaints.filter((line) => line.includes(type))).toEqual([]);
  const tested = run("vitest", "run", "--project", "unit", `test/unit/components/${type}.test.ts`, "-t", "in a stack");
  expect(tested).toMatchObject({ code: 0, text: expect.stringMatching(/7 passed/) });
  const rules = run("vitest", "run", "--project", "unit", "test/unit/alerts/rules.test.ts", "-t", `of ${type}:`);
  expect(rules).toMatchObject({ code: 0, text: expect.stringMatching(/1 passed/) });
});

test("a name that is taken, or is none, is refused", () => {
  expect(run("tsx", "scripts/new-component.ts", "redis")).toEqual({
    code: 2,
    text: "src/components/redis is there already\n",
  });
  expect(run("tsx", "scripts/new-component.ts", "Message Box").code).toBe(2);
});

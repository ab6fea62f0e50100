import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

const bundle = join(import.meta.dirname, "../../dist/create-stack.mjs");
let parent: string;
let stack: string;
let cache: string;

beforeAll(() => {
  parent = mkdtempSync(join(tmpdir(), "create-stack-compiled-"));
  stack = join(parent, "shop");
  cache = join(stack, ".stack/cache", `${process.version}-${process.arch}`);
  const made = spawnSync(process.execPath, [bundle, "create", stack, "--preset", "minimal", "--yes"], {
    encoding: "utf8",
  });
  expect(made.status, made.stderr).toBe(0);
});
afterAll(() => rmSync(parent, { recursive: true, force: true }));

function generate() {
  const { status, stdout, stderr } = spawnSync(join(stack, "prod.sh"), ["generate"], { encoding: "utf8" });
  return { status, told: stdout + stderr };
}

const kept = () => new Map(readdirSync(cache).map((name) => [name, readFileSync(join(cache, name))]));

test("a stack's program keeps its compiled modules, and a second run takes them as they are", () => {
  expect(generate()).toMatchObject({ status: 0 });
  const first = kept();
  expect(first.size).toBeGreaterThan(2);
  expect(generate()).toMatchObject({ status: 0, told: expect.stringContaining("Nothing to change") });
  expect(kept()).toEqual(first);
});

const damages: [string, (bytes: Buffer) => Buffer][] = [
  [
    "one flipped bit",
    (bytes) => Buffer.from(bytes.map((byte, index) => (index === bytes.length >> 1 ? byte ^ 1 : byte))),
  ],
  ["an end that is missing", (bytes) => bytes.subarray(0, bytes.length >> 1)],
  ["nothing in the file", () => Buffer.alloc(0)],
];

test.each(damages)("%s is noticed: the program works and writes the file again", (_, damage) => {
  const good = kept();
  for (const [name, bytes] of good) writeFileSync(join(cache, name), damage(bytes));
  expect(generate()).toMatchObject({ status: 0, told: expect.stringContaining("Nothing to change") });
  const mended = kept();
  expect([...mended.keys()]).toEqual([...good.keys()]);
  for (const [name, bytes] of good) expect(mended.get(name), name).not.toEqual(damage(bytes));
});

test("what belongs to no module of this program is removed when something is written", () => {
  writeFileSync(join(cache, "chunk-OLD.js"), "old");
  for (const name of kept().keys()) if (name !== "chunk-OLD.js") rmSync(join(cache, name));
  expect(generate()).toMatchObject({ status: 0 });
  expect(readdirSync(cache)).not.toContain("chunk-OLD.js");
});

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { DCLinter } from "dclint";
import { afterAll, describe, expect, test } from "vitest";
import { parse, parseAllDocuments, parseDocument, visit } from "yaml";
import { renderModel } from "../../src/generator/render.ts";
import { catalogue, modelOf, presets, presetText, renderedFiles, root } from "../support/catalogue.ts";

const expectedFolder = join(import.meta.dirname, "expected");
const updating = process.env.UPDATE_GOLDEN === "1";
const scratch = mkdtempSync(join(tmpdir(), "create-stack-golden-"));

afterAll(() => rmSync(scratch, { recursive: true }));

/** The same in every stack, so kept once: prod.sh is the repository's own, the schema lies beside the presets. */
const schemaPath = ".stack/stack.schema.json";
const keptOnce = ["prod.sh", schemaPath];

/** A `.gitignore` of a stack must not act in this repository. */
function goldenName(path: string): string {
  return path.replace(/(^|\/)\.gitignore$/, "$1_gitignore");
}

/** What the linter, whose types cannot be read here, says of one file. */
interface LintedFile {
  filePath: string;
  messages: { message: string }[];
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => statSync(join(folder, path)).isFile())
    .map((path) => path.replaceAll("\\", "/"))
    .sort();
}

function write(folder: string, files: ReadonlyMap<string, string>): void {
  for (const [path, content] of files) {
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, content);
  }
}

function ownFiles(files: ReadonlyMap<string, string>): Map<string, string> {
  const own = [...files].filter(([path]) => !keptOnce.includes(path));
  return new Map(own.map(([path, content]) => [goldenName(path), content]));
}

if (updating) {
  rmSync(expectedFolder, { recursive: true, force: true });
  for (const preset of presets) {
    const files = renderedFiles(presetText(preset));
    write(join(expectedFolder, preset), ownFiles(files));
    write(expectedFolder, new Map([["stack.schema.json", files.get(schemaPath) ?? ""]]));
  }
}

test("there is an expected tree for each preset, and for nothing else", () => {
  expect(readdirSync(expectedFolder).filter((name) => name !== "stack.schema.json")).toEqual(presets);
});

describe.each(presets)("the preset %s", (preset) => {
  const files = renderedFiles(presetText(preset));
  const folder = join(expectedFolder, preset);
  const own = ownFiles(files);

  test("makes the expected files, none missing, none more", () => {
    expect([...own.keys()].sort()).toEqual(filesBelow(folder));
    expect([...files.keys()]).toEqual(expect.arrayContaining(keptOnce));
  });

  test.each([...own])("%s is as expected", (path, content) => {
    expect(content).toBe(readFileSync(join(folder, path), "utf8"));
  });

  test("the schema and prod.sh are those of every stack", () => {
    expect(files.get(schemaPath)).toBe(readFileSync(join(expectedFolder, "stack.schema.json"), "utf8"));
    expect(files.get("prod.sh")).toBe(readFileSync(join(root, "prod.sh"), "utf8"));
  });

  test("rendering again, and from the same components in another order of keys, gives the same bytes", () => {
    expect(renderedFiles(presetText(preset))).toEqual(files);
    const model = modelOf(presetText(preset));
    const again = JSON.parse(JSON.stringify(model)) as typeof model;
    expect(renderModel(again, catalogue.templates)).toEqual(renderModel(model, catalogue.templates));
  });

  test("the Docker Compose linter finds nothing with its own rules", () => {
    const place = join(scratch, preset);
    write(place, files);
    const linter = new DCLinter({ rules: {}, quiet: true, debug: false, exclude: [] });
    const results = linter.lintFiles([place], true) as LintedFile[];
    expect(results.length).toBeGreaterThan(0);
    const found = results
      // The user's own file, which has no name because it only adds to the others.
      .filter((file) => !file.filePath.endsWith("compose.override.yaml"))
      .flatMap((file) => file.messages.map((message) => `${relative(place, file.filePath)}: ${message.message}`));
    expect(found).toEqual([]);
  });

  const yamlFiles = [...files].filter(([path]) => /\.ya?ml$/.test(path));

  test.each(yamlFiles)("%s is one YAML document without warnings or keys that stand twice", (_, content) => {
    const [document, ...more] = parseAllDocuments(content, { uniqueKeys: true, merge: true });
    expect(more).toEqual([]);
    if (document === undefined || "empty" in document) throw new Error("no document");
    expect([...document.errors, ...document.warnings]).toEqual([]);
    expect(parse(document.toString(), { merge: true })).toEqual(document.toJS());
  });

  test.each(yamlFiles)("%s folds no line and quotes what YAML 1.1 would read otherwise", (_, content) => {
    const folded: string[] = [];
    visit(parseDocument(content), {
      Scalar(_key, node) {
        if (node.type === "BLOCK_FOLDED") folded.push(String(node.value));
      },
    });
    expect(folded).toEqual([]);
    expect(parse(content, { version: "1.1", merge: true })).toEqual(parse(content, { merge: true }));
  });

  test.each([...files])("%s is tidy text", (path, content) => {
    expect(content, "ends with one line break, unless it is empty").toMatch(/(^|[^\n]\n)$/);
    expect(content, "lines end with LF").not.toContain("\r");
    expect(content, "no tabs").not.toMatch(path === "prod.sh" ? /$^/ : /\t/);
    expect(
      content.split("\n").filter((line) => /[ \t]$/.test(line)),
      "no spaces at a line's end",
    ).toEqual([]);
    expect(content, "no place of this machine").not.toContain(root);
    // A container's own /tmp is in memory and may be named.
    expect(content, "no place of a home or of a test's folder").not.toMatch(
      /\/(home|Users)\/\w|\/root\/|\/tmp\/create-stack/,
    );
    // JavaScript has words for it, and the model holds every file's text once more.
    if (!path.endsWith(".js") && path !== ".stack/model.json")
      expect(content, "no value that was not there").not.toMatch(/\bundefined\b|\[object Object\]|\bNaN\b/);
  });

  test("no generated file holds what looks like a secret", () => {
    for (const [path, content] of files) {
      const text = content.replace(/^ "source": "[0-9a-f]{64}",$/m, "");
      const random = text.match(/(?<![\w/+.:-])[A-Za-z0-9_+/-]{43}(?![\w/+.:-])|\b[0-9a-f]{64}\b/g) ?? [];
      expect(
        random.filter((word) => /[a-z]/.test(word) && /\d/.test(word)),
        path,
      ).toEqual([]);
      expect(text, path).not.toMatch(/:\/\/[^/\s:@"'`$]+:[^/\s@"'`$]+@/);
      expect(text, path).not.toMatch(/-----BEGIN/);
    }
  });
});

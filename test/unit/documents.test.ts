import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { firstWords } from "../../src/cli/command-words.ts";

const root = join(import.meta.dirname, "../..");
const documents = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "test/lab/README.md"];
const textOf = (path: string) => readFileSync(join(root, path), "utf8");

function filesBelow(folder: string): string[] {
  return readdirSync(folder).flatMap((entry) => {
    const path = join(folder, entry);
    return statSync(path).isDirectory() ? filesBelow(path) : [relative(root, path)];
  });
}

/** Every name in the map of the house, as a path from the top; a name may hold one star. */
function namesInMap(): string[] {
  const map = /```text\n([\s\S]*?)```/.exec(textOf("ARCHITECTURE.md"))?.[1] ?? "";
  const trail: string[] = [];
  return map.split("\n").flatMap((line) => {
    const [, indent = "", names = ""] = /^( *)(\S.*?)(?: {2,}.*)?$/.exec(line) ?? [];
    if (names === "") return [];
    trail.length = indent.length / 2;
    const here = trail.join("");
    if (names.endsWith("/") && !names.includes(" ")) trail.push(names);
    return names.split(" ").map((name) => `${here}${name}`);
  });
}

describe("the map of the house in ARCHITECTURE.md", () => {
  const names = namesInMap();
  const sources = filesBelow(join(root, "src"));

  /** `start*.ts` covers start.ts and start-plan.ts, `args.ts` also args-extra.ts, `app/` all below. */
  const covers = (name: string, path: string) => {
    if (name.endsWith("/"))
      return path.startsWith(name) && !names.some((other) => other !== name && other.startsWith(name));
    const [before = "", after] = name.split("*");
    if (after === undefined) return path === name || path.startsWith(name.replace(/\.ts$/, "-"));
    return path.startsWith(before) && path.endsWith(after) && !path.slice(before.length).includes("/");
  };

  test("names nothing that is not there", () => {
    expect(names.length).toBeGreaterThan(60);
    const missing = names.filter((name) =>
      name.includes("*") ? !sources.some((path) => covers(name, path)) : !existsSync(join(root, name)),
    );
    expect(missing).toEqual([]);
  });

  test("has a place for every source", () => {
    const homeless = sources.filter((path) => !names.some((name) => covers(name, path)));
    expect(homeless).toEqual([]);
  });
});

describe.each(documents)("%s", (document) => {
  const text = textOf(document);

  test("links to files and headings that are there", () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, link = ""]) => link);
    const broken = links.filter((link) => {
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? document : join(dirname(document), path);
      if (!existsSync(join(root, target))) return true;
      return anchor !== undefined && !anchorsOf(textOf(target)).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  test("names only verbs that exist", () => {
    const verbs = [...text.matchAll(/(?:\.\/prod\.sh|npx create-stack) ([a-z][a-z-]*)/g)].map(([, verb = ""]) => verb);
    const known = [...firstWords(), "psql", "redis-cli", "mc"];
    expect(verbs.filter((verb) => !known.includes(verb))).toEqual([]);
  });

  test("names only npm scripts that exist", () => {
    const { scripts } = JSON.parse(textOf("package.json")) as { scripts: Record<string, string> };
    const named = [...text.matchAll(/npm run ([a-z][a-z:-]*)/g)].map(([, name = ""]) => name);
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  });
});

function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replaceAll(/[^a-z0-9 -]/g, "")
      .replaceAll(" ", "-"),
  );
}

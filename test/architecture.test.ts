import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "..");

/** Which folders of src/ a folder may import from, besides itself. Imports go one way. */
const mayImport: Record<string, string[]> = {
  support: [],
  stack: ["support"],
  components: ["stack", "support"],
  generator: ["components", "stack", "support"],
  import: ["components", "stack", "support"],
  routing: ["stack", "support", "engine"],
  engine: ["stack", "support"],
  snapshots: ["stack", "support"],
  notify: ["stack", "support"],
  operations: ["generator", "components", "routing", "snapshots", "engine", "notify", "stack", "support"],
  cli: [
    "operations",
    "import",
    "generator",
    "components",
    "routing",
    "snapshots",
    "engine",
    "notify",
    "stack",
    "support",
  ],
};

/** Packages that are imported in one folder alone, so that no type of theirs spreads. */
const ownedPackages: Record<string, string> = {
  dockerode: "engine",
  "@aws-sdk/client-s3": "snapshots",
  "@smithy/node-http-handler": "snapshots",
  "age-encryption": "snapshots",
  croner: "operations",
  inquirer: "cli",
  "@peculiar/x509": "generator",
  nodemailer: "notify",
};

/** Operations of the supervisor run at every call; these packages would cost them start-up time. */
const generatorOnly = ["yaml", "zod", "handlebars"];

function filesBelow(folder: string, ending: string): string[] {
  return readdirSync(folder).flatMap((entry) => {
    const path = join(folder, entry);
    if (statSync(path).isDirectory()) return filesBelow(path, ending);
    return path.endsWith(ending) ? [path] : [];
  });
}

interface Import {
  /** False for types, which are gone when the program runs, and for what is loaded on demand. */
  atStart: boolean;
  file: string;
  from: string;
  /** Folder of src/ that is imported, or the package's name. */
  target: string;
  /** As it stands in the file. */
  name: string;
  local: boolean;
}

function importsOf(file: string): Import[] {
  const from = relative(join(root, "src"), file).split("/")[0] ?? "";
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(/(?:^(?:import|export)\s+(type\s)?[^;"]*?\bfrom\s*|^import\s+|(import\())"([^"]+)"/gm)].map(
    ([, type, lazily, name = ""]) => {
      const local = name.startsWith(".");
      const target = local
        ? (relative(join(root, "src"), normalize(join(dirname(file), name))).split("/")[0] ?? "")
        : name;
      return {
        atStart: type === undefined && lazily === undefined,
        file: relative(root, file),
        from,
        target,
        local,
        name,
      };
    },
  );
}

/** Packages that are there as soon as a file is loaded, through all that it imports. */
function packagesLoadedBy(file: string, seen = new Set<string>()): Set<string> {
  const packages = new Set<string>();
  if (seen.has(file)) return packages;
  seen.add(file);
  for (const { atStart, local, name } of importsOf(join(root, file))) {
    if (!atStart) continue;
    if (!local) packages.add(name);
    else for (const found of packagesLoadedBy(normalize(join(dirname(file), name)), seen)) packages.add(found);
  }
  return packages;
}

const sources = filesBelow(join(root, "src"), ".ts");
const imports = sources.flatMap(importsOf);

describe("the house is in order", () => {
  test("there are sources to look at", () => {
    expect(sources.length).toBeGreaterThan(30);
    expect(imports.length).toBeGreaterThan(100);
  });

  test("imports go one way", () => {
    const wrong = imports.filter(
      ({ from, target, local }) => local && target !== from && !mayImport[from]?.includes(target),
    );
    expect(wrong.map(({ file, target }) => `${file} imports ${target}`)).toEqual([]);
  });

  test("each outside library is known to one folder", () => {
    const wrong = imports.filter(
      ({ from, target }) => ownedPackages[target] !== undefined && ownedPackages[target] !== from,
    );
    expect(wrong.map(({ file, target }) => `${file} imports ${target}`)).toEqual([]);
  });

  test("verbs that run a stack load no package of the generator", () => {
    const verbs = ["start", "stop", "restart", "destroy", "status", "migrate", "logs", "exec", "shortcut"];
    const loaded = verbs.flatMap((verb) => {
      const packages = packagesLoadedBy(`src/operations/${verb}.ts`);
      return generatorOnly.filter((name) => packages.has(name)).map((name) => `${verb} loads ${name}`);
    });
    expect(loaded).toEqual([]);
    expect(packagesLoadedBy("src/operations/generate.ts")).toContain("zod");
  });

  test("process.exit stands in main.ts only", () => {
    const wrong = sources.filter(
      (file) => !file.endsWith("src/cli/main.ts") && readFileSync(file, "utf8").includes("process.exit("),
    );
    expect(wrong.map((file) => relative(root, file)).filter((file) => file !== "src/components/app/health.ts")).toEqual(
      [],
    );
  });

  test("every template belongs to a component or to the stack itself", () => {
    const owners = [...readdirSync(join(root, "src/components")), "stack"];
    expect(readdirSync(join(root, "templates")).filter((folder) => !owners.includes(folder))).toEqual([]);
  });

  test("every template is used", () => {
    const text = sources.map((file) => readFileSync(file, "utf8")).join("\n");
    const unused = filesBelow(join(root, "templates"), ".hbs")
      .map((file) => relative(join(root, "templates"), file))
      .filter((path) => !text.includes(path));
    expect(unused).toEqual([]);
  });

  test("names that say nothing are not used", () => {
    const wrong = sources.flatMap((file) =>
      [
        ...readFileSync(file, "utf8").matchAll(
          /\b(?:class|interface|type|function)\s+(\w*(?:Manager|Helper|Utils|Handler))\b/g,
        ),
      ].map(([, name]) => `${relative(root, file)}: ${name}`),
    );
    expect(wrong).toEqual([]);
  });
});

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/**
 * `npm run new-component NAME`: a component with options, a service, users, connections, health, limits, a data source, alert
 * rules, a dashboard and its tests, which passes all of them from the start. What is to be changed says CHANGE.
 */
const root = join(import.meta.dirname, "..");
const template = join(import.meta.dirname, "component-template");

function filesBelow(folder: string): string[] {
  return readdirSync(folder).flatMap((entry) => {
    const path = join(folder, entry);
    return statSync(path).isDirectory() ? filesBelow(path) : [path];
  });
}

/** `message-box` in all the ways that the template writes `example-server`. */
function renamed(text: string, type: string): string {
  const pascal = type.replace(/(^|-)(.)/g, (_, __, letter: string) => letter.toUpperCase());
  return text
    .replaceAll("example-server", type)
    .replaceAll("ExampleServer", pascal)
    .replaceAll("EXAMPLE_SERVER", type.toUpperCase().replaceAll("-", "_"));
}

function refusal(type: string | undefined): string | undefined {
  if (type === undefined || !/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(type))
    return "usage: npm run new-component NAME, in lower-case letters, digits and -: rabbitmq, message-box";
  if (existsSync(join(root, "src/components", type))) return `src/components/${type} is there already`;
  return undefined;
}

/** The list of component folders in ARCHITECTURE.md's map. */
function enterInMap(type: string): void {
  const path = join(root, "ARCHITECTURE.md");
  const text = readFileSync(path, "utf8");
  const list = /^( {4}app\/ .*?)( {2}one folder each)/m;
  if (!list.test(text)) throw new Error("the line of component folders in ARCHITECTURE.md was not found");
  writeFileSync(path, text.replace(list, `$1 ${type}/$2`));
}

function run(program: string, ...words: string[]): void {
  execFileSync(join(root, "node_modules/.bin", program), words, { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
}

async function make(type: string): Promise<string[]> {
  const written = filesBelow(template).map((source) => {
    const path = renamed(relative(template, source).replace(/\.txt$/, ""), type);
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), renamed(readFileSync(source, "utf8"), type));
    return path;
  });
  run("tsx", "scripts/index-components.ts");
  run("biome", "check", "--write", "src/components/index.ts", ...written.filter((path) => path.endsWith(".ts")));
  enterInMap(type);
  // The schema of stack.yaml knows the new component; the golden tree has it once for all presets.
  const { catalogue } = await import("../src/components/index.ts");
  const { schemaText } = await import("../src/generator/schema-text.ts");
  writeFileSync(join(root, "test/golden/expected/stack.schema.json"), schemaText(catalogue));
  return written;
}

const [type] = process.argv.slice(2);
const refused = refusal(type);
if (refused !== undefined || type === undefined) {
  process.stderr.write(`${refused}\n`);
  process.exitCode = 2;
} else {
  const written = await make(type);
  process.stdout.write(
    `${[
      ...written.map((path) => `  ${path}`),
      `It is in the catalogue and passes its tests. Now make it true:`,
      `  grep -rn CHANGE ${["src/components", "templates"].map((folder) => `${folder}/${type}`).join(" ")} test/catalogue/${type}.ts`,
      `  npx vitest run --project unit test/unit/components/${type}.test.ts`,
      `CONTRIBUTING.md walks through one.`,
    ].join("\n")}\n`,
  );
}

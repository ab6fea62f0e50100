import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { importCompose } from "../../src/import/import.ts";
import { type Imported, reportLines } from "../../src/import/report.ts";
import { renderStack } from "../../src/operations/generate.ts";
import { StackError } from "../../src/support/errors.ts";
import { carried, catalogue, root } from "../support/catalogue.ts";
import { dockerRequired } from "../support/docker.ts";
import { hardeningRules } from "../support/hardening-rules.ts";
import { inspectStack } from "../support/inspected-stack.ts";
import { brokenRules } from "../support/name-rules.ts";

/** Compose files as people write them, each with the stack.yaml and the report that come of it. */
const folder = join(root, "test/import");
const projects = readdirSync(folder).sort();
const scratch = mkdtempSync(join(tmpdir(), "create-stack-import-"));
const hasCompose = spawnSync("docker", ["compose", "version"], { stdio: "ignore" }).status === 0;
if (!hasCompose && dockerRequired) throw new Error("REQUIRE_DOCKER=1, but docker compose cannot be run");

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function read(path: string): string | undefined {
  return existsSync(path) && statSync(path).isFile() ? readFileSync(path, "utf8") : undefined;
}

function importFile(file: string): Imported {
  return importCompose({
    files: [file],
    environment: {},
    profiles: [],
    apps: [],
    dropSwarm: false,
    components: catalogue.components,
    read,
    kind: (path) => (existsSync(path) ? (statSync(path).isDirectory() ? "folder" : "file") : undefined),
  });
}

/** The files of a stack, as `docker compose config` wants them: with something in each secret. */
function writeStack(directory: string, stackYaml: string): void {
  const { files, model } = renderStack(stackYaml, catalogue, carried);
  const envFiles = model.services.flatMap((service) => service.envFiles);
  const all = [
    ...files.map(({ path, content }) => [path, content] as const),
    ...envFiles.map((path) => [path, ""] as const),
    ...model.secrets.map(({ name }) => [`secrets/${name}`, "x"] as const),
  ];
  for (const [path, content] of all) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), content);
  }
}

function composeConfig(directory: string): [number | null, string] {
  const run = spawnSync("docker", ["compose", "--profile", "*", "config", "-q"], { cwd: directory, encoding: "utf8" });
  return [run.status, run.stderr];
}

describe.each(projects)("the project %s", (project) => {
  const imported = importFile(join(folder, project, "docker-compose.yml"));
  const report = reportLines(imported.report, ["docker-compose.yml"]).join("\n").replaceAll(folder, "/srv");
  const results = { "stack.yaml": imported.stackYaml.replaceAll(folder, "/srv"), "report.txt": `${report}\n` };

  test.each(Object.entries(results))("becomes this %s", (name, text) => {
    const expected = join(folder, project, `expected-${name}`);
    if (process.env.UPDATE_GOLDEN === "1") writeFileSync(expected, text);
    expect(text).toBe(read(expected));
  });

  test("keeps every rule that stacks have", () => {
    expect(brokenRules(inspectStack(imported.stackYaml))).toEqual([]);
    expect(hardeningRules.length).toBeGreaterThan(20);
  });

  test("shows no value of a secret: they are in the files for secrets/ alone", () => {
    expect(`${report}${imported.stackYaml}`).not.toMatch(/planted/);
    const planted = /planted/.test(
      readdirSync(join(folder, project))
        .map((name) => read(join(folder, project, name)))
        .join(""),
    );
    expect(planted, "the project has something to hide").toBe(project !== "home");
  });

  test.skipIf(!hasCompose)("is read by docker compose without a word", () => {
    const directory = join(scratch, project);
    writeStack(directory, imported.stackYaml);
    expect(composeConfig(directory)).toEqual([0, ""]);
  });
});

/** Further Compose files, where a folder of them is at hand: IMPORT_CORPUS=/tmp/corpus. They are read and not kept. */
const corpus = process.env.IMPORT_CORPUS;

test.skipIf(corpus === undefined)(
  "every Compose file below IMPORT_CORPUS becomes a stack, or is refused with a reason",
  () => {
    const files = composeFilesBelow(corpus ?? "");
    expect(files.length).toBeGreaterThan(0);
    const failures = files.flatMap((file, index) => {
      try {
        const directory = join(scratch, `corpus-${index}`);
        writeStack(directory, importFile(file).stackYaml);
        const [status, words] = hasCompose ? composeConfig(directory) : [0, ""];
        return status === 0 && words === "" ? [] : [`${file}: ${words}`];
      } catch (error) {
        const isRefusal = error instanceof StackError && ["compose-invalid", "nothing-to-import"].includes(error.code);
        return isRefusal ? [] : [`${file}: ${String(error)}`];
      }
    });
    expect(failures).toEqual([]);
  },
  3_600_000,
);

function composeFilesBelow(path: string): string[] {
  return readdirSync(path).flatMap((entry) => {
    const full = join(path, entry);
    if (statSync(full).isDirectory()) return composeFilesBelow(full);
    return /\.ya?ml$/.test(entry) && /^services:/m.test(readFileSync(full, "utf8")) ? [full] : [];
  });
}

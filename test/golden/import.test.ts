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

/** The program itself, without a terminal. */
function run(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  const main = join(root, "src/cli/main.ts");
  return spawnSync(process.execPath, ["--import", "tsx", main, ...words], { cwd: root, encoding: "utf8" });
}

test("the command shows first, writes once, moves passwords into secrets/, and a second time changes nothing", () => {
  const file = join(folder, "shop/docker-compose.yml");
  const directory = join(scratch, "written");
  const shown = run("import", file, "--dir", directory, "--dry-run");
  expect([shown.status, existsSync(directory)]).toEqual([0, false]);
  expect(shown.stdout).toMatch(/Nothing was written\.\n$/);

  const written = run("import", file, "--dir", directory, "--json");
  expect(written.status).toBe(0);
  expect(`${written.stdout}${written.stderr}${shown.stdout}`).not.toMatch(/planted/);
  const result = JSON.parse(written.stdout) as {
    secrets: string[];
    missingSecrets: string[];
    report: { todo: string[] };
  };
  expect(result.secrets).toEqual(["web_celery_broker_url", "web_stripe_api_key"]);
  expect(result.missingSecrets).toEqual([]);
  expect(read(join(directory, "secrets/web_stripe_api_key"))).toBe("planted-stripe-key");
  expect(read(join(directory, "secrets/web.env"))).toMatch(/^STRIPE_API_KEY=planted-stripe-key$/m);
  expect(statSync(join(directory, "secrets")).mode & 0o777).toBe(0o700);
  const holders = filesBelow(directory).filter((path) => /planted/.test(read(path) ?? ""));
  expect(holders.map((path) => path.slice(directory.length + 1)).sort()).toEqual([
    "secrets/web.env",
    "secrets/web_stripe_api_key",
  ]);

  const again = run("import", file, "--dir", directory);
  expect([again.status, again.stdout.trimEnd().split("\n").at(-1)]).toEqual([
    0,
    `${directory} holds this stack already. Nothing was written.`,
  ]);
  const other = run("import", join(folder, "blog/docker-compose.yml"), "--dir", directory);
  expect([other.status, other.stderr]).toEqual([2, expect.stringContaining(`${directory} already holds a stack`)]);
  const generated = spawnSync(
    process.execPath,
    ["--import", "tsx", join(root, "src/cli/main.ts"), "generate", "--dir", directory],
    {
      cwd: root,
      encoding: "utf8",
    },
  );
  expect([generated.status, generated.stdout]).toEqual([0, "Nothing to change.\n"]);
}, 300_000);

test("the command says what is missing: a file to read, and secrets whose values are not there", () => {
  const nothing = run("import");
  expect([nothing.status, nothing.stderr]).toEqual([
    2,
    expect.stringContaining("import needs the Compose file to read"),
  ]);
  const asked = run("import", join(folder, "home/docker-compose.yml"), "--dir", join(scratch, "asked"));
  expect(asked.status).toBe(0);
  expect(asked.stdout).toContain("Put these secrets in place before the start:\n  secrets/home-assistant_user_token");
}, 300_000);

/** Further Compose files, where a folder of them is at hand: IMPORT_CORPUS=/tmp/corpus. They are read and not kept. */
const corpus = process.env.IMPORT_CORPUS;

test.skipIf(corpus === undefined)(
  "every Compose file below IMPORT_CORPUS becomes a stack, or is refused with a reason",
  () => {
    const files = composeFilesBelow(corpus ?? "");
    expect(files.length).toBeGreaterThan(0);
    const refusals: string[] = [];
    const failures = files.flatMap((file, index) => {
      const directory = join(scratch, `corpus-${index}`);
      try {
        writeStack(directory, importFile(file).stackYaml);
        const [status, words] = hasCompose ? composeConfig(directory) : [0, ""];
        return status === 0 && words === "" ? [] : [`${file}: ${words}`];
      } catch (error) {
        const isRefusal = error instanceof StackError && ["compose-invalid", "nothing-to-import"].includes(error.code);
        if (isRefusal) refusals.push(`${file}: ${error.message}`);
        return isRefusal ? [] : [`${file}: ${String(error)}`];
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    });
    process.stderr.write(
      `${files.length} Compose files: ${refusals.length} refused with a reason, ${failures.length} failed\n${refusals.join("\n")}\n`,
    );
    expect(failures).toEqual([]);
  },
  3_600_000,
);

function filesBelow(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .map((name) => join(path, name))
    .filter((full) => statSync(full).isFile());
}

function composeFilesBelow(path: string): string[] {
  return readdirSync(path).flatMap((entry) => {
    const full = join(path, entry);
    if (statSync(full).isDirectory()) return composeFilesBelow(full);
    return /\.ya?ml$/.test(entry) && /^services:/m.test(readFileSync(full, "utf8")) ? [full] : [];
  });
}

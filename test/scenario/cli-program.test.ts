import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const bundle = join(root, "dist/create-stack.mjs");

let folder = "";
beforeAll(() => {
  if (!existsSync(bundle)) throw new Error("dist/create-stack.mjs is missing; run: npm run build");
  folder = mkdtempSync(join(tmpdir(), "cli-program-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string>; input?: string } = {},
) {
  const { cwd = folder, env = {}, input = "" } = options;
  const result = spawnSync(program, args, {
    cwd,
    env: { ...process.env, ...env },
    input,
    encoding: "utf8",
    timeout: 120_000,
  });
  return { code: result.status, stdout: result.stdout, stderr: result.stderr };
}
const cli = (args: readonly string[], options = {}) => run(process.execPath, [bundle, ...args], options);

describe("the package", () => {
  test("installed from its tarball it is found by npx and by npm create", () => {
    const packed = run("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], { cwd: root });
    expect(packed.code, packed.stderr).toBe(0);
    const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
    const project = join(folder, "project");
    mkdirSync(project);
    writeFileSync(join(project, "package.json"), "{}");
    const installed = run("npm", ["install", "--no-audit", "--no-fund", "--offline", join("..", tarball ?? "")], {
      cwd: project,
    });
    expect(installed.code, installed.stderr).toBe(0);
    expect(readdirSync(join(project, "node_modules")).filter((name) => !name.startsWith("."))).toEqual([
      "create-stack",
    ]);
    expect(run("npx", ["--offline", "create-stack", "--help"], { cwd: project }).stdout).toContain(
      "Usage: create-stack",
    );
    const created = run("npm", ["create", "--offline", "stack", "--", "--preset", "minimal", "--yes"], {
      cwd: project,
    });
    expect(created.code, created.stderr).toBe(0);
    expect(existsSync(join(project, "minimal/.stack/create-stack.mjs"))).toBe(true);
  });
});

describe("a stack's own copy of the program", () => {
  let stack = "";
  beforeAll(() => {
    const created = cli(["create", "copied", "--preset", "web", "--yes"]);
    expect(created.code, created.stderr).toBe(0);
    stack = join(folder, "elsewhere");
    cpSync(join(folder, "copied"), stack, { recursive: true });
  });

  test("is the same program, to the byte, and needs nothing else to write the same stack", () => {
    expect(readFileSync(join(stack, ".stack/create-stack.mjs"), "utf8")).toBe(readFileSync(bundle, "utf8"));
    const result = run(join(stack, "prod.sh"), ["generate"], { env: { NODE_PATH: "/nowhere" } });
    expect(result).toMatchObject({ code: 0, stdout: "Nothing to change.\n" });
  });

  test("serves its stack from any directory and through a link", () => {
    symlinkSync(join(stack, "prod.sh"), join(folder, "door"));
    for (const door of [join(stack, "prod.sh"), join(folder, "door")])
      expect(run(door, ["generate", "--json"], { cwd: "/" }).code).toBe(0);
    expect(run(join(folder, "door"), [], { cwd: "/" }).stdout).toContain("Runs this stack.");
  });

  test("says what to install where there is no Node.js, or one that is too old", () => {
    const bin = join(folder, "bin");
    mkdirSync(bin);
    for (const tool of ["sh", "dirname", "readlink", "uname", "cat"]) {
      const path = run("sh", ["-c", `command -v ${tool}`]).stdout.trim();
      if (path.startsWith("/")) symlinkSync(path, join(bin, tool));
    }
    writeFileSync(join(bin, "node"), "#!/bin/sh\necho v18.20.4\n", { mode: 0o755 });
    const door = readFileSync(join(stack, "prod.sh"), "utf8").replaceAll(
      /\/(usr|opt)\/[\w/]*bin\/node/g,
      "/nowhere/node",
    );
    writeFileSync(join(stack, "door.sh"), door, { mode: 0o755 });
    const old = run(join(stack, "door.sh"), ["status"], { env: { PATH: bin } });
    expect(old.code).toBe(2);
    expect(old.stderr).toMatch(/Node\.js 20\.19 or newer is needed; .*node is version 18\.20\.4\.\nInstall it: \S/);
    rmSync(join(bin, "node"));
    const none = run(join(stack, "door.sh"), ["status"], { env: { PATH: bin } });
    expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining("there is none on this machine") });
  });
});

describe("without a terminal", () => {
  test("nothing is ever asked: it says which flags to give", () => {
    expect(cli([])).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("--preset web") });
    expect(cli(["--yes"])).toMatchObject({ code: 2, stderr: expect.stringContaining("--config stack.yaml") });
    expect(cli(["create", "--json"])).toMatchObject({
      code: 2,
      stdout: expect.stringContaining('"code": "no-terminal"'),
    });
  });

  test("a stack.yaml may come through a pipe", () => {
    const input = cli(["presets", "minimal"]).stdout;
    const result = cli(["create", "piped", "--config", "-", "--set", "name=piped", "--json"], { input });
    expect(result.code, result.stdout).toBe(0);
    expect(readFileSync(join(folder, "piped/stack.yaml"), "utf8")).toBe(input.replace("name: minimal", "name: piped"));
  });

  test("help may be asked for as a word", () => {
    expect(cli(["help", "backup", "run"])).toEqual(cli(["backup", "run", "--help"]));
    expect(cli(["help"])).toEqual(cli(["--help"]));
    expect(cli(["help", "bakcup"]).stderr).toContain('did you mean "backup"?');
  });

  test("what is too large for a Compose file is not called missing", () => {
    const large = join(folder, "large.yml");
    writeFileSync(large, "a".repeat(1024 ** 2 + 1));
    expect(cli(["import", large]).stderr).toContain("is larger than 1 MB, so it is no Compose file");
    expect(cli(["import", folder]).stderr).toContain("is a directory");
  });

  test("no colours in what is not a terminal", () => {
    expect(cli(["--help"]).stdout).not.toContain("\u001b");
    expect(cli(["nonsense"]).stderr).not.toContain("\u001b");
  });
});

describe("bad input", () => {
  test.each([
    [["strat"], 'error: unknown command "strat"\nhint: did you mean "start"?'],
    [["create", "--preste", "web"], 'error: unknown option --preste\nhint: did you mean "--preset"?'],
    [["create", "--preset", "wbe"], 'error: there is no preset "wbe"\nhint: did you mean "web"?'],
    [["create", "--config", "nowhere.yaml"], "error: there is no file nowhere.yaml\n"],
    [["create", "--config", "."], "error: . is a directory\n"],
    [["create", "--config", "a", "--preset", "web"], "error: --config and --preset cannot stand together\n"],
    [["start"], "error: no stack here: neither "],
    [["status", "--dir", "nowhere"], "error: no stack in "],
  ])("%j", (args, message) => {
    const result = cli(args);
    expect(result).toMatchObject({ code: 2, stdout: "" });
    expect(result.stderr.startsWith(message), result.stderr).toBe(true);
  });

  test("every mistake in a stack.yaml is told with its place, and nothing is written", () => {
    const result = cli([
      "create",
      "bad",
      "--preset",
      "web",
      "--set",
      "components.app.port=x",
      "--set",
      "components.redis.limits.memory=1x",
    ]);
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(
      /has 2 problems\n.*:\d+:\d+ +components\.app\.port: .*\n.*:\d+:\d+ +components\.redis\.limits\.memory: /,
    );
    expect(existsSync(join(folder, "bad"))).toBe(false);
  });

  test("a directory that holds something else stays as it is", () => {
    mkdirSync(join(folder, "taken"));
    writeFileSync(join(folder, "taken/letter.txt"), "dear");
    const result = cli(["create", "taken", "--preset", "minimal", "--yes"]);
    expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining("holds something else: letter.txt") });
    expect(readdirSync(join(folder, "taken"))).toEqual(["letter.txt"]);
  });

  test("a dry run shows the tree, the needs, and writes nothing", () => {
    const result = cli(["create", "dry", "--preset", "web", "--dry-run"]);
    expect(result.code).toBe(0);
    expect(result.stdout).toMatch(/compose\.yaml +[\d.]+ KB/);
    expect(result.stdout).toMatch(/Memory at most [\d.]+ [GM]B; this machine has/);
    expect(existsSync(join(folder, "dry"))).toBe(false);
  });
});

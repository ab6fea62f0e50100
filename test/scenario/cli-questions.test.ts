import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { catalogue, presets } from "../support/catalogue.ts";

const bundle = join(import.meta.dirname, "../../dist/create-stack.mjs");
// util-linux: gives a program a terminal of its own.
const hasScript = spawnSync("script", ["--version"]).status === 0;

/** Keys that choose this entry of a list. */
const choose = (list: readonly string[], entry: string) => {
  const at = list.indexOf(entry);
  if (at === -1) throw new Error(`${entry} is not in the list`);
  return down.repeat(at);
};
const starts = [...presets, "build my own"];
const components = catalogue.components.map(({ type }) => type).filter((type) => type !== "app" && type !== "traefik");

const enter = "\r";
const down = "\u001b[B";
const control = { c: "\u0003", u: "\u0015" };

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cli-questions-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A conversation: each answer is typed when the text that it answers has appeared. */
async function converse(args: readonly string[], answers: readonly [shown: string, typed: string][]) {
  const command = [process.execPath, bundle, ...args].map((word) => `'${word}'`).join(" ");
  const child = spawn(
    "script",
    ["--quiet", "--return", "--flush", "--command", `stty cols 120; ${command}`, "/dev/null"],
    {
      cwd: folder,
      env: { ...process.env, TERM: "xterm", NO_COLOR: "1" },
    },
  );
  const timer = setTimeout(() => child.kill("SIGKILL"), 60_000);
  let shown = "";
  let seen = 0;
  const waiting = [...answers];
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    shown += piece;
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      const at = shown.indexOf(next[0], seen);
      if (at === -1) break;
      seen = at + next[0].length;
      waiting.shift();
      child.stdin.write(next[1]);
    }
  });
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  clearTimeout(timer);
  return { code, shown, left: waiting.map(([text]) => text) };
}

describe.skipIf(!hasScript)("questions on a terminal", () => {
  test("answers become a stack.yaml; a wrong one is told as it is typed", async () => {
    const { code, left, shown } = await converse(
      [],
      [
        ["What is it to be?", choose(starts, "web") + enter],
        ["Name of the stack", `My Shop${enter}`],
        ["expected a name", `${control.u}shop${enter}`],
        ["Domain", `https://shop.example.org${enter}`],
        ["without", `${control.u}shop.example.org${enter}`],
        ["Image, with its tag", `ghcr.io/you/shop${enter}`],
        ["has no tag", `:1.2.3${enter}`],
        ["Port that it listens on", `8080${enter}`],
        ["Public host names", enter],
        ["Path that answers 200", enter],
        ["Command that migrates", `node "run me.js" up${enter}`],
        ["Memory that it may use", `1g${enter}`],
        ["Version of Postgres", down + enter],
        ["Memory for Postgres", enter],
        ["Redis keeps its data", enter],
        ["Memory for Redis", enter],
        ["Email address", `ops${enter}`],
        ["expected an email", `${control.u}ops@example.org${enter}`],
        ["Write it?", enter],
      ],
    );
    expect(left).toEqual([]);
    expect(code, shown).toBe(0);
    expect(shown).toContain("Memory at most");
    const text = readFileSync(join(folder, "shop/stack.yaml"), "utf8");
    expect(text).toContain("name: shop");
    expect(text).toContain("image: ghcr.io/you/shop:1.2.3");
    expect(text).toContain("port: 8080");
    expect(text).toContain("routes: [shop.example.org]");
    expect(text).toContain("migrate: [node, run me.js, up]");
    expect(text).toContain("version: 17");
    expect(text).toContain("acme: { email: ops@example.org }");
    expect(text).toContain("# gives DATABASE_URL and REDIS_URL");
    expect(
      spawnSync(process.execPath, [bundle, "generate"], { cwd: join(folder, "shop"), encoding: "utf8" }).stdout,
    ).toBe("Nothing to change.\n");
  });

  test("local names ask for no address, and own components need no preset", async () => {
    const { code, shown } = await converse(
      ["--dir", "mine"],
      [
        ["What is it to be?", choose(starts, "build my own") + enter],
        ["Name of the stack", `mine${enter}`],
        ["Which components?", `${choose(components, "minio")} ${enter}`],
        ["Names of your applications", `${control.u}web, worker${enter}`],
        ["Domain", enter],
        ["web: Image", `x/web:1${enter}`],
        ["web: Port", enter],
        ["web: Public host", enter],
        ["web: Path", enter],
        ["web: Command", enter],
        ["web: Memory", enter],
        ["worker: Image", `x/worker:1${enter}`],
        ["worker: Port", `none${enter}`],
        ["worker: Command", enter],
        ["worker: Memory", enter],
        ["Buckets", enter],
        ["Memory for object storage", enter],
        ["Write it?", enter],
      ],
    );
    expect(code, shown).toBe(0);
    expect(shown).not.toContain("Email");
    const text = readFileSync(join(folder, "mine/stack.yaml"), "utf8");
    expect(text).toContain("web.mine.localhost");
    expect(text).not.toContain("worker.mine.localhost");
  });

  test.each([
    ["the first question", []],
    [
      "the middle",
      [
        ["What is it to be?", enter],
        ["Name of the stack", enter],
      ],
    ],
    [
      "the last one",
      [
        ["What is it to be?", enter],
        ["Name", enter],
        ["Domain", enter],
        ["Image", enter],
        ["Port", enter],
        ["host", enter],
        ["Path", enter],
        ["Command", enter],
        ["Memory", enter],
        ["Version", enter],
        ["Memory", enter],
        ["Redis", enter],
        ["Memory", enter],
      ],
    ],
  ] as [string, [string, string][]][])("Ctrl-C at %s leaves nothing behind", async (where, before) => {
    const question =
      { "the first question": "What is it to be?", "the middle": "Domain", "the last one": "Write it?" }[where] ?? "";
    const { code, left, shown } = await converse([], [...before, [question, control.c]]);
    expect(left, shown).toEqual([]);
    expect(code).toBe(130);
    expect(shown).toContain("Nothing was changed.");
    expect(readdirSync(folder)).toEqual([]);
  });

  test("no is an answer", async () => {
    const { code } = await converse(["--preset", "minimal"], [["Write it?", `n${enter}`]]);
    expect(code).toBe(130);
    expect(existsSync(join(folder, "minimal"))).toBe(false);
  });
});

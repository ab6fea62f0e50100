import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, test } from "vitest";
import { tryLock, withLock } from "../../../src/operations/lock.ts";
import { silentProgress } from "../../../src/operations/progress.ts";
import { systemClock } from "../../../src/support/clock.ts";
import { describeProcess } from "../../../src/support/process-identity.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "lock-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const context = (signal = new AbortController().signal) => ({
  directory,
  clock: systemClock,
  progress: silentProgress,
  signal,
});

function plant(holder: Record<string, unknown> | string, folder = directory): void {
  mkdirSync(join(folder, ".stack"), { recursive: true });
  writeFileSync(join(folder, ".stack", "lock"), typeof holder === "string" ? holder : JSON.stringify(holder));
}

const living = () => ({ id: "aa11", ...describeProcess(), command: "deploy", since: 1_000 });

test("refuses while another command is at work and names it", async () => {
  plant({ ...living(), since: systemClock.now() - 65_000 });
  await expect(withLock(context(), { command: "start" }, async () => {})).rejects.toMatchObject({
    code: "locked",
    exit: "locked",
    message: expect.stringMatching(
      /^Another command works on this stack: `deploy` \(process \d+\), at work for 1m5s, since 20/,
    ),
    hint: expect.stringContaining(`kill ${process.pid}`),
  });
});

test("lets go after success and after failure", async () => {
  expect(await withLock(context(), { command: "start" }, async () => "result")).toBe("result");
  expect(readdirSync(join(directory, ".stack"))).toEqual([]);
  await expect(
    withLock(context(), { command: "start" }, async () => {
      throw new Error("it broke");
    }),
  ).rejects.toThrow("it broke");
  expect(readdirSync(join(directory, ".stack"))).toEqual([]);
});

test.each([
  ["of another boot", () => ({ ...living(), boot: "another" })],
  ["whose process is gone", () => ({ ...living(), pid: 4_194_303 })],
  ["whose number belongs to a later process", () => ({ ...living(), startTime: "1" })],
  ["that was torn by a power cut", () => '{"id":"aa'],
])("succeeds a holder %s", (_, holder) => {
  plant(holder());
  const lock = tryLock(directory, "start", 5);
  expect(lock).toHaveProperty("release");
  expect(JSON.parse(readFileSync(join(directory, ".stack", "lock"), "utf8"))).toMatchObject({
    pid: process.pid,
    command: "start",
    since: 5,
  });
  expect(readdirSync(join(directory, ".stack"))).toEqual(["lock"]);
});

test("does not call a process dead that it cannot see", () => {
  plant({ ...living(), pid: 4_194_303, pidSpace: "pid:[1]" });
  expect(tryLock(directory, "start", 5)).toMatchObject({ command: "deploy" });
});

test("goes on where a successor died while it took over", () => {
  plant({ ...living(), id: "dead1", pid: 4_194_303 });
  writeFileSync(
    join(directory, ".stack", "lock.after-dead1"),
    JSON.stringify({ ...living(), id: "dead2", pid: 4_194_302 }),
  );
  expect(tryLock(directory, "start", 5)).toHaveProperty("release");
  expect(readdirSync(join(directory, ".stack"))).toEqual(["lock"]);
});

test("does not remove a lock that has become another's", () => {
  const lock = tryLock(directory, "start", 5);
  plant(living());
  if ("release" in lock) lock.release();
  expect(readdirSync(join(directory, ".stack"))).toEqual(["lock"]);
});

test("waits for the holder when asked to, and says for whom", async () => {
  const held = tryLock(directory, "migrate", systemClock.now());
  const lines: string[] = [];
  const progress = { ...silentProgress, line: (text: string) => lines.push(text) };
  const waiting = withLock({ ...context(), progress }, { command: "start", wait: 10_000 }, async () => "got it");
  setTimeout(() => "release" in held && held.release(), 300);
  expect(await waiting).toBe("got it");
  expect(lines).toEqual([expect.stringMatching(/^Waiting for `migrate` \(process \d+\)/)]);
});

test("stops waiting when interrupted", async () => {
  plant(living());
  const abort = new AbortController();
  const waiting = withLock(context(abort.signal), { command: "start", wait: 60_000 }, async () => {});
  abort.abort(new Error("interrupted"));
  await expect(waiting).rejects.toThrow("interrupted");
});

test("of several that find a dead holder at the same time exactly one wins", async () => {
  const rounds = 150;
  for (let round = 0; round < rounds; round += 1) {
    plant({ ...living(), id: "dead", pid: 4_194_303 }, join(directory, String(round)));
  }
  const lock = new URL("../../../src/operations/lock.ts", import.meta.url).href;
  const script = `
    import { tryLock } from ${JSON.stringify(lock)};
    console.log("ready");
    process.stdin.once("data", () => {
      const won = [];
      for (let round = 0; round < ${rounds}; round += 1) {
        if ("release" in tryLock(${JSON.stringify(directory)} + "/" + round, "start", 0)) won.push(round);
      }
      console.log(JSON.stringify(won));
      process.stdin.once("end", () => process.exit());
    });`;
  const children = Array.from({ length: 3 }, () => {
    const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script]);
    return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  });
  for (const { lines } of children) expect((await lines.next()).value).toBe("ready");
  for (const { child } of children) child.stdin.write("go\n");
  const wins: number[] = [];
  // Winners stay alive until all have tried, so that nobody wins by succeeding a winner.
  for (const { lines } of children) wins.push(...(JSON.parse((await lines.next()).value) as number[]));
  for (const { child } of children) {
    child.stdin.end();
    await once(child, "exit");
  }
  expect(wins.sort((a, b) => a - b)).toEqual(Array.from({ length: rounds }, (_, round) => round));
});

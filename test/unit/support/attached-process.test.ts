import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { runAttached } from "../../../src/support/attached-process.ts";

const run = (script: string, signal = new AbortController().signal) =>
  runAttached([process.execPath, "-e", script], { cwd: tmpdir(), signal });

test("the exit code is the program's own, or says which signal ended it", async () => {
  expect(await run("process.exit(7)")).toBe(7);
  expect(await run("process.kill(process.pid, 'SIGKILL')")).toBe(137);
});

test("it runs where it is told to", async () => {
  expect(await run(`process.exit(process.cwd() === ${JSON.stringify(tmpdir())} ? 0 : 1)`)).toBe(0);
});

test("it is told to end when we are", async () => {
  const abort = new AbortController();
  const ended = run("setTimeout(() => {}, 30_000)", abort.signal);
  setTimeout(() => abort.abort(), 200);
  expect(await ended).toBe(143);
});

test("a program that is not there is an error", async () => {
  await expect(
    runAttached(["no-such-program-here"], { cwd: tmpdir(), signal: new AbortController().signal }),
  ).rejects.toThrow("ENOENT");
});

import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { afterAll, expect, test } from "vitest";
import type { Engine, LogLine, LogRequest } from "../../src/engine/engine.ts";
import { describeWithDocker, smallImage } from "../support/docker.ts";
import { fakeEngine } from "../support/fake-engine.ts";

async function read(engine: Engine, id: string, request: LogRequest = {}, signal?: AbortSignal): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  for await (const line of engine.readLogs(id, request, signal)) lines.push(line);
  return lines;
}

/** What every engine does; `ended` is a container that printed one, two and (to stderr) three, and ended. */
async function expectContract(engine: Engine, ended: string, running: string): Promise<void> {
  const lines = await read(engine, ended);
  expect(lines.map(({ text, stream }) => `${stream} ${text}`)).toEqual(["stdout one", "stdout two", "stderr three"]);
  for (const { time } of lines) expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
  expect((await read(engine, ended, { tail: 2 })).map(({ text }) => text)).toEqual(["two", "three"]);
  expect((await read(engine, ended, { follow: true })).map(({ text }) => text)).toEqual(["one", "two", "three"]);
  const [first, second, third] = lines.map(({ time }) => Date.parse(time));
  expect(await read(engine, ended, { since: (third ?? 0) + 1_000 })).toEqual([]);
  expect(await read(engine, ended, { until: (first ?? 0) - 1_000 })).toEqual([]);
  expect((await read(engine, ended, { since: second ?? 0 })).length).toBeGreaterThanOrEqual(2);
  expect(await read(engine, "0123456789ab")).toEqual([]);
  const abort = new AbortController();
  const following = read(engine, running, { follow: true }, abort.signal);
  setTimeout(() => abort.abort(), 100);
  expect(await following).toEqual([]);
}

test("fake engine: logs with times", async () => {
  const engine = fakeEngine();
  const ended = engine.add({ service: "ended", state: "exited" });
  ["one", "two"].forEach((text, index) => void engine.print(ended, text, "stdout", 10_000 + index * 10));
  engine.print(ended, "three", "stderr", 10_030);
  await expectContract(engine, ended, engine.add({ service: "silent" }));
});

await describeWithDocker("real engine: logs with times", [smallImage], (engine) => {
  const project = `contract-${randomBytes(4).toString("hex")}`;
  const start = (script: string, ...options: string[]) =>
    execFileSync(
      "docker",
      ["run", "-d", "--label", `com.docker.compose.project=${project}`, ...options, smallImage, "sh", "-c", script],
      { encoding: "utf8" },
    ).trim();
  afterAll(async () => {
    const { containers } = await engine.observe(project);
    await Promise.all(containers.map(({ id }) => engine.remove(id)));
  });

  test("as every engine", async () => {
    const ended = start("echo one; usleep 20000; echo two; usleep 20000; echo three >&2");
    const running = start("trap 'exit 0' TERM; while :; do sleep 1 & wait; done");
    await engine.waitForExit(ended);
    await expectContract(engine, ended, running);
  });

  test("a line that the engine keeps in several messages is one line, whole characters and no times inside", async () => {
    const id = start(`awk 'BEGIN { for (i = 0; i < 30000; i++) printf "a€"; print "" }'; echo short`);
    await engine.waitForExit(id);
    const [long, short] = await read(engine, id);
    expect(long?.text === "a€".repeat(30_000)).toBe(true);
    expect(short?.text).toBe("short");
    expect((await read(engine, id, { follow: true }))[0]?.text === long?.text).toBe(true);
  });

  test("a container with a terminal", async () => {
    const id = start("echo one; echo two", "-t");
    await engine.waitForExit(id);
    expect((await read(engine, id)).map(({ stream, text }) => `${stream} ${text}`)).toEqual([
      "stdout one",
      "stdout two",
    ]);
  });
});

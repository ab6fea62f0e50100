import { expect, test } from "vitest";
import { runExec } from "../../src/operations/exec.ts";
import { type LogEntry, type LogsOptions, runLogs } from "../../src/operations/logs.ts";
import { describeWithDocker, smallImage } from "../support/docker.ts";
import { type SmallStack, smallService, smallStack } from "../support/scenario.ts";

const patience = { timeout: 20_000, interval: 50 };

/** Says a line with its name every tenth of a second, so many times, then waits. */
function talker(name: string, lines: number) {
  const script = `trap 'exit 0' TERM; for i in $(seq ${lines}); do echo ${name} $i; sleep 0.1; done; while :; do sleep 1 & wait; done`;
  return smallService(name, { command: ["sh", "-c", script] });
}

function follow(stack: SmallStack, options: LogsOptions = {}) {
  const abort = new AbortController();
  const entries: LogEntry[] = [];
  const ended = runLogs({ ...stack.context, signal: abort.signal }, { follow: true, ...options }, (entry) => {
    entries.push(entry);
  });
  return {
    texts: () => entries.map(({ source, text }) => `${source}: ${text}`),
    entries,
    end() {
      abort.abort();
      return ended;
    },
  };
}

async function read(stack: SmallStack, options: LogsOptions = {}): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  await runLogs(stack.context, options, (entry) => void entries.push(entry));
  return entries;
}

const inOrder = (entries: readonly LogEntry[]) => {
  const times = entries.map(({ time }) => time);
  expect(times).toEqual([...times].sort());
};

await describeWithDocker("logs and exec", [smallImage], () => {
  test("lines of several services are merged by time; nothing is lost between past and present", async () => {
    const stack = await smallStack([talker("left", 20), talker("right", 20)]);
    await stack.compose("up", "-d");
    await expect.poll(async () => (await read(stack)).length, patience).toBeGreaterThan(4);
    const following = follow(stack);
    await expect.poll(() => following.entries.length, patience).toBe(40);
    await following.end();
    inOrder(following.entries);
    for (const name of ["left", "right"]) {
      const mine = following.entries.filter(({ service }) => service === name).map(({ text }) => text);
      expect(mine).toEqual(Array.from({ length: 20 }, (_, index) => `${name} ${index + 1}`));
    }
    const whole = await read(stack);
    inOrder(whole);
    expect(whole.map(({ text }) => text)).toEqual(following.entries.map(({ text }) => text));
    expect((await read(stack, { services: ["left"], tail: 2 })).map(({ text }) => text)).toEqual([
      "left 19",
      "left 20",
    ]);
  });

  test("containers that start later, and those that are started again, are followed", async () => {
    const stack = await smallStack([talker("first", 1), talker("later", 1)]);
    await stack.compose("up", "-d", "first");
    const following = follow(stack);
    await expect.poll(() => following.texts(), patience).toEqual(["first: first 1"]);
    await stack.compose("up", "-d", "later");
    await expect.poll(() => following.texts(), patience).toEqual(["first: first 1", "later: later 1"]);
    await stack.compose("restart", "-t", "2", "first");
    await expect
      .poll(() => following.texts(), patience)
      .toEqual(["first: first 1", "later: later 1", "first: first 1"]);
    await following.end();
  });

  test("the exit code of a command passes through; a number chooses the container", async () => {
    const stack = await smallStack([smallService("web", { replicas: 2 }), smallService("db")]);
    await stack.compose("up", "-d", "--wait", "--wait-timeout", "60");
    const exec = (service: string, script: string, index?: number) =>
      runExec(stack.context, {
        service,
        command: ["sh", "-c", script],
        terminal: false,
        ...(index !== undefined && { index }),
      });
    expect(await exec("db", "exit 7")).toBe(7);
    expect(await exec("web", "echo mine > /dev/shm/mark", 2)).toBe(0);
    expect(await exec("web", "test -e /dev/shm/mark", 2)).toBe(0);
    expect(await exec("web", "test -e /dev/shm/mark", 1)).toBe(1);
    await stack.compose("stop", "-t", "2", "db");
    await expect(exec("db", "true")).rejects.toThrow("db has ended (exit code 0)");
  });
});

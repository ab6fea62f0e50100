import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { runStart } from "../../src/operations/start.ts";
import { describeWithDocker, smallImage } from "../support/docker.ts";
import { fileCheck, type SmallStack, smallService, smallStack } from "../support/scenario.ts";

const program = join(import.meta.dirname, "..", "support", "start-child.ts");

/** Runs the start as a program of its own. */
function startProgram({ directory }: SmallStack) {
  const child = spawn(process.execPath, ["--import", "tsx", program, directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  const ended = once(child, "close");
  return {
    lines,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    ended: async () => (await ended)[1] as NodeJS.Signals | null,
    seen: (text: string) => expect.poll(() => lines, { timeout: 30_000, interval: 20 }).toContain(text),
  };
}

const chain = () => [
  smallService("a"),
  smallService("b", {
    dependsOn: [{ service: "a", condition: "service_healthy" }],
    command: ["sh", "-c", "sleep 2; touch /tmp/ready; trap 'exit 0' TERM; while :; do sleep 1 & wait; done"],
    healthcheck: { ...fileCheck("/tmp/ready"), startPeriod: 10_000 },
    tmpfs: [{ target: "/tmp", size: 65_536, mode: "1777" }],
  }),
  smallService("c", { dependsOn: [{ service: "b", condition: "service_healthy" }] }),
];

const wholeChain = ["a running healthy", "b running healthy", "c running healthy"];

function outcomes({ directory }: SmallStack): string[] {
  const folder = join(directory, ".stack", "journal");
  return readdirSync(folder)
    .sort()
    .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8").trim().split("\n").at(-1) ?? "{}").outcome);
}

await describeWithDocker("a start that is broken off", [smallImage], () => {
  test.each(["a working", "b working", "b done"])("killed at `%s` and run again: the stack is up", async (moment) => {
    const stack = await smallStack(chain());
    const first = startProgram(stack);
    await first.seen(moment);
    first.kill("SIGKILL");
    expect(await first.ended()).toBe("SIGKILL");
    const before = await stack.ids();
    await runStart(stack.context);
    expect(await stack.states()).toEqual(wholeChain);
    expect(stack.progress.lines).toEqual(["The last start was cut short; going on from there"]);
    expect((await stack.ids()).a).toBe(before.a);
    expect(outcomes(stack)).toEqual(["interrupted", "done"]);
    expect((await runStart(stack.context)).changed).toBe(false);
  });

  test.each(["SIGINT", "SIGTERM"] as const)(
    "%s ends it at once, lets go of the lock, and the next goes on",
    async (signal) => {
      const stack = await smallStack(chain());
      const first = startProgram(stack);
      await first.seen("b working");
      const began = Date.now();
      first.kill(signal);
      await first.ended();
      expect(Date.now() - began).toBeLessThan(3_000);
      expect(first.lines.at(-1)).toBe("ended: interrupted, interrupted, `./prod.sh start` goes on from here");
      expect(readdirSync(join(stack.directory, ".stack")).sort()).toEqual(["journal", "model.json"]);
      expect(outcomes(stack)).toEqual(["interrupted"]);
      await runStart(stack.context);
      expect(await stack.states()).toEqual(wholeChain);
    },
  );

  test("a second start at the same time says who is at work, or waits for it", async () => {
    const stack = await smallStack(chain());
    const first = startProgram(stack);
    await first.seen("a working");
    await expect(runStart(stack.context)).rejects.toMatchObject({
      code: "locked",
      exit: "locked",
      message: expect.stringContaining("`start` (process "),
    });
    expect((await runStart(stack.context, { wait: 30_000 })).changed).toBe(false);
    await first.ended();
    expect(first.lines.at(-1)).toBe("ended: started");
  });
});

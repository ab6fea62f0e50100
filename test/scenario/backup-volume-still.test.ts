import { spawn, spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { quiesced } from "../../src/operations/backup/quiesce.ts";
import { openJournal, unfinishedOperations } from "../../src/operations/journal.ts";
import { recover } from "../../src/operations/recover.ts";
import type { Consistency, DataSourceOf } from "../../src/stack/data-source.ts";
import { systemClock } from "../../src/support/clock.ts";
import { describeProcess } from "../../src/support/process-identity.ts";
import { describeWithDocker, smallImage } from "../support/docker.ts";
import { type SmallStack, smallService, smallStack } from "../support/scenario.ts";

const program = join(import.meta.dirname, "..", "support", "volume-child.ts");

const data = (readOnly = false) => [{ kind: "volume" as const, volume: "uploads", target: "/data", readOnly }];

function sourceWith(consistency: Consistency): DataSourceOf<"volume"> {
  return { name: "uploads", component: "web", service: "web", volume: "uploads", kind: "volume", consistency };
}

/** `web` and `worker` write to the volume, `reader` reads it, `off` would write and does not run, `other` has none of it. */
async function stackWith(consistency: Consistency, leaveOut: readonly string[] = []): Promise<SmallStack> {
  const services = [
    smallService("web", { mounts: data() }),
    smallService("worker", { mounts: data() }),
    smallService("reader", { mounts: data(true) }),
    smallService("off", { mounts: data() }),
    smallService("other"),
  ].filter(({ name }) => !leaveOut.includes(name));
  const stack = await smallStack(services, {
    volumes: [{ name: "uploads", component: "web", about: "Uploads." }],
    dataSources: [sourceWith(consistency)],
  });
  await stack.compose("up", "-d", "--wait");
  await stack.compose("stop", "off");
  return stack;
}

const usual = [
  "off exited 0",
  "other running healthy",
  "reader running healthy",
  "web running healthy",
  "worker running healthy",
];

/** The state of each service, health aside. */
async function states(stack: SmallStack): Promise<string[]> {
  return (await stack.states()).map((line) => line.replace(/ (healthy|starting|unhealthy|0)$/, ""));
}
const usualStates = usual.map((line) => line.replace(/ (healthy|0)$/, ""));

function child({ directory }: SmallStack, step: number) {
  const { stdout, signal, stderr } = spawnSync(
    process.execPath,
    ["--import", "tsx", program, directory, "quiesce", String(step)],
    { encoding: "utf8" },
  );
  return { steps: stdout.trim().split("\n"), killed: signal === "SIGKILL", stderr };
}

await describeWithDocker("volumes: services that stand still", [smallImage], () => {
  test("what writes to the volume stands still while it is copied, nothing else does, and what did not run is not started", async () => {
    const stack = await stackWith({ kind: "stop" });
    const { context } = stack;
    const journal = openJournal(stack.directory, "backup", systemClock);
    const ids = await stack.ids();
    const warnings: string[] = [];
    const seen = await quiesced(
      context,
      journal,
      sourceWith({ kind: "stop" }),
      () => states(stack),
      (text) => warnings.push(text),
    );
    expect(seen).toEqual(["off exited", "other running", "reader running", "web exited", "worker exited"]);
    expect(await stack.states()).toEqual(usual);
    const paused = await quiesced(context, journal, sourceWith({ kind: "pause" }), () => states(stack));
    expect(paused).toEqual(["off exited", "other running", "reader running", "web paused", "worker paused"]);
    expect(await states(stack)).toEqual(usualStates);
    expect(await stack.ids()).toEqual(ids);
    expect(warnings).toEqual([]);
    const failing = quiesced(context, journal, sourceWith({ kind: "stop" }), async () => {
      throw new Error("the disk is full");
    });
    await expect(failing).rejects.toThrow("the disk is full");
    expect(await states(stack)).toEqual(usualStates);
    // Nothing is left that somebody would have to take back.
    expect(unfinishedOperations(stack.directory)).toMatchObject([{ undo: [] }]);
  });

  test("another command at work on the stack is waited for and not disturbed; a copy that takes too long is given up", async () => {
    const stack = await stackWith({ kind: "stop" });
    const journal = openJournal(stack.directory, "backup", systemClock);
    let now = 0;
    const pass = (milliseconds: number) => {
      now += milliseconds;
    };
    const clock = { now: () => now, sleep: async (milliseconds: number) => pass(milliseconds) };
    const other = spawn("sleep", ["600"]);
    onTestFinished(() => void other.kill());
    const holder = { id: "ab", ...describeProcess(other.pid), command: "deploy", since: Date.now() };
    writeFileSync(join(stack.directory, ".stack", "lock"), JSON.stringify(holder));
    const waiting = quiesced({ ...stack.context, clock }, journal, sourceWith({ kind: "stop" }), () => states(stack));
    await expect(waiting).rejects.toMatchObject({ code: "locked" });
    expect(now).toBeGreaterThanOrEqual(60_000);
    rmSync(join(stack.directory, ".stack", "lock"));
    expect(await states(stack)).toEqual(usualStates);

    const endless = quiesced(
      { ...stack.context, clock },
      journal,
      sourceWith({ kind: "pause" }),
      ({ signal }) =>
        new Promise<void>((_, reject) => {
          if (signal.aborted) reject(signal.reason);
          signal.addEventListener("abort", () => reject(signal.reason));
        }),
    );
    await expect(endless).rejects.toMatchObject({ code: "standstill-too-long" });
    expect(await states(stack)).toEqual(usualStates);
  });

  test("commands around a copy run in the service: the one after it in any case", async () => {
    const stack = await stackWith({ kind: "live" });
    const journal = openJournal(stack.directory, "backup", systemClock);
    const command = (text: string) => ["sh", "-c", text];
    const look = async () => (await stack.compose("exec", "-T", "web", "sh", "-c", "ls /data")).stdout.trim();
    const around = {
      kind: "exec" as const,
      before: command("umask 0; touch /data/frozen || touch /tmp/frozen"),
      after: command("rm -f /data/frozen"),
    };
    await stack.compose("exec", "-T", "--user", "0", "web", "chmod", "777", "/data");
    expect(await quiesced(stack.context, journal, sourceWith(around), look)).toBe("frozen");
    expect(await look()).toBe("");
    const refused = { ...around, before: command("touch /data/frozen; echo cannot freeze >&2; exit 3") };
    await expect(quiesced(stack.context, journal, sourceWith(refused), look)).rejects.toMatchObject({
      code: "before-failed",
      message: expect.stringContaining("exit code 3, cannot freeze"),
    });
    expect(await look()).toBe("");
  });

  test.each([
    ["stop", /./],
    // The journal is the same: only where the engine is asked for something else.
    ["pause", /pause|copy/],
  ] as const)(
    "killed at every step of %s: the next command leaves everything that ran running",
    async (kind, which) => {
      const stack = await stackWith({ kind }, ["worker", "reader"]);
      const before = await states(stack);
      expect(before).toEqual(["off exited", "other running", "web running"]);
      const whole = child(stack, 0);
      expect(whole.stderr).toBe("");
      expect(whole.steps.pop()).toBe("ended");
      let stoodStill = 0;
      for (const [index, name] of whole.steps.entries()) {
        if (!which.test(name)) continue;
        expect(child(stack, index + 1).killed).toBe(true);
        if ((await states(stack)).join() !== before.join()) stoodStill += 1;
        await recover(stack.context);
        expect(await states(stack), `killed at ${name}`).toEqual(before);
        expect(unfinishedOperations(stack.directory)).toEqual([]);
      }
      // It was worth it: at some of these steps something did stand still.
      expect(stoodStill).toBeGreaterThanOrEqual(3);
    },
  );
});

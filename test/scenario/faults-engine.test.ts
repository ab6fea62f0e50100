import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeWithDocker } from "../support/docker.ts";
import {
  appWithVolume,
  createFaultStack,
  type FaultStack,
  leftovers,
  listWhole,
  type OwnEngine,
  onHelper,
  services,
  startOwnEngine,
  succeed,
} from "../support/faults.ts";

/** The application's, and the one whose tar and zstd write archives. */
const images = ["busybox:1.38.0", "postgres:18.6-trixie"];

await describeWithDocker("an engine that is killed", images, () => {
  describe("one of our own", () => {
    let engine: OwnEngine | undefined;
    let missing = "";
    let stack: FaultStack;

    beforeAll(async () => {
      const started = await startOwnEngine(images);
      if (typeof started === "string") {
        missing = started;
        process.stderr.write(`skipped: an engine that is killed (${missing})\n`);
        return;
      }
      engine = started;
      stack = createFaultStack({ components: appWithVolume, env: engine.env });
      await succeed(stack, "start");
      stack.sh("app", "dd if=/dev/urandom of=/uploads/big bs=1M count=24 2>/dev/null; echo saved >/uploads/mark");
      await succeed(stack, "backup", "run");
      stack.sh("app", "echo live >/uploads/mark");
    });
    afterAll(async () => {
      stack?.remove();
      await engine?.remove();
    });

    const mark = () => stack.sh("app", "cat /uploads/mark");

    /** Kills the engine in the middle of a command, which has to say so, and starts it again. */
    async function killedDuring(args: readonly string[], purpose: RegExp): Promise<void> {
      let killed: Promise<void> | undefined;
      const ended = await stack.run(
        args,
        onHelper(stack, purpose, () => (killed = engine?.kill())),
      );
      await killed;
      expect(ended, ended.lines.join("\n")).toMatchObject({ struck: true });
      const said = `${ended.lines.join("\n")}\n${ended.stdout}`;
      expect(ended.code, said).toBeGreaterThan(1);
      expect(said).toMatch(/engine/i);
      expect(said).not.toMatch(/a bug in/);
      await engine?.start();
    }

    async function allIsWell(): Promise<void> {
      expect(services(stack)).toEqual(["app running"]);
      expect(leftovers(stack)).toEqual([]);
      await listWhole(stack);
    }

    test.for([["start"], ["schedule", "run"], ["backup", "run"]])(
      "during a backup: when it is back, %j puts everything right",
      async (command, { skip }) => {
        skip(engine === undefined, missing);
        await killedDuring(["backup", "run", "--only", "app-uploads"], /^backup/);
        await succeed(stack, ...command);
        await allIsWell();
        await succeed(stack, "backup", "run");
        expect(mark()).toBe("live");
      },
    );

    test("during a restore: `start` ends with 0, nothing is mixed, and a repeated restore works", async ({ skip }) => {
      skip(engine === undefined, missing);
      await killedDuring(["restore", "run", "--yes"], /restore|load/);
      await succeed(stack, "start");
      await allIsWell();
      expect(mark()).toBe("live");
      stack.sh("app", "echo later >/uploads/mark");
      await succeed(stack, "restore", "run", "--yes");
      expect(mark()).toBe("live");
      await succeed(stack, "backup", "verify", "--all");
    });
  });
});

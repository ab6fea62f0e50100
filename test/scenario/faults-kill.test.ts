import { afterAll, beforeAll, expect, test } from "vitest";
import { describeWithDocker } from "../support/docker.ts";
import {
  containerOf,
  createFaultStack,
  type FaultStack,
  interrupt,
  kill,
  leftovers,
  listWhole,
  onHelper,
  services,
  succeed,
} from "../support/faults.ts";
import { type S3Server, silo, startMinio } from "../support/s3-servers.ts";

const images = ["busybox:1.38.0", "postgres:18.6-trixie", "redis:8.2.9-bookworm", silo];
const all = ["app running", "postgres running", "redis running"];

/** Lines from one kill to the next: with TEST_ROUNDS=all every line has its turn, else enough to see each part of a run. */
const step = process.env.TEST_ROUNDS === "all" ? 1 : 3;

/** Commands that come after a crash, in turn: each has to put right what is left. */
const next = [["start"], ["schedule", "run"], ["backup", "run", "--lane", "increment"]];

await describeWithDocker("a backup that is cut short", images, () => {
  let bucket: S3Server;
  let stack: FaultStack;

  beforeAll(async () => {
    bucket = await startMinio();
    await bucket.bucket("backups");
    stack = createFaultStack({ bucket });
    await succeed(stack, "start");
    stack.sh("app", "echo photo >/uploads/photo");
    // The schedule begins with everything: from here on a tick has little to do.
    await succeed(stack, "schedule", "run");
  });
  afterAll(() => {
    stack?.remove();
    bucket?.stop();
  });

  const standsStill = () =>
    stack.docker("inspect", "--format", "{{.State.Status}}", containerOf(stack, "app")) !== "running";

  async function allIsWell(): Promise<void> {
    expect(services(stack)).toEqual(all);
    expect(leftovers(stack)).toEqual([]);
    await listWhole(stack);
  }

  /**
   * Kills one run after each of its lines (each `step`th) until a run ends before its turn comes; of the delivery, where lines repeat
   * themselves for every snapshot, after each fourth. Says how many were killed.
   */
  async function killAtEveryLine(lane: string): Promise<number> {
    for (let [line, killed] = [1, 0]; ; line += step) {
      let delivering = 0;
      const ended = await stack.run(["backup", "run", "--lane", lane], {
        at(text, number) {
          if (text.startsWith("Delivering")) delivering = number;
          return number === line;
        },
        strike: kill,
      });
      if (ended.code === 0) return killed;
      expect(ended, ended.lines.join("\n")).toMatchObject({ struck: true, code: undefined });
      killed += 1;
      await succeed(stack, ...(next[killed % next.length] ?? []));
      await allIsWell();
      if (delivering > 0 && line > delivering) line += 4 - step;
    }
  }

  test("killed after any line of a full run, the next command puts it right", async () => {
    expect(await killAtEveryLine("full")).toBeGreaterThan(10 / step);
  });

  test("killed after any line of an increment as well", async () => {
    expect(await killAtEveryLine("increment")).toBeGreaterThan(5 / step);
  });

  test.each(next.map((command) => ({ command })))(
    "killed while the application stands still: %j lets it run again",
    async ({ command }) => {
      const ended = await stack.run(["backup", "run", "--only", "app-uploads"], { when: standsStill, strike: kill });
      expect(ended).toMatchObject({ struck: true, code: undefined });
      expect(services(stack)).not.toEqual(all);
      await succeed(stack, ...command);
      await allIsWell();
    },
  );

  test("Ctrl-C ends it orderly: what stood still runs again before it returns", async () => {
    const still = await stack.run(["backup", "run"], { when: standsStill, strike: interrupt });
    expect(still, still.lines.join("\n")).toMatchObject({ struck: true, code: 130 });
    await allIsWell();
    const base = await stack.run(["backup", "run"], {
      at: (line) => line.includes("postgres: copying"),
      strike: interrupt,
    });
    expect(base, base.lines.join("\n")).toMatchObject({ struck: true, code: 130 });
    expect(base.lines.at(-2)).toContain("The backup run was interrupted");
    await allIsWell();
  });

  test("whoever writes the archive is killed: that copy fails, with its reason, and the others are made", async () => {
    stack.sh("app", "dd if=/dev/urandom of=/uploads/big bs=1M count=120 2>/dev/null");
    const ended = await stack.run(
      ["backup", "run", "--json"],
      onHelper(stack, /^backup-/, (id) => stack.docker("kill", id)),
    );
    expect(ended, ended.lines.join("\n")).toMatchObject({ struck: true });
    expect(ended.code).not.toBe(0);
    const { outcome, sources } = JSON.parse(ended.stdout);
    expect(outcome).toBe("partial");
    expect(sources.filter((source: { outcome: string }) => source.outcome === "failed")).toMatchObject([
      { error: { message: expect.stringMatching(/exit code 137|was killed/) } },
    ]);
    stack.sh("app", "rm /uploads/big");
    await allIsWell();
    await succeed(stack, "backup", "run");
  });

  test("the database server is killed during its base backup", async () => {
    const server = containerOf(stack, "postgres");
    const ended = await stack.run(
      ["backup", "run", "--json"],
      onHelper(stack, /postgres/, () => stack.docker("kill", "--signal", "KILL", server)),
    );
    expect(ended, ended.lines.join("\n")).toMatchObject({ struck: true });
    const failed = JSON.parse(ended.stdout).sources.filter(
      (source: { outcome: string }) => source.outcome === "failed",
    );
    expect(failed).toMatchObject([
      { source: "postgres", type: "base", error: { hint: expect.stringContaining("./prod.sh") } },
    ]);
    await listWhole(stack);
    expect(leftovers(stack)).toEqual([]);
    await succeed(stack, "start");
    await succeed(stack, "backup", "run");
    await allIsWell();
    await succeed(stack, "backup", "verify", "--all");
  });
});

import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeWithDocker } from "../support/docker.ts";
import {
  appWithVolume,
  containerOf,
  createFaultStack,
  type Fault,
  type FaultStack,
  fillDisk,
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

/** When the engine is killed. */
type Moment = Pick<Fault, "at" | "when">;

await describeWithDocker("an engine that is killed", images, () => {
  describe("one of our own", () => {
    let engine: OwnEngine | undefined;
    let missing = "";
    /** The run of backups in which both volumes said `saved`. */
    let saved: string;
    let stack: FaultStack;

    beforeAll(async () => {
      const started = await startOwnEngine(images);
      if (typeof started === "string") {
        missing = started;
        process.stderr.write(`skipped: an engine that is killed (${missing})\n`);
        return;
      }
      engine = started;
      const uploads = "{ name: uploads, path: /uploads, backup: stop }";
      const components = appWithVolume.replace(uploads, `${uploads}, { name: more, path: /more, backup: stop }`);
      stack = createFaultStack({ components, env: engine.env });
      await succeed(stack, "start");
      stack.sh("app", "dd if=/dev/urandom of=/uploads/big bs=1M count=24 2>/dev/null");
      setMarks("saved");
      saved = (JSON.parse((await succeed(stack, "backup", "run", "--json")).stdout) as { run: string }).run;
      setMarks("live");
    });
    afterAll(async () => {
      stack?.remove();
      await engine?.remove();
    });

    const marks = () => stack.sh("app", "cat /uploads/mark /more/mark").split("\n");
    const setMarks = (text: string) => stack.sh("app", `echo ${text} >/uploads/mark; echo ${text} >/more/mark`);

    /** What restores have put aside takes room on the small disk. */
    function removeKept(): void {
      const kept = stack.docker("volume", "ls", "-q", "--filter", "label=create-stack.purpose=restore");
      if (kept !== "") stack.docker("volume", "rm", ...kept.split("\n"));
    }

    /** Kills the engine in the middle of a command, which has to say so, and starts it again. */
    async function killedDuring(args: readonly string[], moment: Moment): Promise<void> {
      let killed: Promise<void> | undefined;
      const ended = await stack.run(args, { ...moment, strike: () => (killed = engine?.kill()) });
      await killed;
      expect(ended, ended.lines.join("\n")).toMatchObject({ struck: true });
      const said = `${ended.lines.join("\n")}\n${ended.stdout}`;
      expect(ended.code, said).toBeGreaterThan(1);
      expect(said).toMatch(/engine/i);
      expect(said).not.toMatch(/a bug in/);
      await engine?.start();
    }

    const helper = (purpose: RegExp): Moment => onHelper(stack, purpose, () => {});
    const line = (words: RegExp): Moment => ({ at: (text) => words.test(text) });

    /** As soon as the volume has another folder than before: between the first rename and the end of the exchange. */
    function exchanged(): Moment {
      const folder = stack.docker("volume", "inspect", "--format", "{{.Mountpoint}}", `${stack.name}_app-uploads`);
      const before = statSync(folder).ino;
      return { when: () => statSync(folder, { throwIfNoEntry: false })?.ino !== before };
    }

    async function allIsWell(): Promise<void> {
      expect(services(stack)).toEqual(["app running"]);
      expect(leftovers(stack)).toEqual([]);
      await listWhole(stack);
    }

    test("during a backup: when it is back, the schedule puts everything right", async ({ skip }) => {
      skip(engine === undefined, missing);
      await killedDuring(["backup", "run", "--only", "app-uploads"], helper(/^backup/));
      await succeed(stack, "schedule", "run");
      await allIsWell();
      expect(marks()).toEqual(["live", "live"]);
    });

    test.for<[string, () => Moment, string[], ("live" | "saved")[]]>([
      ["while it loads", () => helper(/restore|load/), ["start"], ["live"]],
      ["when everything is loaded", () => line(/loaded and checked/), ["schedule", "run"], ["live"]],
      ["when the application has stopped", () => line(/app: stopped/), ["schedule", "run"], ["live"]],
      ["in the exchange of the folders", exchanged, ["schedule", "run"], ["live", "saved"]],
      ["when it begins to start", () => line(/^Starting/), ["backup", "run", "--lane", "increment"], ["saved"]],
    ])("during a restore, %s: the next command puts it right", async ([, moment, command, possible], { skip }) => {
      skip(engine === undefined, missing);
      await killedDuring(["restore", "run", saved, "--yes"], moment());
      await succeed(stack, ...command);
      await allIsWell();
      const [found, other] = marks();
      expect(other, "volumes are mixed").toBe(found);
      expect(possible).toContain(found);
      setMarks("live");
      removeKept();
    });

    test("the disk of its volumes is full: a restore says so and changes nothing, and with room it works", async ({
      skip,
    }) => {
      skip(engine === undefined, missing);
      removeKept();
      const filler = join(engine?.volumes ?? "", "filler");
      const startedAt = () => stack.docker("inspect", "--format", "{{.State.StartedAt}}", containerOf(stack, "app"));
      const before = startedAt();
      // Hardly a byte, a third of the big file, all of it and nothing else.
      for (const megabytes of [1, 8, 24]) {
        fillDisk(filler, megabytes * 1024 ** 2);
        const ended = await stack.run(["restore", "run", saved, "--yes"]);
        expect(ended, ended.lines.join("\n")).toMatchObject({ code: 14 });
        const said = ended.lines.join("\n");
        expect(said).toMatch(/There is no room to restore app-(uploads|more): /);
        expect(said).toContain(`the disk of ${engine?.volumes} is full`);
        expect(said).toMatch(/hint: .*make room \(df -h .*then run the same restore again/);
        expect([marks(), startedAt()]).toEqual([["live", "live"], before]);
        await allIsWell();
      }
      rmSync(filler);
      await succeed(stack, "restore", "run", saved, "--yes");
      expect(marks()).toEqual(["saved", "saved"]);
      await succeed(stack, "backup", "verify", "--all");
    });
  });
});

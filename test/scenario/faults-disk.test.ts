import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ownLabels } from "../../src/operations/backup/container.ts";
import type { Failure, RunResult } from "../../src/operations/backup/result.ts";
import { runBackup } from "../../src/operations/backup/run.ts";
import type { Context } from "../../src/operations/context.ts";
import { type Journal, openJournal } from "../../src/operations/journal.ts";
import { silentProgress } from "../../src/operations/progress.ts";
import { recover } from "../../src/operations/recover.ts";
import { runRestore } from "../../src/operations/restore/run.ts";
import { whileStopped } from "../../src/operations/restore/stand-still.ts";
import { swapVolumes } from "../../src/operations/restore/swap.ts";
import { readCatalogue } from "../../src/snapshots/catalogue.ts";
import { localStore } from "../../src/snapshots/local-store.ts";
import type { StackModel } from "../../src/stack/model.ts";
import { messageOf, StackError } from "../../src/support/errors.ts";
import { contextFor } from "../support/backup-jobs.ts";
import { describeWithDocker, docker } from "../support/docker.ts";
import {
  appWithVolume,
  containerOf,
  createFaultStack,
  type FaultStack,
  fillDisk,
  leftovers,
  listWhole,
  services,
  succeed,
  until,
} from "../support/faults.ts";
import { startFaultyS3 } from "../support/faulty-s3.ts";

const images = ["busybox:1.38.0", "postgres:18.6-trixie"];
const all = ["app running", "postgres running"];

/** With TEST_ROUNDS=all every amount of room and every line has its turn, else enough to see each kind of end. */
const everyRound = process.env.TEST_ROUNDS === "all";

/** A small disk of its own; undefined where nobody may make one. */
function smallDisk(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "small-disk-"));
  const { status, stderr, error } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=160m", "none", folder], {
    encoding: "utf8",
  });
  if (status === 0) return folder;
  rmdirSync(folder);
  process.stderr.write(`skipped: a full disk (no file system can be mounted: ${error?.message ?? stderr.trim()})\n`);
  return undefined;
}

/** A journal on a disk that takes so many more lines. */
function fullAfter(journal: Journal, lines: number): Journal {
  let left = lines;
  const write =
    <Words extends unknown[]>(act: (...words: Words) => void) =>
    (...words: Words) => {
      if (left === 0)
        throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" as const });
      left -= 1;
      act(...words);
    };
  const { id, begin, done, failed, undone, settled, end } = journal;
  return {
    id,
    begin: write(begin),
    done: write(done),
    failed: write(failed),
    undone: write(undone),
    settled: write(settled),
    end: write(end),
  };
}

const disk = smallDisk();

if (disk === undefined) describe("a full disk", () => test.skip("no file system can be mounted", () => {}));
else
  await describeWithDocker("a full disk", images, () => {
    let stack: FaultStack;
    let model: StackModel;

    beforeAll(async () => {
      const parent = join(disk, "stacks");
      mkdirSync(parent);
      stack = createFaultStack({
        parent,
        components: `${appWithVolume}    uses: [postgres]\n  postgres: { version: 18 }\n`,
      });
      model = JSON.parse(readFileSync(join(stack.directory, ".stack/model.json"), "utf8")) as StackModel;
      await succeed(stack, "start");
      stack.sh("app", "dd if=/dev/urandom of=/uploads/photo bs=1M count=2 2>/dev/null");
      await succeed(stack, "backup", "run");
    });
    afterAll(() => {
      stack?.remove();
      spawnSync("umount", ["--lazy", disk]);
      rmdirSync(disk);
    });

    const filler = join(disk, "filler");

    const fill = () => fillDisk(filler);
    const makeRoom = () => rmSync(filler, { force: true });
    afterEach(makeRoom);

    async function contextHere(): Promise<Context> {
      const { engine } = await docker();
      if (engine === undefined) throw new Error("there was an engine a moment ago");
      return contextFor({ directory: stack.directory, model }, engine);
    }

    /** Runs something in whose progress the disk fills up at one point; a headline has no subject. */
    async function fillingAt<Result>(
      reached: (subject: string, state: string, text: string) => boolean,
      run: (context: Context) => Promise<Result>,
    ): Promise<Result | Error> {
      let filled = false;
      const look = (subject: string, state: string, text: string) => {
        if (filled || !reached(subject, state, text)) return;
        filled = true;
        fill();
      };
      const progress = { ...silentProgress, update: look, phase: (text: string) => look("", "", text) };
      try {
        return await run({ ...(await contextHere()), progress });
      } catch (error) {
        return error as Error;
      } finally {
        expect(filled).toBe(true);
      }
    }

    const page = 4_096;

    /** The disk that is full is named, and what to do. */
    function expectTold(error: Failure | StackError): void {
      const said = `${error.message} ${error.details?.join(" ")}`;
      expect(error.code, said).not.toBe("bug");
      expect(said).toMatch(/no space left|ENOSPC|disk (of \S+ )?is full/i);
      expect(error.hint, said).toMatch(/make room|df -h|free space/);
    }

    const more = (pages: number) => Math.max(1, pages * (everyRound ? 8 : 64));

    /**
     * Runs something with ever more room left, until one run notices nothing. `attempt` is called on the full disk and
     * says whether it was so; then there is room again and `next` has to work: after the fullest disk and the last one,
     * or each.
     */
    async function atEachLevel(
      attempt: (context: Context) => Promise<boolean>,
      next: () => Promise<void>,
    ): Promise<number> {
      for (let [pages, rounds] = [0, 0]; pages * page <= 16 * 1024 ** 2; pages = more(pages), rounds += 1) {
        const context = await contextHere();
        fillDisk(filler, pages * page);
        const unnoticed = await attempt(context);
        makeRoom();
        if (everyRound || rounds === 0 || unnoticed) await next();
        expect(services(stack)).toEqual(all);
        expect(leftovers(stack)).toEqual([]);
        if (unnoticed) return rounds;
      }
      throw new Error("16 MiB are not enough");
    }

    /** How many sets the local store lists, all of them whole. */
    async function countWhole(): Promise<number> {
      const { snapshots } = await readCatalogue(localStore(join(stack.directory, "backups")));
      for (const { problems } of snapshots) expect(problems).toEqual([]);
      return snapshots.length;
    }

    test("with ever more room for a volume's copy: no half set is listed, what ran runs, and the next run is whole", async () => {
      const copy = (context: Context) => runBackup(context, { only: ["app-uploads"], version: "0.0.0" });
      const rounds = await atEachLevel(
        async (context) => {
          const before = await countWhole();
          const ended = await copy(context).catch((error: StackError) => error);
          expect(services(stack)).toEqual(all);
          if (ended instanceof Error) {
            expectTold(ended);
            expect(await countWhole()).toBe(before);
            return false;
          }
          const failed = ended.sources.flatMap(({ error }) => error ?? []);
          for (const error of failed) expectTold(error);
          expect(await countWhole()).toBe(before + ended.sources.filter(({ id }) => id !== undefined).length);
          return failed.length === 0 && !ended.notes.some((note) => note.includes("full"));
        },
        async () => {
          const { sources } = await copy(await contextHere());
          expect(sources.map(({ outcome, error }) => [outcome, error])).toEqual([["ok", undefined]]);
          await countWhole();
        },
      );
      expect(rounds).toBeGreaterThan(everyRound ? 3 : 2);
    });

    const sql = (text: string) => stack.sh("postgres", `psql -qU postgres -d app -Atc "${text}"`).trim();

    test.each([
      ["before the first byte is copied", "app-uploads", "working", /^copying/],
      ["while the server is copied", "postgres", "working", /^copying/],
      ["when a copy is about to be published", "app-uploads", "working", /^checking/],
      ["when the last copy has been published, before it is remembered", "postgres", "done", /^base/],
    ])("%s: it says so, everything runs on, and with room again all is well", async (_, source, state, words) => {
      const before = await listWhole(stack);
      const ended = await fillingAt(
        (subject, is, text) => subject === source && is === state && words.test(text),
        (context): Promise<RunResult> => runBackup(context, { only: [source], version: "0.0.0" }),
      );
      if (ended instanceof Error) throw ended;
      const failed = ended.sources.filter(({ outcome }) => outcome === "failed");
      expect(failed.length, JSON.stringify(ended)).toBeGreaterThan(0);
      for (const { error } of failed)
        expect(`${error?.message} ${error?.details?.join(" ")}`).toMatch(/no space left|ENOSPC|disk is full/i);
      expect(ended.notes.join("\n")).toContain("could not be remembered");
      expect(services(stack)).toEqual(all);
      expect(sql("CREATE TABLE IF NOT EXISTS t (n int); INSERT INTO t VALUES (1) RETURNING n")).toBe("1");
      const listed = await listWhole(stack);
      expect(listed.length - before.length).toBe(ended.sources.filter(({ id }) => id !== undefined).length);
      makeRoom();
      await succeed(stack, "backup", "run", "--only", source);
      expect(leftovers(stack)).toEqual([]);
      expect(services(stack)).toEqual(all);
      // Each of them is looked at again by the verify in the end.
      expect((await listWhole(stack)).length).toBeGreaterThan(listed.length);
    });

    test("a command that begins on a full disk names the disk and what to do, and stops nothing", async () => {
      fill();
      const ended = await stack.run(["backup", "run"]);
      expect(ended.code, ended.lines.join("\n")).not.toBe(0);
      const said = `${ended.lines.join("\n")}\n${ended.stdout}`;
      expect(said).toMatch(/make room on the disk of .* \(df -h\), then run/);
      expect(services(stack)).toEqual(all);
      makeRoom();
      await succeed(stack, "backup", "run", "--only", "app-uploads");
    });

    const mark = () => stack.sh("app", "cat /uploads/mark");
    const setMark = (text: string) => stack.sh("app", `echo ${text} >/uploads/mark`);
    const startedAt = () => stack.docker("inspect", "--format", "{{.State.StartedAt}}", containerOf(stack, "app"));

    describe("during a restore", () => {
      const only = ["app-uploads"];
      const restore = (context: Context) => runRestore(context, { only, version: "0.0.0" });

      /** What restores have put aside. */
      function removeKept(): void {
        const kept = stack.docker("volume", "ls", "-q", "--filter", "label=create-stack.purpose=restore");
        const own = kept.split("\n").filter((name) => name.startsWith(stack.name));
        if (own.length > 0) stack.docker("volume", "rm", ...own);
      }

      beforeAll(async () => {
        setMark("saved");
        await succeed(stack, "backup", "run", "--only", "app-uploads");
      });
      beforeEach(() => void setMark("live"));

      test("nothing can be staged: it says so, nothing has stopped, and with room again it works", async () => {
        const before = startedAt();
        const ended = await fillingAt((_, __, text) => text.startsWith("Loading"), restore);
        expect(ended).toBeInstanceOf(StackError);
        expect(ended).toMatchObject({
          message: expect.stringMatching(`disk of ${stack.directory}.* is full`),
          hint: expect.stringMatching(/make room .*df -h.*, then run the same/),
        });
        expect([mark(), startedAt()]).toEqual(["live", before]);
        makeRoom();
        await succeed(stack, "restore", "run", "--only", "app-uploads", "--yes");
        expect(mark()).toBe("saved");
        expect(leftovers(stack)).toEqual([]);
      });

      test("with the copy in place already: it is served, and what could not be remembered is told", async () => {
        const ended = await fillingAt((_, __, text) => text.startsWith("Swapping"), restore);
        expect(services(stack)).toEqual(all);
        makeRoom();
        if (ended instanceof Error) expect(ended.message).toMatch(/was restored.*disk of .* is full/);
        expect(mark()).toBe("saved");
      });

      test.each([
        ["in place", "local"],
        ["fetched from a bucket", "offsite"],
      ] as const)("with ever more room, for a copy %s: old or new and whole, and the next one works", async (_, on) => {
        const bucket = await startFaultyS3();
        writeFileSync(join(stack.directory, "secrets/s3"), "key\nsecret\n");
        const place = {
          bucket: "b",
          prefix: "shop",
          endpoint: bucket.endpoint,
          credentials: "s3",
          appendOnly: false,
        };
        const destinations = on === "local" ? [] : [{ name: on, type: "s3" as const, ...place }];
        const withBucket = (context: Context): Context => ({
          ...context,
          model: { ...model, backup: { ...model.backup, destinations } },
        });
        setMark("saved");
        const saved = await runBackup(withBucket(await contextHere()), { only, version: "0.0.0" });
        expect(saved.deliveries.map(({ outcome }) => outcome)).toEqual(destinations.map(() => "ok"));
        setMark("live");
        const bring = (context: Context) => runRestore(withBucket(context), { only, on, version: "0.0.0" });
        const rounds = await atEachLevel(
          async (context) => {
            setMark("live");
            removeKept();
            const lines: string[] = [];
            const progress = { ...silentProgress, line: (text: string) => void lines.push(text) };
            const ended = await bring({ ...context, progress }).catch((error: StackError) => error);
            expect(services(stack)).toEqual(all);
            if (ended instanceof Error) expectTold(ended);
            const restored = !(ended instanceof Error) || ended.message.includes("was restored");
            expect(mark(), messageOf(ended)).toBe(restored ? "saved" : "live");
            return !(ended instanceof Error) && !lines.some((line) => line.includes("full"));
          },
          async () => {
            setMark("live");
            await bring(await contextHere());
            expect(mark()).toBe("saved");
          },
        );
        expect(rounds).toBeGreaterThan(1);
        await bucket.close();
      });

      test("at any line of the journal: what ran runs, old or new and whole, and nothing of it is taken back later", async () => {
        const context = await contextHere();
        const copy = `${stack.name}_copy`;
        await context.engine.createVolume(copy, ownLabels(model, "copy"));
        const pair = { restored: copy, replaces: `${stack.name}_app-uploads` };
        const write = ["run", "--rm", "--user", "0", "--volume", `${copy}:/copy`, "busybox:1.38.0", "sh", "-c"];
        let refused = 0;
        for (let writes = 0; ; writes += everyRound ? 1 : 2) {
          stack.docker(...write, "rm -f /copy/later; echo saved >/copy/mark");
          stack.sh("app", "rm -f /uploads/later; echo live >/uploads/mark");
          const whole = openJournal(stack.directory, "restore", context.clock, {}, { pid: 0 });
          const journal = fullAfter(whole, writes);
          const ended = await whileStopped(context, journal, ["app"], async () => {
            await swapVolumes(context, journal, [pair]);
            await context.engine.start(containerOf(stack, "app"));
          }).catch((error: Error) => error);
          expect(services(stack)).toEqual(all);
          const found = mark();
          expect(["live", "saved"]).toContain(found);
          stack.sh("app", "echo written >/uploads/later");
          await recover({ ...context, progress: silentProgress });
          expect(services(stack)).toEqual(all);
          expect(stack.sh("app", "cat /uploads/mark /uploads/later"), `after ${writes} lines`).toBe(
            `${found}\nwritten`,
          );
          if (ended === undefined) break;
          expect(messageOf(ended)).toContain("ENOSPC");
          refused += 1;
        }
        expect(refused).toBeGreaterThan(everyRound ? 5 : 2);
        stack.docker("volume", "rm", copy);
      });
    });

    test("Postgres lets go of its log instead of stopping, and the next run tells of the hole and makes a new base", async () => {
      const archiver = () => sql("SELECT last_archived_wal || ' ' || failed_count FROM pg_stat_archiver");
      fill();
      const [, failedBefore] = archiver().split(" ");
      sql("INSERT INTO t VALUES (2)");
      const segment = sql("SELECT pg_walfile_name(pg_switch_wal())");
      await until(`archiving of ${segment}`, () => (archiver().split(" ")[0] ?? "") >= segment);
      expect(archiver().split(" ")[1]).toBe(failedBefore);
      expect(sql("INSERT INTO t VALUES (3) RETURNING n")).toBe("3");
      makeRoom();
      // The log goes on behind what is missing: that is a hole, which the base that this run makes puts right.
      const next = sql("SELECT pg_walfile_name(pg_switch_wal())");
      await until(`archiving of ${next}`, () => (archiver().split(" ")[0] ?? "") >= next);
      const ended = await stack.run(["backup", "run", "--lane", "increment", "--json"]);
      expect(ended.code, [...ended.lines, ended.stdout].join("\n")).toBe(0);
      expect(ended.lines.join("\n")).toContain("A new base of postgres is due");
      const { sources } = JSON.parse(ended.stdout) as RunResult;
      expect(sources.filter(({ type, outcome }) => type === "base" && outcome === "ok")).toHaveLength(1);
      expect(JSON.stringify(sources)).toContain(`${segment} of postgres was not kept`);
      const again = await succeed(stack, "backup", "run", "--lane", "increment", "--json");
      expect(again.lines.join("\n")).not.toContain("A new base");
      await succeed(stack, "backup", "verify", "--all");
      sql("INSERT INTO t VALUES (4)");
      await succeed(stack, "restore", "run", "--only", "postgres", "--yes");
      expect(sql("SELECT max(n) FROM t")).toBe("4");
    });
  });

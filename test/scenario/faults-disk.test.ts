import { spawnSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statfsSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { RunResult } from "../../src/operations/backup/result.ts";
import { runBackup } from "../../src/operations/backup/run.ts";
import type { Context } from "../../src/operations/context.ts";
import { silentProgress } from "../../src/operations/progress.ts";
import type { StackModel } from "../../src/stack/model.ts";
import { messageOf } from "../../src/support/errors.ts";
import { contextFor } from "../support/backup-jobs.ts";
import { describeWithDocker, docker } from "../support/docker.ts";
import {
  appWithVolume,
  createFaultStack,
  type FaultStack,
  leftovers,
  listWhole,
  services,
  succeed,
  until,
} from "../support/faults.ts";

const images = ["busybox:1.38.0", "postgres:18.6-trixie"];
const all = ["app running", "postgres running"];

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

    /** Writes until nothing fits any more. */
    function fill(): void {
      const file = openSync(filler, "w");
      try {
        for (;;) writeSync(file, new Uint8Array(64 * 1024));
      } catch (error) {
        expect(messageOf(error)).toContain("ENOSPC");
      } finally {
        closeSync(file);
      }
      expect(statfsSync(disk ?? "").bavail).toBe(0);
    }
    const makeRoom = () => rmSync(filler, { force: true });
    afterEach(makeRoom);

    /** A run in whose progress the disk fills up at one point. */
    async function fillingAt(
      reached: (subject: string, state: string, text: string) => boolean,
    ): Promise<RunResult | Error> {
      const { engine } = await docker();
      if (engine === undefined) throw new Error("there was an engine a moment ago");
      let filled = false;
      const context: Context = {
        ...contextFor({ directory: stack.directory, model }, engine),
        progress: {
          ...silentProgress,
          update(subject, state, text) {
            if (filled || !reached(subject, state, text)) return;
            filled = true;
            fill();
          },
        },
      };
      try {
        return await runBackup(context, { version: "0.0.0" });
      } catch (error) {
        return error as Error;
      } finally {
        expect(filled).toBe(true);
      }
    }

    const sql = (text: string) => stack.sh("postgres", `psql -qU postgres -d app -Atc "${text}"`).trim();

    test.each([
      ["before the first byte is copied", "app-uploads", "working", /^copying/],
      ["while the server is copied", "postgres", "working", /^copying/],
      ["when a copy is about to be published", "app-uploads", "working", /^checking/],
      ["when the last copy has been published, before it is remembered", "postgres", "done", /^base/],
    ])("%s: it says so, everything runs on, and with room again all is well", async (_, source, state, words) => {
      const before = await listWhole(stack);
      const ended = await fillingAt((subject, is, text) => subject === source && is === state && words.test(text));
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
      await succeed(stack, "backup", "run");
      expect(leftovers(stack)).toEqual([]);
      expect(services(stack)).toEqual(all);
      await succeed(stack, "backup", "verify", "--all");
    });

    test("a command that begins on a full disk names the disk and what to do, and stops nothing", async () => {
      fill();
      const ended = await stack.run(["backup", "run"]);
      expect(ended.code, ended.lines.join("\n")).not.toBe(0);
      const said = `${ended.lines.join("\n")}\n${ended.stdout}`;
      expect(said).toMatch(/make room on the disk of .* \(df -h\), then run/);
      expect(services(stack)).toEqual(all);
      makeRoom();
      await succeed(stack, "backup", "run");
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
      const ended = await stack.run(["backup", "run", "--lane", "increment", "--json"]);
      expect(ended.code, ended.lines.join("\n")).toBe(0);
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

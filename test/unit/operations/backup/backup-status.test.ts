import { describe, expect, test } from "vitest";
import { backupStatusScreen } from "../../../../src/cli/backup-status-screen.ts";
import { exitOfBackupStatus, runBackupStatus } from "../../../../src/operations/backup/backup-status.ts";
import { changeBackupState, noteDelivery, noteSourceRun } from "../../../../src/operations/backup/state.ts";
import { bytesOf } from "../../../../src/snapshots/byte-source.ts";
import type { DataSource } from "../../../../src/stack/data-source.ts";
import { type BackupStack, backupStack } from "../../../support/backup-stack.ts";
import { type MemoryStore, memoryStore } from "../../../support/memory-store.ts";
import { backupSettings, postgresSource } from "../../../support/models.ts";
import { baseFacts, day, hour, manifest, minute, noon, putSnapshot, segment } from "../../../support/snapshots.ts";

const files: DataSource = {
  name: "files",
  component: "app",
  service: "app",
  volume: "files",
  kind: "volume",
  consistency: { kind: "live" },
};
const postgres = postgresSource({ spool: "spool" });

interface Shop extends BackupStack {
  local: MemoryStore;
  offsite: MemoryStore;
}

/** A stack with a destination; everything is two minutes old there. */
async function shop(sources: DataSource[] = [files]): Promise<Shop> {
  const destinations = [
    { name: "offsite", type: "s3" as const, bucket: "b", prefix: "shop", credentials: "s3", appendOnly: false },
  ];
  const unprotected = [{ name: "cache", component: "redis", reason: "it is a cache" }];
  const stack = backupStack({ backup: backupSettings({ destinations }), dataSources: sources, unprotected });
  const local = memoryStore({ name: "local", offHost: false, now: () => noon - 2 * minute });
  const offsite = memoryStore({ name: "offsite", now: () => noon - 2 * minute });
  for (const store of [local, offsite])
    for (const { name } of [{ name: "stack" }, ...sources])
      await putSnapshot(store, manifest({ source: name, at: noon - 2 * minute }));
  return { ...stack, local, offsite };
}

async function problems({ context, local, offsite }: Shop): Promise<string[]> {
  const report = await runBackupStatus(context, [local, offsite]);
  return report.problems.map(({ severity, message }) => `${severity}: ${message}`);
}

const plain = (_: unknown, text: string) => text;

describe("backup status", () => {
  test("shows what could be lost, the newest snapshots, the stores, and what is left out on purpose", async () => {
    const { context, local, offsite, directory } = await shop();
    changeBackupState(directory, (state) => {
      state.lastPrune.local = { at: noon - hour, removed: 2, refused: 0, bytes: 10, held: [] };
      state.drills.files = {
        at: noon - day,
        ok: true,
        snapshot: "20261120T120000Z-000000",
        took: 4 * minute,
        detail: "30 files",
      };
    });
    const report = await runBackupStatus(context, [local, offsite], {
      nextRuns: [{ lane: "full", at: noon + 2 * hour }],
    });
    expect(backupStatusScreen(report, plain, undefined)).toEqual([
      "shop  backups are fresh  2026-11-21 12:00:00",
      "",
      "Could be lost now",
      "  stack  local    2m  does not count: it is lost with this host",
      "         offsite  2m  of 2d12h",
      "  files  local    2m  does not count: it is lost with this host",
      "         offsite  2m  of 15m",
      "",
      "Newest snapshots",
      "  stack  full  20261121T115800Z-000000  2m ago  953 B  local  structure 2m ago",
      "  files  full  20261121T115800Z-000000  2m ago  953 B  local  structure 2m ago",
      "",
      "Trial restores",
      "  files  4m of 30m  20261120T120000Z-000000  1d ago  30 files",
      "",
      "Stores",
      "  local    2 snapshots  1.9 KB    pruned 1h ago: 2 sets removed",
      "  offsite  2 snapshots  1.9 KB    never pruned",
      "",
      "Not backed up",
      "  cache  it is a cache",
      "",
      "Next",
      "  full  in 2h  2026-11-21 14:00:00",
    ]);
    expect(exitOfBackupStatus(report)).toBe("done");
  });

  test("is an alarm when the copy off the host is old, however fresh the one here is", async () => {
    const given = await shop();
    await putSnapshot(given.local, manifest({ at: noon + 13 * minute }));
    given.time.now = noon + 13 * minute;
    const report = await runBackupStatus(given.context, [given.local, given.offsite]);
    expect(report.problems.map(({ severity, message, hint }) => [severity, message, hint])).toEqual([
      [
        "critical",
        "the newest copy of files in offsite is 15m old; 15m may be lost at most",
        "./prod.sh backup run --only files",
      ],
      ["warn", "offsite lacks 1 snapshot of this host", "./prod.sh backup run --only stack"],
    ]);
    expect(exitOfBackupStatus(report)).toBe("unhealthy");
  });

  test("warns at half of what may be lost", async () => {
    const given = await shop();
    given.time.now = noon + 6 * minute;
    expect(await problems(given)).toEqual([
      "warn: the newest copy of files in offsite is 8m old; 15m may be lost at most",
    ]);
  });

  test("is an alarm when a source has no copy, or a store does not answer, told once", async () => {
    const given = await shop();
    for (const key of [...given.offsite.objects.keys()]) if (key.includes("/files/")) given.offsite.objects.delete(key);
    expect(await problems(given)).toContain("critical: nothing of files can be restored from offsite");
    const dead: MemoryStore = {
      ...given.offsite,
      // biome-ignore lint/correctness/useYield: it fails before the first object
      async *list() {
        throw new Error("no answer");
      },
    };
    const report = await runBackupStatus(given.context, [given.local, dead]);
    const there = report.sources.flatMap(({ points }) => points.filter(({ store }) => store === "offsite"));
    expect(there.map(({ age, state }) => [age, state])).toEqual([
      [undefined, "critical"],
      [undefined, "critical"],
    ]);
    expect(await problems({ ...given, offsite: dead })).toEqual(["critical: no answer"]);
  });

  test("tells failed runs and deliveries, held prunes, and trial restores that failed or took too long", async () => {
    const given = await shop();
    changeBackupState(given.directory, (state) => {
      noteSourceRun(state, "files", "incremental", noon, { ok: false, message: "no space left" });
      noteDelivery(state, "offsite", noon, { ok: false, message: "403" });
      state.lastPrune.local = { at: noon, removed: 0, refused: 0, bytes: 0, held: ["files: its newest run failed"] };
      state.drills.files = { at: noon, ok: false, snapshot: "20261120T120000Z-000000", took: 1, detail: "rows differ" };
      state.drills.stack = { at: noon, ok: true, snapshot: "20261120T120000Z-000000", took: 31 * minute, detail: "" };
    });
    expect(await problems(given)).toEqual([
      "critical: the newest trial restore of files failed: rows differ",
      "warn: the newest prune of local left something: files: its newest run failed",
      "warn: the newest delivery to offsite failed: 403",
      "warn: a restore of stack took 31m, more than the 30m that it may take",
      "warn: the newest incremental of files failed: no space left",
    ]);
  });

  test("warns when the trial restores of all sources together take longer than a restore may", async () => {
    const given = await shop();
    const drill = (minutes: number) => ({
      at: noon,
      ok: true,
      snapshot: "20261120T120000Z-000000",
      took: minutes * minute,
      detail: "",
    });
    const withTimes = (files: number) => {
      changeBackupState(given.directory, (state) => {
        state.drills.files = drill(files);
        state.drills.stack = drill(14);
      });
      return problems(given);
    };
    expect(await withTimes(16)).toEqual([]);
    expect(await withTimes(17)).toEqual([
      "warn: a restore of everything took 31m in all, more than the 30m that it may take",
    ]);
  });

  test("shows between which moments a database can be restored to any, and where the log has a hole", async () => {
    const given = await shop([postgres]);
    const base = manifest({ source: "postgres", type: "base", at: noon - day, facts: baseFacts(segment(3)) });
    for (const store of [given.local, given.offsite]) {
      await putSnapshot(store, base);
      for (const number of [3, 4, 5, 7])
        await store.put(`wal/postgres/7312345678901234567/${segment(number)}.zst`, bytesOf("log"));
    }
    const report = await runBackupStatus(given.context, [given.local, given.offsite]);
    const lines = backupStatusScreen(report, plain, undefined);
    expect(lines.slice(lines.indexOf("Any moment between") + 1).slice(0, 2)).toEqual([
      `  postgres  local    2026-11-20 12:00:00 and 2026-11-21 11:58:00  ${segment(6)} is missing`,
      `  postgres  offsite  2026-11-20 12:00:00 and 2026-11-21 11:58:00  ${segment(6)} is missing`,
    ]);
    expect(await problems(given)).toContain(
      `warn: the log of postgres in offsite has a hole: ${segment(6)} to ${segment(6)} are missing`,
    );
  });
});

import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  changeBackupState,
  lastRunsOf,
  noteCheck,
  noteClock,
  noteDelivery,
  noteSourceRun,
  readBackupState,
  withLaterChecks,
} from "../../../../src/operations/backup/state.ts";
import { backupStack } from "../../../support/backup-stack.ts";
import { day, entry, hour, idAt, noon } from "../../../support/snapshots.ts";

const empty = { lastPrune: {}, sources: {}, deliveries: {}, checks: {}, drills: {}, changes: {}, pruning: {} };

describe("what is remembered of backups", () => {
  test("is there again after it was written, for the owner alone", () => {
    const { directory } = backupStack();
    expect(readBackupState(directory)).toEqual(empty);
    const written = changeBackupState(directory, (state) => {
      noteClock(state, noon);
      noteSourceRun(state, "files", "full", noon, { ok: true });
      noteDelivery(state, "offsite", noon, { ok: false, message: "403" });
      state.drills.files = { at: noon, ok: true, snapshot: idAt(noon), took: 5, detail: "" };
      state.lastPrune.local = { at: noon, removed: 1, refused: 0, bytes: 2, held: [] };
      state.changes.postgres = { lastChangeAt: noon, seenAt: noon };
      state.pruning.local = ["snapshots/files/x/"];
    });
    expect(readBackupState(directory)).toEqual(written);
    if (process.platform !== "win32")
      expect(statSync(join(directory, ".stack", "backup", "state.json")).mode & 0o777).toBe(0o600);
  });

  test("keeps the last success when a run fails", () => {
    const { directory } = backupStack();
    const state = readBackupState(directory);
    noteSourceRun(state, "files", "full", noon - day, { ok: true });
    noteSourceRun(state, "files", "full", noon, { ok: false, message: "disk full" });
    expect(state.sources.files?.full).toEqual({
      lastRunAt: noon,
      lastOutcome: "failed",
      lastSuccessAt: noon - day,
      message: "disk full",
    });
    noteSourceRun(state, "files", "log", noon, { ok: true });
    expect(lastRunsOf(state)).toEqual([{ source: "files", type: "full", at: noon, outcome: "failed" }]);
  });

  test("keeps the newest check of each level, and gives it to the catalogue", () => {
    const { directory } = backupStack();
    const state = readBackupState(directory);
    const check = (level: "hash" | "drill", ok: boolean) => ({
      level,
      ok,
      at: new Date(noon).toISOString(),
      detail: "",
    });
    noteCheck(state, "local", `files/${idAt(noon)}`, check("hash", false));
    noteCheck(state, "local", `files/${idAt(noon)}`, check("drill", true));
    noteCheck(state, "local", `files/${idAt(noon)}`, check("hash", true));
    const [here] = withLaterChecks(state, "local", [entry({ at: noon })]);
    expect(here?.laterChecks).toEqual([check("drill", true), check("hash", true)]);
    const [there] = withLaterChecks(state, "offsite", [entry({ at: noon })]);
    expect(there?.laterChecks).toBeUndefined();
  });

  test("knows when the clock leapt", () => {
    const { directory } = backupStack();
    const state = readBackupState(directory);
    for (const now of [noon, noon + hour, noon + hour + day]) noteClock(state, now);
    expect([state.lastSeenNow, state.jumpedAt]).toEqual([noon + hour + day, undefined]);
    noteClock(state, noon + 3 * day);
    expect(state.jumpedAt).toBe(noon + 3 * day);
    noteClock(state, noon);
    expect([state.lastSeenNow, state.jumpedAt]).toEqual([noon, noon]);
  });

  test.each([
    "",
    "{",
    "null",
    "[]",
    '"x"',
    '{"sources":{"files":{"full":3}},"pruning":{"local":"x"},"drills":[1],"lastSeenNow":"now","checks":{"a":[1]}}',
  ])("that makes no sense is empty: %s", (text) => {
    const { directory } = backupStack();
    mkdirSync(join(directory, ".stack", "backup"), { recursive: true });
    writeFileSync(join(directory, ".stack", "backup", "state.json"), text);
    expect(readBackupState(directory)).toEqual(empty);
    changeBackupState(directory, (state) => noteClock(state, noon));
    expect(JSON.parse(readFileSync(join(directory, ".stack", "backup", "state.json"), "utf8"))).toEqual({
      format: 1,
      ...empty,
      lastSeenNow: noon,
    });
  });
});

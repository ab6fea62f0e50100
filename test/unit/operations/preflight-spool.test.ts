import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { checkSpools } from "../../../src/operations/preflight-spool.ts";
import type { DataSource } from "../../../src/stack/data-source.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const now = Date.parse("2026-11-21T12:00:00Z");
const postgres = { kind: "postgres", name: "db", spool: "backups/spool/db" } as DataSource;

/** What is said of a spool with files of these ages in hours. */
function said(...hours: number[]): string[] {
  const directory = mkdtempSync(join(tmpdir(), "spool-"));
  folders.push(directory);
  mkdirSync(join(directory, postgres.kind === "postgres" ? postgres.spool : ""), { recursive: true });
  hours.forEach((age, index) => {
    const path = join(directory, "backups/spool/db", `${index}.zst`);
    writeFileSync(path, "x".repeat(1024));
    utimesSync(path, now / 1_000, now / 1_000 - age * 3_600);
  });
  return checkSpools({ dataSources: [postgres] }, directory, now).map(({ level, message }) => `${level} ${message}`);
}

test("a log that is taken over each minute is fine, and so is one that was never written", () => {
  expect(said()).toEqual(["ok the log of db is taken over"]);
  expect(said(0.1, 23)).toEqual(["ok the log of db is taken over"]);
});

test("a log that nobody takes over is told before it fills the disk", () => {
  expect(said(1, 50)).toEqual(["warn nobody has taken over the log of db for 2d2h: 2 KB wait in backups/spool/db"]);
});

test("sources of other kinds have no log", () => {
  expect(checkSpools({ dataSources: [{ kind: "volume" } as DataSource] }, "/", now)).toEqual([]);
});

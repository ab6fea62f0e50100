import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  appendHistory,
  lastMigration,
  type MigrationRecord,
  newMigrationId,
  readHistory,
} from "../../../src/operations/migration-history.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "history-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function run(id: string, parts: Partial<MigrationRecord> = {}): MigrationRecord {
  return {
    id,
    app: "web",
    service: "web-migrate",
    kind: "migrate",
    image: "web:1",
    imageId: "sha256:1",
    startedAt: "2026-01-01T00:00:00.000Z",
    outcome: "ok",
    ...parts,
  };
}
const path = () => join(directory, ".stack", "migrations", "history.jsonl");

test("a run has the last that is known of it, in the order of the beginnings", () => {
  appendHistory(directory, run("1", { outcome: "unfinished" }));
  appendHistory(directory, run("2", { outcome: "unfinished" }));
  appendHistory(directory, run("1", { outcome: "failed", exitCode: 3 }));
  expect(readHistory(directory).map(({ id, outcome }) => `${id} ${outcome}`)).toEqual(["1 failed", "2 unfinished"]);
  expect(statSync(path()).mode & 0o777).toBe(0o600);
});

test("there is no history before the first run", () => {
  expect(readHistory(directory)).toEqual([]);
  expect(lastMigration([], "web")).toBeUndefined();
});

test("a line that was cut short costs neither the lines before nor the next one", () => {
  appendHistory(directory, run("1"));
  appendFileSync(path(), '{"id":"2","app":"we');
  appendHistory(directory, run("3"));
  expect(readHistory(directory).map(({ id }) => id)).toEqual(["1", "3"]);
  expect(readFileSync(path(), "utf8").split("\n")).toHaveLength(4);
});

test("the last migration of an app is no seed and no migration of another", () => {
  const history = [run("1"), run("2"), run("3", { kind: "seed" }), run("4", { app: "other" })];
  expect(lastMigration(history, "web")?.id).toBe("2");
});

test("ids sort by time and can stand in the name of a container", () => {
  const [first, second] = [newMigrationId(1_000_000_000_000), newMigrationId(1_000_000_001_000)];
  expect(first).toMatch(/^20010909t014640z-[0-9a-f]{4}$/);
  expect(first < second).toBe(true);
});

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { volumeKind } from "../../../src/operations/backup/kind-volume.ts";
import {
  compareCounts,
  countsIn,
  factsIn,
  readClock,
  setBack,
  type VolumeFacts,
} from "../../../src/operations/backup/volume-facts.ts";
import { databaseAtWork } from "../../../src/operations/backup/volume-guard.ts";
import { recall, remember } from "../../../src/operations/backup/volume-memory.ts";
import type { SnapshotManifest } from "../../../src/snapshots/manifest.ts";
import type { DataSourceOf } from "../../../src/stack/data-source.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "volume-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const source: DataSourceOf<"volume"> = {
  name: "uploads",
  component: "web",
  service: "web",
  volume: "uploads",
  kind: "volume",
  consistency: { kind: "live" },
};

/** A snapshot by its number; without a parent it is a full one. */
function snapshot(number: number, parent?: number): SnapshotManifest {
  const id = String(number);
  const type = parent === undefined ? "full" : "incremental";
  return { id, type, ...(parent !== undefined && { parent: String(parent) }) } as SnapshotManifest;
}

const chainOf = (length: number) =>
  Array.from({ length }, (_, number) => (number === 0 ? snapshot(0) : snapshot(number, number - 1)));

test.each([
  ["full", [], ["full"]],
  ["full", chainOf(3), ["full"]],
  ["dump", chainOf(3), []],
  ["increment", [], ["full"]],
  ["increment", chainOf(1), ["incremental"]],
  ["increment", chainOf(144), ["incremental"]],
  ["increment", chainOf(145), ["full"]],
  // What the newest builds on is gone, but there is an older one that is whole.
  ["increment", [...chainOf(2), snapshot(7, 6)], ["incremental"]],
  ["increment", [snapshot(7, 6), snapshot(8, 7)], ["full"]],
] as const)("the lane %s after %j makes %j", (lane, earlier, wanted) => {
  expect(volumeKind.plan(lane, source, earlier)).toEqual(wanted);
});

const counted: VolumeFacts = {
  files: 10,
  folders: 3,
  links: 1,
  others: 0,
  bytes: 4_000,
  listing: "aa",
  empty: false,
  unsettled: 0,
  members: 14,
  memory: "",
  clock: { boot: "b", bootedAt: 0 },
};

test("what was still while it was copied comes back as it was; of what changed the counts may differ by as much", () => {
  expect(compareCounts(counted, counted).ok).toBe(true);
  expect(compareCounts(counted, { ...counted, listing: "bb" })).toEqual({
    ok: false,
    detail:
      "10 files, 3 folders, 4000 bytes are not the 10 files, 3 folders, 4000 bytes that were copied: a name, mode, owner, size or time differs",
  });
  const busy = { ...counted, unsettled: 2 };
  expect(compareCounts(busy, { ...counted, listing: "bb", files: 12 }).ok).toBe(true);
  expect(compareCounts(busy, { ...counted, listing: "bb", files: 13 }).ok).toBe(false);
  expect(compareCounts(busy, { ...counted, folders: 0 }).ok).toBe(false);
});

test("facts are read from among other lines, and a missing one is noticed", () => {
  const output = [
    "noise",
    "fact files 3",
    "fact folders 1",
    "fact links 0",
    "fact others 0",
    "fact bytes 12 ",
    "fact listing ab",
  ];
  expect(countsIn(factsIn(output))).toEqual({ files: 3, folders: 1, links: 0, others: 0, bytes: 12, listing: "ab" });
  expect(() => countsIn(factsIn(output.slice(2)))).toThrow("how many files");
});

test("a wall clock that was set back is noticed, a little drift is none", () => {
  const now = readClock(Date.now());
  expect(now.boot).not.toBe("");
  expect(setBack(now, readClock(Date.now()))).toBe(false);
  expect(setBack(now, readClock(Date.now() + 60_000))).toBe(false);
  expect(setBack(now, readClock(Date.now() - 5_000))).toBe(true);
  expect(setBack({ ...now, boot: "another" }, readClock(Date.now() - 5_000))).toBe(false);
  expect(setBack(undefined, now)).toBe(true);
});

test("what tar remembers belongs to one snapshot, and is not used when it is another than it was", () => {
  const memory = join(folder, "memory");
  mkdirSync(memory);
  const made = join(folder, "made");
  const remembered = (id: string, text: string, kept: readonly string[]) => {
    writeFileSync(made, text);
    return remember(memory, id, made, kept);
  };
  const first = remembered("1", "one", []);
  const second = remembered("2", "two", ["1"]);
  expect(readdirSync(memory).sort()).toEqual(["1.snar", "2.snar"]);
  // That of a snapshot that was never published is forgotten.
  remembered("3", "three", ["1"]);
  expect(readdirSync(memory).sort()).toEqual(["1.snar", "3.snar"]);
  const to = join(folder, "to");
  expect(recall(memory, "1", first, to)).toBe(true);
  expect(readFileSync(to, "utf8")).toBe("one");
  expect(recall(memory, "2", second, to)).toBe(false);
  expect(recall(memory, "1", second, to)).toBe(false);
});

test.each([
  ["18/docker/global/pg_control", "Postgres", "component `postgres`"],
  ["ibdata1", "MySQL or MariaDB", "`backup: stop`"],
  ["db/WiredTiger.wt", "MongoDB", "`backup: stop`"],
  ["appendonlydir", "Redis or Valkey", "component `redis`"],
  ["nodes/0/node.lock", "Elasticsearch", "`backup: stop`"],
])("%s is taken for a file of %s", (path, server, advice) => {
  const error = databaseAtWork("uploads", "shop-db-1", [path]);
  expect(error.message).toContain(`uploads looks like the folder of ${server}`);
  expect(error.message).toContain("runs in shop-db-1");
  expect(error.hint).toContain(advice);
});

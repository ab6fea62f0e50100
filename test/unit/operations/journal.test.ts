import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { commands } from "../../../src/cli/table.ts";
import {
  abandonedOperations,
  closeAbandoned,
  commandOf,
  openJournal,
  readJournal,
  reopenJournal,
  runUndo,
  undoList,
  unfinishedOperations,
} from "../../../src/operations/journal.ts";

let directory: string;
let time = 0;
const clock = { now: () => time };
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "journal-"));
  time = Date.UTC(2026, 0, 2, 3, 4, 5);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const route = (to: string) => ({ kind: "set-route", to });
const fileOf = (id: string) => join(directory, ".stack", "journal", `${id}.jsonl`);

test("a finished operation leaves nothing to do", () => {
  const journal = openJournal(directory, "start", clock);
  journal.begin({ id: "pull:web" });
  journal.done({ id: "pull:web" });
  journal.end("done");
  expect(journal.id).toMatch(/^20260102T030405\.000Z-start-[0-9a-f]{6}$/);
  expect(unfinishedOperations(directory)).toEqual([]);
});

test("the undo of a step is on the disk before the step acts", () => {
  const journal = openJournal(directory, "deploy", clock, { app: "web" });
  journal.begin({ id: "route:web", undo: route("old") });
  expect(readFileSync(fileOf(journal.id), "utf8")).toContain('"undo":{"kind":"set-route","to":"old"}');
  expect(unfinishedOperations(directory)[0]).toEqual({
    id: journal.id,
    operation: "deploy",
    at: time,
    details: { app: "web" },
    process: expect.objectContaining({ pid: process.pid }),
    ended: false,
    undo: [{ step: "route:web", undo: route("old") }],
  });
});

test("steps are taken back last first, failed ones too, and those taken back already are not", async () => {
  const journal = openJournal(directory, "deploy", clock);
  for (const id of ["a", "b", "c"]) journal.begin({ id, undo: route(id) });
  journal.done({ id: "a" });
  journal.failed({ id: "c" }, new Error("no"));
  journal.undone("b");
  expect(undoList(readJournal(directory, journal.id)).map(({ step }) => step)).toEqual(["c", "a"]);
});

test("an undo that fails does not keep the others from being tried, and stays to be done", async () => {
  const journal = openJournal(directory, "deploy", clock);
  for (const id of ["a", "b", "c"]) journal.begin({ id, undo: route(id) });
  const tried: unknown[] = [];
  const list = undoList(readJournal(directory, journal.id));
  const undoing = runUndo(journal, list, async ({ to }) => {
    tried.push(to);
    if (to === "b") throw new Error("b is stuck");
  });
  await expect(undoing).rejects.toThrow("b is stuck");
  expect(tried).toEqual(["c", "b", "a"]);
  expect(unfinishedOperations(directory)[0]?.undo.map(({ step }) => step)).toEqual(["b"]);
});

test("a last line that a crash cut short is left out and does not swallow the next", () => {
  const journal = openJournal(directory, "deploy", clock);
  journal.begin({ id: "a", undo: route("a") });
  appendFileSync(fileOf(journal.id), '{"type":"begin","step":"b","undo":{"ki');
  expect(unfinishedOperations(directory)[0]?.undo.map(({ step }) => step)).toEqual(["a"]);
  const again = reopenJournal(directory, journal.id, clock);
  again.undone("a");
  expect(unfinishedOperations(directory)[0]?.undo).toEqual([]);
  again.end("undone");
  expect(unfinishedOperations(directory)).toEqual([]);
  expect(readJournal(directory, journal.id).at(-1)).toMatchObject({ type: "end", outcome: "undone" });
});

test("old finished journals go, unfinished ones stay", () => {
  const unfinished = openJournal(directory, "deploy", clock);
  for (let count = 0; count < 60; count += 1) {
    time += 1_000;
    openJournal(directory, "start", clock).end("done");
  }
  const names = readdirSync(join(directory, ".stack", "journal"));
  expect(names).toHaveLength(52);
  expect(names).toContain(`${unfinished.id}.jsonl`);
  expect(unfinishedOperations(directory)[0]?.id).toBe(unfinished.id);
});

const dead = { pid: 0 };

test("what is settled is not taken back, and an end does not hide what is still to be", () => {
  const journal = openJournal(directory, "restore", clock);
  for (const id of ["volume", "swap", "start"]) journal.begin({ id, undo: route(id) });
  journal.settled(["swap", "volume"]);
  expect(undoList(readJournal(directory, journal.id)).map(({ step }) => step)).toEqual(["start"]);
  journal.end("failed");
  expect(unfinishedOperations(directory)).toMatchObject([{ ended: true, undo: [{ step: "start" }] }]);
  reopenJournal(directory, journal.id, clock).undone("start");
  expect(unfinishedOperations(directory)).toEqual([]);
});

test("of several operations without an end only those of dead processes are abandoned", () => {
  const mine = openJournal(directory, "backup", clock);
  const lost = openJournal(directory, "start", clock, undefined, dead);
  time += 1;
  const undoable = openJournal(directory, "restore", clock, undefined, dead);
  undoable.begin({ id: "a", undo: route("a") });
  expect(abandonedOperations(directory).map(({ id }) => id)).toEqual([undoable.id, lost.id]);
  expect(closeAbandoned(directory, clock)?.id).toBe(lost.id);
  expect(closeAbandoned(directory, clock)).toBeUndefined();
  expect(unfinishedOperations(directory).map(({ id }) => id)).toEqual([undoable.id, mine.id]);
});

test("each operation that is written down is a command that can be typed", () => {
  const folder = join(import.meta.dirname, "../../../src/operations");
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .flatMap((name) => [...readFileSync(join(folder, name), "utf8").matchAll(/journalled\(context, "([^"]+)"/g)])
    .map(([, operation = ""]) => commandOf(operation));
  expect(names).toEqual(expect.arrayContaining(["start", "restore run"]));
  expect(names.filter((name) => commands.every((command) => command.name !== name))).toEqual([]);
});

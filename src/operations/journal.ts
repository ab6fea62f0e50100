import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../support/clock.ts";
import { messageOf, systemCode } from "../support/errors.ts";
import { readIfExists, syncFolder } from "../support/files.ts";
import { describeProcess, isAlive, type ProcessIdentity } from "../support/process-identity.ts";
import type { Step } from "./plan.ts";

/** How to take a step back, as data: it is read by another process after a crash. Never holds a secret. */
export interface Undo {
  /** Names the action that knows how: `set-route`, `stop-container`. */
  kind: string;
  [detail: string]: unknown;
}

export type Outcome = "done" | "failed" | "interrupted" | "undone";

/** One line of a journal. */
export type JournalRecord =
  | {
      type: "operation";
      id: string;
      operation: string;
      at: number;
      details?: Record<string, unknown>;
      /** Whose diary it is. */
      process?: ProcessIdentity;
    }
  | { type: "begin"; step: string; at: number; undo?: Undo }
  | { type: "done"; step: string; at: number }
  | { type: "failed"; step: string; at: number; message: string }
  | { type: "undone"; step: string; at: number }
  /** Steps that stand from now on, whatever comes: they are not taken back any more. */
  | { type: "settled"; steps: string[]; at: number }
  | { type: "end"; outcome: Outcome; at: number };

/** The diary of one operation, written so that whoever comes after a crash knows what was begun. */
export interface Journal {
  readonly id: string;
  /** Call before a step acts: its undo is on the disk when this returns. */
  begin(step: Pick<Step, "id" | "undo">): void;
  done(step: Pick<Step, "id">): void;
  failed(step: Pick<Step, "id">, error: unknown): void;
  undone(step: string): void;
  /** These steps stand: nothing takes them back any more. All of them at once. */
  settled(steps: readonly string[]): void;
  end(outcome: Outcome): void;
}

/** An operation that has not written its end, or has left something to take back. */
export interface UnfinishedOperation {
  id: string;
  operation: string;
  at: number;
  details: Record<string, unknown>;
  process?: ProcessIdentity;
  /** It came to its end, though not everything that was to be taken back could be. */
  ended: boolean;
  /** What is to be taken back, last begun first. */
  undo: { step: string; undo: Undo }[];
}

const keptJournals = 50;

/** Opens the journal of a new operation. Until its process has died nobody takes it for abandoned. */
export function openJournal(
  directory: string,
  operation: string,
  clock: Pick<Clock, "now">,
  details?: Record<string, unknown>,
  process: ProcessIdentity = describeProcess(),
): Journal {
  const folder = journalFolder(directory);
  mkdirSync(folder, { recursive: true });
  prune(directory);
  const at = clock.now();
  const time = new Date(at).toISOString().replace(/[-:]/g, "");
  const id = `${time}-${operation}-${randomBytes(3).toString("hex")}`;
  const write = writer(join(folder, `${id}.jsonl`), "ax");
  write({ type: "operation", id, operation, at, ...(details === undefined ? {} : { details }), process });
  syncFolder(folder);
  return journalWith(id, write, clock);
}

/** Opens the journal of an operation that was left unfinished, to go on with it or to take it back. */
export function reopenJournal(directory: string, id: string, clock: Pick<Clock, "now">): Journal {
  const path = join(journalFolder(directory), `${id}.jsonl`);
  const write = writer(path, "a");
  return journalWith(id, write, clock, !(readIfExists(path) ?? "\n").endsWith("\n"));
}

type Write = (record: JournalRecord, before?: string) => void;

function journalWith(id: string, write: Write, clock: Pick<Clock, "now">, torn = false): Journal {
  // A last line that was cut short is closed first, so that it does not swallow the next.
  let before = torn ? "\n" : "";
  const note: Write = (record) => {
    const end = before;
    before = "\n";
    write(record, end);
    before = "";
  };
  return {
    id,
    begin: ({ id: step, undo }) =>
      note({ type: "begin", step, at: clock.now(), ...(undo === undefined ? {} : { undo }) }),
    done: ({ id: step }) => note({ type: "done", step, at: clock.now() }),
    failed: ({ id: step }, error) => note({ type: "failed", step, at: clock.now(), message: messageOf(error) }),
    undone: (step) => note({ type: "undone", step, at: clock.now() }),
    settled: (steps) => note({ type: "settled", steps: [...steps], at: clock.now() }),
    end: (outcome) => note({ type: "end", outcome, at: clock.now() }),
  };
}

function writer(path: string, flag: "a" | "ax"): Write {
  return (record, before = "") => {
    const file = openSync(path, record.type === "operation" ? flag : "a", 0o644);
    try {
      const line = Buffer.from(`${before}${JSON.stringify(record)}\n`);
      // A disk that fills up takes some of it, and says so only when it is asked to take the rest.
      for (let offset = 0; offset < line.length; ) offset += writeSync(file, line, offset);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  };
}

/** Operations that are under way, or whose process died, or that ended with something left to take back; newest first. */
export function unfinishedOperations(directory: string): UnfinishedOperation[] {
  return journalIds(journalFolder(directory))
    .reverse()
    .flatMap((id) => {
      const records = readJournal(directory, id);
      const [first] = records;
      if (first?.type !== "operation") return [];
      const ended = records.some(({ type }) => type === "end");
      const undo = undoList(records);
      if (ended && undo.length === 0) return [];
      const { operation, at, details = {}, process } = first;
      return [{ id, operation, at, details, ...(process !== undefined && { process }), ended, undo }];
    });
}

/** Those of them whose process has died: there may be several, as one backs up while another changes the stack. */
export function abandonedOperations(directory: string): UnfinishedOperation[] {
  return unfinishedOperations(directory).filter(({ process }) => process === undefined || !isAlive(process));
}

/**
 * Ends the journals of operations whose process died and that have nothing to take back: running them again is all it
 * takes. Returns the newest of them. Those with something to take back are left to `recover`.
 */
export function closeAbandoned(directory: string, clock: Pick<Clock, "now">): UnfinishedOperation | undefined {
  const found = abandonedOperations(directory).filter(({ ended, undo }) => !ended && undo.length === 0);
  for (const { id } of found) reopenJournal(directory, id, clock).end("interrupted");
  return found[0];
}

/** All records of a journal. A line that was cut short when the machine stopped says nothing and is left out. */
export function readJournal(directory: string, id: string): JournalRecord[] {
  const text = readIfExists(join(journalFolder(directory), `${id}.jsonl`)) ?? "";
  return text.split("\n").flatMap((line) => {
    try {
      return line === "" ? [] : [JSON.parse(line) as JournalRecord];
    } catch {
      return [];
    }
  });
}

/** What to take back: every step that was begun, finished or not, and neither undone nor settled; last begun first. */
export function undoList(records: readonly JournalRecord[]): { step: string; undo: Undo }[] {
  const undone = new Set(
    records.flatMap((record) => {
      if (record.type === "settled") return record.steps;
      return record.type === "undone" ? [record.step] : [];
    }),
  );
  const begun = records.flatMap((record) =>
    record.type === "begin" && record.undo !== undefined && !undone.has(record.step)
      ? [{ step: record.step, undo: record.undo }]
      : [],
  );
  return begun.reverse();
}

/**
 * Takes steps back, last begun first. Each that worked is noted, so that a second attempt goes on where this one ended.
 * One that fails does not keep the others from being tried; the first failure is thrown at the end.
 */
export async function runUndo(
  journal: Pick<Journal, "undone">,
  list: readonly { step: string; undo: Undo }[],
  perform: (undo: Undo) => Promise<void>,
): Promise<void> {
  const failures: unknown[] = [];
  for (const { step, undo } of list) {
    try {
      await perform(undo);
      journal.undone(step);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

function journalFolder(directory: string): string {
  return join(directory, ".stack", "journal");
}

/** Oldest first: the names begin with the time. */
function journalIds(folder: string): string[] {
  try {
    const names = readdirSync(folder).filter((name) => name.endsWith(".jsonl"));
    return names.map((name) => name.slice(0, -".jsonl".length)).sort();
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
}

function prune(directory: string): void {
  for (const id of journalIds(journalFolder(directory)).slice(0, -keptJournals)) {
    const finished = readJournal(directory, id).some(({ type }) => type === "end");
    if (finished) rmSync(join(journalFolder(directory), `${id}.jsonl`), { force: true });
  }
}

const typedAs: Record<string, string> = {
  backup: "backup run",
  prune: "backup prune",
  verify: "backup verify",
  restore: "restore run",
  "restore-undo": "restore undo",
};

/** How one types the operation that the journal names: `backup run`. */
export function commandOf(operation: string): string {
  return typedAs[operation] ?? operation;
}

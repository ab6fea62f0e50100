import { StackError } from "../../support/errors.ts";
import type { Checked } from "./kinds.ts";

/** What a server holds, in numbers. `expiring`, where it is there: how many of `keys` go by themselves in time. */
export type Counts = Record<string, number>;

/** Reads the JSON object that a source's `count` prints. */
export function parseCounts(what: string, text: string): Counts {
  const counts = tryParse(text);
  const numbers = typeof counts === "object" && counts !== null && !Array.isArray(counts) ? Object.entries(counts) : [];
  if (numbers.length > 0 && numbers.every(([, value]) => Number.isSafeInteger(value)))
    return Object.fromEntries(numbers);
  throw new StackError({
    code: "count-unreadable",
    exit: "backupFailed",
    message: `${what} cannot be counted: expected one JSON object of whole numbers`,
    details: text.split("\n").slice(0, 5),
    hint: "./prod.sh status",
  });
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Counts right before and right after a copy was made: what is in the copy lies between them. */
export interface CountRange {
  before: Counts;
  after: Counts;
}

/** Compares what a restored server holds with what is to be in it. Keys that expire may be gone by now. */
export function compareCounts({ before, after }: CountRange, found: Counts): Checked {
  const names = namesIn(before);
  const wrong = names.flatMap((name) => {
    const [low, high] = bounds({ before, after }, name);
    const mayBeGone = name === "keys" ? bounds({ before, after }, "expiring")[1] : 0;
    const value = found[name] ?? 0;
    if (value >= low - mayBeGone && value <= high) return [];
    const wanted = low === high ? `${high}` : `${low} to ${high}`;
    return [`${value} ${name} instead of ${wanted}${mayBeGone > 0 ? `, ${mayBeGone} of which expire` : ""}`];
  });
  return { ok: wrong.length === 0, detail: wrong.length > 0 ? wrong.join("; ") : printCounts(found, names) };
}

/**
 * Whether what a file holds can be what the server held around the time when it was written. A busy server holds another
 * number at each moment, so that only a file with less than half of it is refused: of another server, or of none.
 */
export function plausible(range: CountRange, found: Counts): Checked {
  const names = namesIn(found);
  const wrong = names.filter((name) => (found[name] ?? 0) < bounds(range, name)[0] / 2);
  const held = wrong.map((name) => `${found[name] ?? 0} ${name}, though the server held ${bounds(range, name)[0]}`);
  return { ok: wrong.length === 0, detail: wrong.length > 0 ? held.join("; ") : printCounts(found, names) };
}

function namesIn(counts: Counts): string[] {
  return Object.keys(counts).filter((name) => name !== "expiring");
}

function bounds({ before, after }: CountRange, name: string): [low: number, high: number] {
  const [one, other] = [before[name] ?? 0, after[name] ?? 0];
  return [Math.min(one, other), Math.max(one, other)];
}

function printCounts(counts: Counts, names: readonly string[]): string {
  return names.map((name) => `${counts[name] ?? 0} ${name}`).join(", ");
}

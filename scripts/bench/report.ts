import { formatSize } from "../../src/support/units.ts";

/** One line of the table at the end. */
export interface Line {
  what: string;
  /** Milliseconds that we took. */
  ours: number;
  /** What it is held against, in words; undefined: nothing. */
  against?: string;
  /** Milliseconds of that. */
  theirs?: number;
  /** How many times theirs we may take; undefined: shown for information. */
  target?: number;
  /** Bytes. */
  memory?: number;
  /** How many of them it may hold. */
  mostMemory?: number;
  /** Why the comparison is not of like with like. */
  why?: string;
}

export const mebibyte = 1024 ** 2;

export function isMissed(line: Line): boolean {
  const slow = line.target !== undefined && ratioOf(line) > line.target;
  return slow || (line.mostMemory !== undefined && line.memory !== undefined && line.memory > line.mostMemory);
}

function ratioOf({ ours, theirs = Number.NaN }: Line): number {
  return ours / theirs;
}

export function table(lines: readonly Line[]): string {
  const rows = [
    ["", "median", "against", "median", "ratio", "target", "peak memory", "target", ""],
    ...lines.map((line) => [
      line.what,
      milliseconds(line.ours),
      line.against ?? "",
      line.theirs === undefined ? "" : milliseconds(line.theirs),
      line.theirs === undefined ? "" : ratioOf(line).toFixed(2),
      line.target === undefined ? "" : `<= ${line.target.toFixed(2)}`,
      line.memory === undefined ? "" : formatSize(line.memory),
      line.mostMemory === undefined ? "" : `<= ${formatSize(line.mostMemory)}`,
      verdict(line),
    ]),
  ];
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const right = new Set([1, 3, 4, 5, 6, 7]);
  const print = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        right.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  const reasons = lines.flatMap(({ what, against, why }) =>
    why === undefined ? [] : [`${what}, against ${against}: ${why}`],
  );
  return [...rows.map(print), ...reasons].join("\n");
}

function verdict(line: Line): string {
  if (line.target === undefined && (line.mostMemory === undefined || line.memory === undefined)) return "";
  return isMissed(line) ? "missed" : "ok";
}

function milliseconds(value: number): string {
  return value >= 10_000 ? `${(value / 1_000).toFixed(1)} s` : `${value.toFixed(value < 100 ? 1 : 0)} ms`;
}

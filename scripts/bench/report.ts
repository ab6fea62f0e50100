import { formatSize } from "../../src/support/units.ts";

/** One line of the table at the end. */
export interface Line {
  what: string;
  /** Milliseconds that we took. */
  ours: number;
  /** What it is held against, in words. */
  against: string;
  /** Milliseconds of that. */
  theirs: number;
  /** How many times theirs we may take; undefined: shown for information. */
  target?: number;
  memory?: number;
}

export function isMissed(line: Line): boolean {
  return line.target !== undefined && line.ours / line.theirs > line.target;
}

export function table(lines: readonly Line[]): string {
  const rows = [
    ["", "median", "against", "median", "ratio", "target", "peak memory", ""],
    ...lines.map((line) => [
      line.what,
      milliseconds(line.ours),
      line.against,
      milliseconds(line.theirs),
      (line.ours / line.theirs).toFixed(2),
      line.target === undefined ? "" : `<= ${line.target.toFixed(2)}`,
      line.memory === undefined ? "" : formatSize(line.memory),
      line.target === undefined ? "" : isMissed(line) ? "missed" : "ok",
    ]),
  ];
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const right = new Set([1, 3, 4, 5, 6]);
  const print = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        right.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  return rows.map(print).join("\n");
}

function milliseconds(value: number): string {
  return value >= 10_000 ? `${(value / 1_000).toFixed(1)} s` : `${value.toFixed(value < 100 ? 1 : 0)} ms`;
}

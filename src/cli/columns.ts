import type { Paint, Style } from "./output.ts";

/** A cell of a table; a bare text has no style. */
export type Cell = string | { text: string; style: Style };

const gap = "  ";

/** Rows as lines whose columns stand below each other. Lines that are too long for the terminal are cut. */
export function columns(rows: readonly (readonly Cell[])[], paint: Paint, width?: number): string[] {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, textOf(cell).length);
    });
  return rows.map((row) => {
    let room = width ?? Number.POSITIVE_INFINITY;
    const cells = row.map((cell, index) => {
      const text = textOf(cell);
      const padded = index === row.length - 1 ? text : text.padEnd(widths[index] ?? 0);
      const shown = padded.length <= room ? padded : padded.slice(0, Math.max(0, room));
      room -= padded.length + gap.length;
      return typeof cell === "string" ? shown : paint(cell.style, shown);
    });
    return cells.join(gap).trimEnd();
  });
}

function textOf(cell: Cell): string {
  return typeof cell === "string" ? cell : cell.text;
}

import type { DashboardPanel } from "../../stack/monitoring.ts";

/** Columns of a dashboard. */
const columns = 24;

/** Where a panel stands: column and row of its upper left corner, and its size. */
export interface Place {
  x: number;
  y: number;
  w: number;
  h: number;
}

/** Puts panels side by side in their order; one that does not fit any more begins a row below all of the row before. */
export function layout(panels: readonly Pick<DashboardPanel, "width" | "height">[]): Place[] {
  let x = 0;
  let y = 0;
  let tallest = 0;
  return panels.map(({ width = 8, height = 8 }) => {
    if (x + width > columns) {
      x = 0;
      y += tallest;
      tallest = 0;
    }
    const place = { x, y, w: width, h: height };
    x += width;
    tallest = Math.max(tallest, height);
    return place;
  });
}

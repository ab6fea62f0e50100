import { describe, expect, test } from "vitest";
import { openProgress } from "../../../src/cli/terminal.ts";

const paint = (_: string, text: string) => text;

/** A terminal that carries out what is written to it, or typed on it, and shows what stands there. */
function terminal(columns = 80, rows = 24) {
  let lines: string[] = [""];
  let column = 0;
  const put = (text: string) => {
    const line = lines.at(-1) ?? "";
    lines = [...lines.slice(0, -1), line.slice(0, column).padEnd(column) + text + line.slice(column + text.length)];
    column += text.length;
  };
  const control: Record<string, () => void> = {
    "\r": () => (column = 0),
    "\n": () => {
      lines = [...lines, ""];
      column = 0;
    },
    "\u001b[J": () => (lines = [...lines.slice(0, -1), (lines.at(-1) ?? "").slice(0, column)]),
  };
  const write = (text: string) => {
    for (const [piece, up] of text.matchAll(/\u001b\[(\d+)A|\u001b\[J|[\r\n]|[^\u001b\r\n]+/g)) {
      if (up !== undefined) lines = lines.slice(0, lines.length - Number(up));
      else (control[piece] ?? (() => put(piece)))();
    }
  };
  return { isTTY: true, columns, rows, write, type: write, shown: () => lines.filter((line) => line.trim() !== "") };
}

function pipe() {
  let text = "";
  return { write: (more: string) => (text += more), shown: () => text.split("\n").filter(Boolean) };
}

describe("on a terminal", () => {
  test("each subject has one line, which changes in place", () => {
    let now = 0;
    const screen = terminal();
    const progress = openProgress({ screen, paint, now: () => now });
    progress.phase("Starting 2 services");
    progress.update("web", "waiting", "for db");
    progress.update("db", "working", "starting");
    expect(screen.shown()).toEqual(["Starting 2 services", ". web for db", "* db  starting"]);
    now = 3_500;
    progress.update("db", "done", "healthy");
    progress.update("web", "failed", "exited");
    progress.end();
    expect(screen.shown()).toEqual(["Starting 2 services", "x web exited", "+ db  healthy (3s)"]);
  });

  test("a line that stays stands above those that change", () => {
    const screen = terminal();
    const progress = openProgress({ screen, paint, now: () => 0 });
    progress.update("web", "working", "starting");
    progress.line("warning: careful");
    progress.update("web", "done", "healthy");
    progress.end();
    expect(screen.shown()).toEqual(["warning: careful", "+ web healthy"]);
  });

  test("a new phase leaves the lines of the last one as they ended", () => {
    const screen = terminal();
    const progress = openProgress({ screen, paint, now: () => 0 });
    progress.phase("Pulling");
    progress.update("image", "done", "pulled");
    progress.phase("Starting");
    progress.update("web", "done", "healthy");
    progress.end();
    expect(screen.shown()).toEqual(["Pulling", "+ image pulled", "Starting", "+ web healthy"]);
  });

  test("what is typed meanwhile does not shift the lines", () => {
    const screen = terminal();
    const progress = openProgress({ screen, paint, now: () => 0 });
    progress.update("web", "working", "starting");
    screen.type("^C");
    progress.update("web", "failed", "stopped");
    expect(screen.shown()).toEqual(["x web stopped"]);
  });

  test("no line is wider than a narrow terminal", () => {
    const screen = terminal(30);
    const progress = openProgress({ screen, paint, now: () => 0 });
    progress.update("a-service-with-a-long-name", "working", "and a long explanation of what it is at");
    progress.end();
    expect(Math.max(...screen.shown().map((line) => line.length))).toBeLessThan(30);
  });

  test.each([
    [80, "* offsite <- app-uploads 200/381 MB 40 MB/s 4s left"],
    [40, "* offsite … 200/381 MB 40 MB/s 4s left"],
  ])("on %i columns bytes, rate and time left of what is at work can be read", (columns, line) => {
    let now = 0;
    const screen = terminal(columns);
    const progress = openProgress({ screen, paint, now: () => now });
    progress.update("offsite <- app-uploads", "working", "0/381 MB");
    now = 5_000;
    progress.update("offsite <- app-uploads", "working", "200/381 MB 40 MB/s 4s left");
    expect(screen.shown()).toEqual([line]);
  });

  test("on a low terminal what is at work is shown, and all of it in the end", () => {
    const screen = terminal(80, 6);
    const progress = openProgress({ screen, paint, now: () => 0 });
    for (let count = 1; count <= 9; count += 1) progress.update(`s${count}`, count < 8 ? "done" : "working", "x");
    expect(screen.shown()).toEqual(["* s8 x", "* s9 x", "  … and 7 more"]);
    progress.end();
    expect(screen.shown()).toHaveLength(9);
  });
});

describe("without a terminal", () => {
  test("each change is a line, once", () => {
    let now = 0;
    const screen = pipe();
    const progress = openProgress({ screen, paint, now: () => now });
    progress.phase("Pulling");
    progress.update("image", "working", "10 %");
    progress.update("image", "working", "20 %");
    progress.update("image", "working", "20 %");
    now = 11_000;
    progress.update("image", "working", "90 %");
    progress.update("image", "done", "");
    progress.end();
    expect(screen.shown()).toEqual(["Pulling", "  image: 10 %", "  image: 90 % (11s)", "  image: done (11s)"]);
  });
});

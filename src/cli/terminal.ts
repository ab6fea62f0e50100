import type { Progress } from "../operations/progress.ts";
import { formatAge } from "../support/units.ts";
import type { Paint, Style } from "./output.ts";

type State = "waiting" | "working" | "done" | "failed";

interface Subject {
  state: State;
  text: string;
  since: number;
  /** Set when it is done or failed. */
  until?: number;
  printedAt: number;
}

/** The part of a terminal or pipe that is written to. */
interface Screen {
  isTTY?: boolean;
  columns?: number;
  rows?: number;
  write(text: string): unknown;
}

interface ProgressOptions {
  screen: Screen;
  paint: Paint;
  now(): number;
}

const marks: Record<State, [Style, string]> = {
  waiting: ["dim", "."],
  working: ["cyan", "*"],
  done: ["green", "+"],
  failed: ["red", "x"],
};

/** Lines that stand and change in place on a terminal; one line for each change elsewhere. */
export function openProgress(options: ProgressOptions): Progress {
  const lively = options.screen.isTTY === true && process.env.TERM !== "dumb";
  return lively ? liveProgress(options) : plainProgress(options);
}

/** How long one state may go on changing its words (a percentage) before a plain line says so again. */
const plainInterval = 10_000;

function plainProgress({ screen, now }: ProgressOptions): Progress {
  const subjects = new Map<string, Subject>();
  return {
    phase: (text) => void screen.write(`${text}\n`),
    update(name, state, text) {
      const before = subjects.get(name);
      const subject = advance(before, state, text, now());
      subjects.set(name, subject);
      const isNews = before?.state !== state || (before.text !== text && now() - before.printedAt >= plainInterval);
      if (!isNews) return;
      subject.printedAt = now();
      screen.write(`  ${name}: ${[text === "" ? state : text, elapsed(subject, now())].join("")}\n`);
    },
    line: (text) => void screen.write(`${text}\n`),
    end() {},
  };
}

const redrawEvery = 80;

function liveProgress({ screen, paint, now }: ProgressOptions): Progress {
  let subjects = new Map<string, Subject>();
  let drawn = 0;
  let drawnAt = 0;
  let timer: NodeJS.Timeout | undefined;

  const erase = () => {
    if (drawn > 0) screen.write(backOver(drawn));
    drawn = 0;
  };
  const draw = (all = false) => {
    const width = (screen.columns ?? 80) - 1;
    const padding = nameWidth(subjects, width, now());
    const lines = [...subjects].map(([name, subject]) => subjectLine(name, subject, padding, width));
    const shown = all ? lines : visible([...subjects.values()], lines, Math.max(3, (screen.rows ?? 24) - 2));
    const move = drawn > 0 ? backOver(drawn) : "";
    screen.write(`${move}${shown.map((line) => `${line}\n`).join("")}`);
    drawn = shown.length;
    drawnAt = now();
  };
  const subjectLine = (name: string, subject: Subject, padding: number, width: number) => {
    const [style, mark] = marks[subject.state];
    const time = elapsed(subject, now());
    const plain = cut(`${cut(name, padding).padEnd(padding)} ${subject.text}`, Math.max(8, width - 3 - time.length));
    return `${paint(style, mark)} ${subject.state === "waiting" ? paint("dim", plain) : plain}${paint("dim", time)}`;
  };
  const settle = () => {
    if (subjects.size > 0) draw(true);
    drawn = 0;
    subjects = new Map();
  };
  const tick = () => {
    timer ??= setInterval(() => subjects.size > 0 && draw(), 1_000).unref();
  };
  return {
    phase(text) {
      settle();
      screen.write(`${paint("bold", text)}\n`);
    },
    update(name, state, text) {
      const before = subjects.get(name);
      subjects.set(name, advance(before, state, text, now()));
      tick();
      if (before?.state !== state || now() - drawnAt >= redrawEvery) draw();
    },
    line(text) {
      erase();
      screen.write(`${text}\n`);
      if (subjects.size > 0) draw();
    },
    end() {
      clearInterval(timer);
      timer = undefined;
      settle();
    },
  };
}

/** Back to the first of these lines and erase from there. What was typed meanwhile (^C) has moved the column too. */
function backOver(lines: number): string {
  return `\r\u001b[${lines}A\u001b[J`;
}

function advance(before: Subject | undefined, state: State, text: string, now: number): Subject {
  const ended = state === "done" || state === "failed";
  const since = before === undefined || before.state === "waiting" ? now : before.since;
  return { state, text, since, printedAt: before?.printedAt ?? now, ...(ended && { until: before?.until ?? now }) };
}

/** Time that a subject took, or takes already; nothing where it is too short to matter. */
function elapsed({ state, text, since, until }: Subject, now: number): string {
  const time = (until ?? now) - since;
  const isSaid = /\(\d+\w+\)$| left$/.test(text);
  return state === "waiting" || isSaid || time < 1_000 ? "" : ` (${formatAge(time)})`;
}

/** Names get half of the line, and less where what is at work could not be read beside them. */
function nameWidth(subjects: ReadonlyMap<string, Subject>, width: number, now: number): number {
  const working = [...subjects.values()].filter(({ state }) => state === "working");
  const said = Math.max(0, ...working.map((subject) => subject.text.length + elapsed(subject, now).length));
  const room = Math.min(Math.floor(width / 2), width - said - 4);
  return Math.min(Math.max(...[...subjects.keys()].map((name) => name.length)), Math.max(8, room));
}

/** On a low terminal what is at work is more worth seeing than what is done. */
function visible(subjects: readonly Subject[], lines: readonly string[], room: number): string[] {
  if (lines.length <= room) return [...lines];
  const open = lines.filter((_, index) => subjects[index]?.state !== "done");
  const shown = open.slice(0, room - 1);
  return [...shown, `  … and ${lines.length - shown.length} more`];
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

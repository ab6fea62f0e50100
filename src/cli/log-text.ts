import type { LogEntry } from "../operations/logs.ts";
import type { Paint, Style } from "./output.ts";

const colours: Style[] = ["cyan", "green", "yellow", "bold"];

export interface LogLook {
  paint: Paint;
  /** Puts the time in front. */
  timestamps: boolean;
  /** Sources whose names are known before the first line, so that the columns stand from there on. */
  sources: readonly string[];
}

/** Writes entries as `web | text`: names aligned, one colour per service. */
export function logFormatter({ paint, timestamps, sources }: LogLook): (entry: LogEntry) => string {
  let width = Math.max(0, ...sources.map((source) => source.length));
  const colourOf = new Map<string, Style>();
  return ({ service, source, time, text }) => {
    width = Math.max(width, source.length);
    const colour = colourOf.get(service) ?? colours[colourOf.size % colours.length] ?? "bold";
    colourOf.set(service, colour);
    const shownTime = timestamps ? `${paint("dim", shortTime(time))} ` : "";
    return `${paint(colour, `${source.padEnd(width)} |`)} ${shownTime}${text}`;
  };
}

/** One entry as one line of JSON. */
export function logJson({ time, service, source, stream, text }: LogEntry): string {
  return JSON.stringify({ format: 1, time, service, source, stream, text });
}

/** Milliseconds are enough for people. */
function shortTime(time: string): string {
  return time.replace(/(\.\d{3})\d*Z$/, "$1Z");
}

/** Writes a line and waits where the reader is slow; gives up waiting when aborted. */
export async function writeLine(stream: NodeJS.WritableStream, line: string, signal: AbortSignal): Promise<void> {
  if (signal.aborted || stream.write(`${line}\n`)) return;
  await new Promise<void>((resolve) => {
    const finish = () => {
      stream.off("drain", finish);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    stream.once("drain", finish);
    signal.addEventListener("abort", finish, { once: true });
  });
}

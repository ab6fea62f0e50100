/** Where results and messages go, and how they may look. */
export interface Output {
  /** One JSON document instead of text for people. */
  json: boolean;
  verbose: boolean;
  /** How the user called this program: `./prod.sh` in a stack, `create-stack` elsewhere. */
  caller: string;
  /** Writes a line (or lines) of result to stdout. */
  print(text: string): void;
  /** Writes the result as JSON; the shape's version goes first. */
  printJson(value: object): void;
  /** Writes a line to stderr: what is worth knowing but no result. */
  note(text: string): void;
  paint: Paint;
  /** Columns of stdout, where it is a terminal. */
  columns: number | undefined;
}

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan" | "blue" | "magenta";
export type Paint = (style: Style, text: string) => string;

const codes: Record<Style, [number, number]> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
  blue: [34, 39],
  magenta: [35, 39],
};

/** Colours for a stream: only on a terminal, and not where NO_COLOR or --no-color says otherwise. */
export function paintFor(
  stream: { isTTY?: boolean },
  env: Record<string, string | undefined>,
  refused: boolean,
): Paint {
  const coloured = stream.isTTY === true && !refused && !env.NO_COLOR && env.TERM !== "dumb";
  return coloured ? (style, text) => `\u001b[${codes[style][0]}m${text}\u001b[${codes[style][1]}m` : (_, text) => text;
}

export function openOutput(options: { json: boolean; verbose: boolean; noColor: boolean; caller: string }): Output {
  const paint = paintFor(process.stdout, process.env, options.noColor);
  return {
    json: options.json,
    verbose: options.verbose,
    caller: options.caller,
    print: (text) => void process.stdout.write(`${text}\n`),
    printJson: (value) => void process.stdout.write(`${JSON.stringify({ format: 1, ...value }, null, 1)}\n`),
    note: (text) => void process.stderr.write(`${text}\n`),
    paint,
    columns: process.stdout.isTTY ? process.stdout.columns : undefined,
  };
}

/** True where somebody is there to be asked, and wants to be. */
export function isOnTerminal({ json }: Pick<Output, "json">): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true && !json;
}

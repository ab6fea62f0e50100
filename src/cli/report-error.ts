import { type ExitCause, exitCodes, messageOf, type Problem, StackError, systemCode } from "../support/errors.ts";
import type { Paint } from "./output.ts";

export interface ErrorReport {
  /** For stderr. */
  text: string;
  /** For stdout with --json. */
  json: object;
  exitCode: number;
}

interface ReportOptions {
  verbose: boolean;
  version: string;
  paint: Paint;
}

/** What the user is told of anything that was thrown, and with which exit code the program ends. */
export function reportError(error: unknown, options: ReportOptions): ErrorReport {
  const told = error instanceof StackError ? error : systemError(error);
  return told === undefined ? reportBug(error, options) : reportStackError(told, options);
}

function reportStackError(error: StackError, { verbose, paint }: ReportOptions): ErrorReport {
  const alone: Problem[] =
    error.position === undefined || error.problems.length > 0
      ? error.problems
      : [{ message: error.message, position: error.position }];
  const label = error.exit === "interrupted" ? "" : `${paint("red", "error:")} `;
  const lines = [
    `${label}${error.message}`,
    ...problemLines(alone, paint),
    ...error.details.map((line) => `  ${line}`),
    ...(error.hint === undefined ? [] : [`${paint("cyan", "hint:")} ${error.hint}`]),
    ...(verbose && error.stack !== undefined ? [paint("dim", stackOf(error))] : []),
  ];
  const { code, exit, message, hint, position, details, problems } = error;
  return {
    text: lines.join("\n"),
    json: { error: { code, exitCode: exitCodes[exit], message, hint, position, details, problems } },
    exitCode: exitCodes[exit],
  };
}

/** `stack.yaml:6:5  message`, its hint in a line below. */
function problemLines(problems: readonly Problem[], paint: Paint): string[] {
  const places = problems.map(({ position }) =>
    position === undefined ? "" : `${position.file}:${position.line}:${position.column}`,
  );
  const width = Math.max(0, ...places.map((place) => place.length));
  return problems.flatMap(({ message, hint }, index) => [
    `  ${paint("bold", (places[index] ?? "").padEnd(width))}${width > 0 ? "  " : ""}${message}`,
    ...(hint === undefined ? [] : [`  ${" ".repeat(width)}${width > 0 ? "  " : ""}${paint("dim", hint)}`]),
  ]);
}

function reportBug(error: unknown, { verbose, version }: ReportOptions): ErrorReport {
  const where = `create-stack ${version}, Node.js ${process.versions.node}, ${process.platform} ${process.arch}`;
  const how = verbose
    ? "Please report it with all of the above."
    : "Please report it with what the same command prints with --verbose.";
  const lines = [
    `This is a bug in create-stack: ${messageOf(error)}`,
    ...(verbose ? [stackOf(error)] : []),
    `  ${where}`,
    how,
  ];
  return {
    text: lines.join("\n"),
    json: {
      error: { code: "bug", exitCode: exitCodes.bug, message: messageOf(error), details: [where], problems: [] },
    },
    exitCode: exitCodes.bug,
  };
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : `\ncaused by ${stackOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}

const systemWords: Record<string, [cause: ExitCause, words: string, hint: string]> = {
  EACCES: ["invalidInput", "permission denied", "look at who owns it: ls -ld"],
  EPERM: ["invalidInput", "not permitted", "look at who owns it: ls -ld"],
  EROFS: ["invalidInput", "the file system is read-only", "choose another directory with --dir"],
  ENOSPC: ["invalidInput", "no space left on the disk", "make room, then run the same command again"],
  EMFILE: ["invalidInput", "too many open files", "raise the limit: ulimit -n 4096"],
};

/** What the system refused is no bug: it is told with the path that it was about. */
function systemError(error: unknown): StackError | undefined {
  const found = systemWords[systemCode(error) ?? ""];
  if (found === undefined || !(error instanceof Error)) return undefined;
  const path = "path" in error && typeof error.path === "string" ? error.path : undefined;
  const [exit, words, hint] = found;
  return new StackError({
    code: "system-refused",
    exit,
    message: path === undefined ? `${words} (${error.message})` : `${path}: ${words}`,
    hint: path !== undefined && hint.endsWith("-ld") ? `${hint} ${path}` : hint,
    cause: error,
  });
}

/** Exit codes of the program, by cause. Listed in each command's help. */
export const exitCodes = {
  done: 0,
  bug: 1,
  invalidInput: 2,
  partial: 3,
  unhealthy: 4,
  engineUnreachable: 10,
  locked: 11,
  secret: 12,
  rolledBack: 13,
  backupFailed: 14,
  interrupted: 130,
} as const;

export type ExitCause = keyof typeof exitCodes;

/** A place in a file that the user wrote; line and column count from 1. */
export interface Position {
  file: string;
  line: number;
  column: number;
}

/** One thing that is wrong, told so that its reader can put it right. */
export interface Problem {
  /** What happened to which thing. One sentence, no full stop needed. */
  message: string;
  /** The fix: a value to write or the next command to type. */
  hint?: string;
  position?: Position;
}

export interface StackErrorOptions {
  /** Short stable name, for scripts: `port-taken`, `secret-missing`. */
  code: string;
  exit: ExitCause;
  message: string;
  hint?: string;
  position?: Position;
  /** More lines of evidence (last log lines, a list of what was found), printed under the message. */
  details?: string[];
  /** All problems of one input; the message is then their headline. */
  problems?: Problem[];
  cause?: unknown;
}

/**
 * The one error that is meant for the user. Thrown where the cause is known and printed once, in cli/report-error.ts.
 * Anything else that reaches the edge is a bug and is reported as one.
 */
export class StackError extends Error {
  readonly code: string;
  readonly exit: ExitCause;
  readonly hint: string | undefined;
  readonly position: Position | undefined;
  readonly details: string[];
  readonly problems: Problem[];

  constructor(options: StackErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "StackError";
    this.code = options.code;
    this.exit = options.exit;
    this.hint = options.hint;
    this.position = options.position;
    this.details = options.details ?? [];
    this.problems = options.problems ?? [];
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The system's error code (`ENOENT`, `EACCES`), where there is one. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

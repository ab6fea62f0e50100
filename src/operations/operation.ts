import { isDiskFull, toldDiskFull } from "../support/disk.ts";
import { StackError } from "../support/errors.ts";
import type { Context } from "./context.ts";
import { closeAbandoned, type Journal, openJournal } from "./journal.ts";
import { withLock } from "./lock.ts";
import { step } from "./plan.ts";
import { recover } from "./recover.ts";

/** What it takes to run alone and to be written down: no engine. */
export type Undertaking = Pick<Context, "directory" | "clock" | "signal" | "progress">;

/**
 * Runs an operation while it holds the stack's lock (or another of `.stack`, by its file), after what earlier commands
 * left half done has been put right. Where Ctrl-C or SIGTERM ends it, the error says just that.
 */
export async function exclusively<Result>(
  context: Undertaking,
  command: string,
  wait: number | undefined,
  body: () => Promise<Result>,
  file?: string,
): Promise<Result> {
  try {
    const lock = { command, ...(wait !== undefined && { wait }), ...(file !== undefined && { file }) };
    return await withLock(context, lock, async () => {
      if (isWhole(context)) await recover(context);
      return body();
    });
  } catch (error) {
    throw context.signal.aborted ? interrupted(command, error) : toldDiskFull(error, context.directory);
  } finally {
    context.progress.end();
  }
}

/** As `exclusively` with the lock of what reads and writes backups: one at a time, beside whatever else works on the stack. */
export function aloneWithBackups<Result>(
  context: Undertaking,
  command: string,
  wait: number | undefined,
  body: () => Promise<Result>,
): Promise<Result> {
  return exclusively(context, command, wait, body, "backup.lock");
}

function isWhole(context: Undertaking): context is Context {
  return "engine" in context && "model" in context;
}

function interrupted(command: string, cause: unknown): StackError {
  return new StackError({
    code: "interrupted",
    exit: "interrupted",
    message: `The ${command} was interrupted`,
    hint: `\`./prod.sh ${command}\` goes on from here`,
    cause,
  });
}

/** Writes an operation's begin and end; what a crash left unfinished and has nothing to take back is closed. */
export async function journalled<Result>(
  context: Undertaking,
  operation: string,
  body: (journal: Journal) => Promise<Result>,
): Promise<Result> {
  const abandoned = closeAbandoned(context.directory, context.clock);
  if (abandoned !== undefined)
    context.progress.line(`The last ${abandoned.operation} was cut short; going on from there`);
  const journal = openJournal(context.directory, operation, context.clock);
  try {
    const result = await body(journal);
    close(journal, "done");
    return result;
  } catch (error) {
    close(journal, context.signal.aborted ? "interrupted" : "failed");
    throw error;
  }
}

/** Where the disk is full the next command closes it; the result or the error of this one counts. */
function close(journal: Journal, outcome: "done" | "failed" | "interrupted"): void {
  try {
    journal.end(outcome);
  } catch (error) {
    if (!isDiskFull(error)) throw error;
  }
}

/** One step of an operation that has nothing to take back, in the journal. */
export async function noted(
  journal: Journal,
  action: string,
  resource: string,
  act: () => Promise<void>,
): Promise<void> {
  const noting = step(action, resource, "");
  journal.begin(noting);
  try {
    await act();
  } catch (error) {
    journal.failed(noting, error);
    throw error;
  }
  journal.done(noting);
}

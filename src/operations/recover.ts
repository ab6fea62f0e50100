import { messageOf, StackError } from "../support/errors.ts";
import { isAlive, type ProcessIdentity } from "../support/process-identity.ts";
import { processLabel, purposeLabel, stackLabel } from "./backup/container.ts";
import { goOn, isGoOn } from "./backup/go-on.ts";
import { sweepStaging } from "./backup/staging-left.ts";
import type { Context } from "./context.ts";
import { abandonedOperations, type Journal, reopenJournal, type Undo, type UnfinishedOperation } from "./journal.ts";
import { withLock } from "./lock.ts";
import { isRename, undoRenameDatabases } from "./restore/postgres-rename.ts";
import { isSwap, undoSwap } from "./restore/swap.ts";

/** Milliseconds to wait for another command that clears up. */
const lockWait = 120_000;

/**
 * Puts right what commands have left whose process died: what stood still for a copy runs again, a half-done exchange
 * of volumes is taken back, containers, volumes and folders that were theirs are removed. What a living process is at
 * work on is let be. Every command that changes something calls it first; with nothing to do it costs two questions to
 * the engine. Rejects where going on would do harm: an exchange of volumes that cannot be taken back.
 */
export async function recover(context: Context): Promise<void> {
  if ((await leftBehind(context)).length === 0 && operationsLeft(context).length === 0) {
    sweepStaging(context.directory, context.clock.now());
    return;
  }
  await withLock(context, { command: "recover", file: "lock.recover", wait: lockWait }, async () => {
    // Containers first: one that still reads a volume, or writes one, has nobody left to do it for.
    for (const remove of await leftBehind(context)) await remove();
    for (const operation of operationsLeft(context)) await takeBack(context, operation);
    sweepStaging(context.directory, context.clock.now());
  });
}

/** How to remove each container, and each volume that nobody is to keep, whose maker died. */
async function leftBehind({ engine, model }: Context): Promise<(() => Promise<void>)[]> {
  const [containers, volumes] = await Promise.all([
    engine.labelled(stackLabel, model.name),
    engine.labelledVolumes(stackLabel, model.name),
  ]);
  return [
    ...containers
      .filter(({ labels }) => isLost(labels))
      .map(
        ({ id }) =>
          () =>
            engine.remove(id, { unnamedVolumes: true }),
      ),
    ...volumes
      .filter(({ labels }) => !isForKeeps(labels) && isLost(labels))
      .map(
        ({ name }) =>
          () =>
            engine.removeVolume(name),
      ),
  ];
}

/** What a restore has put aside or made beside the live data stays; one that came to nothing is in its journal. */
function isForKeeps({ [purposeLabel]: purpose = "" }: Record<string, string>): boolean {
  return purpose === "restore" || purpose === "copy";
}

function isLost({ [processLabel]: text }: Record<string, string>): boolean {
  if (text === undefined) return false;
  try {
    return !isAlive(JSON.parse(text) as ProcessIdentity);
  } catch {
    return false;
  }
}

/** Of operations that came to their end only what must not stay as it is; the rest they have left on purpose. */
function operationsLeft({ directory }: Context): UnfinishedOperation[] {
  return abandonedOperations(directory).flatMap((operation) => {
    if (!operation.ended) return [operation];
    const undo = operation.undo.filter((entry) => isGoOn(entry.undo) || isSwap(entry.undo) || isRename(entry.undo));
    return undo.length === 0 ? [] : [{ ...operation, undo }];
  });
}

async function takeBack(context: Context, operation: UnfinishedOperation): Promise<void> {
  const { directory, clock, progress } = context;
  const journal = reopenJournal(directory, operation.id, clock);
  if (!operation.ended)
    progress.line(
      operation.undo.length === 0
        ? `The last ${operation.operation} was cut short; going on from there`
        : `The last ${operation.operation} was cut short; putting right what it left`,
    );
  for (const { step, undo } of operation.undo) await takeBackOne(context, journal, step, undo);
  if (!operation.ended) journal.end(operation.undo.length === 0 ? "interrupted" : "undone");
}

async function takeBackOne(context: Context, journal: Journal, step: string, undo: Undo): Promise<void> {
  const { engine, progress } = context;
  if (isGoOn(undo)) {
    const complaint = await goOn(context, undo).catch(unlessUnreachable);
    if (complaint !== undefined) progress.line(`warning: ${undo.service} does not go on: ${complaint}`);
    else if (undo.kind !== "run-after") progress.line(`${undo.service} runs again`);
  } else if (isSwap(undo)) {
    await undoSwap(context, undo);
    progress.line("Volumes that were being exchanged hold again what they held");
  } else if (isRename(undo)) {
    await undoRenameDatabases(context, undo);
    progress.line("Databases that were being exchanged have their names again");
  } else if (undo.kind === "remove-volume" && typeof undo.volume === "string") {
    const complaint = await engine.removeVolume(undo.volume).then(() => undefined, unlessUnreachable);
    if (complaint !== undefined) progress.line(`warning: the volume ${undo.volume} stays: ${complaint}`);
  } else {
    throw unknownUndo(undo);
  }
  journal.undone(step);
}

/** Told and not tried for ever; but an engine that is away will answer another time. */
function unlessUnreachable(error: unknown): string {
  if (error instanceof StackError && error.code === "engine-unreachable") throw error;
  return messageOf(error);
}

function unknownUndo({ kind }: Undo): StackError {
  return new StackError({
    code: "cannot-recover",
    exit: "unhealthy",
    message: `A command was cut short, and this version does not know how to take "${kind}" back`,
    hint: "run the command again with the version of create-stack that was used then",
  });
}

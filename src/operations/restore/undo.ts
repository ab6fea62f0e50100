import { StackError } from "../../support/errors.ts";
import type { Context } from "../context.ts";
import { engineName } from "../engine-name.ts";
import { aloneWithBackups, exclusively, journalled } from "../operation.ts";
import { makeNewBases } from "./new-bases.ts";
import { noteRestore, readRestores } from "./record.ts";
import { startAgain } from "./run.ts";
import { whileStopped } from "./stand-still.ts";
import { swapVolumes } from "./swap.ts";

export interface UndoOptions {
  /** Of the restore; the newest one without it. */
  id?: string;
  wait?: number;
  /** Version of create-stack, for the backup that is made afterwards. */
  version: string;
}

export interface UndoneRestore {
  id: string;
  /** By the engine's names: what holds again what it held before. */
  volumes: string[];
  /** What did not work afterwards and is to be made up for. */
  notes: string[];
}

/** Swaps back what a restore replaced. The restored copy is then the one that is kept. */
export async function undoRestore(context: Context, { id, wait, version }: UndoOptions): Promise<UndoneRestore> {
  const undone = await aloneWithBackups(context, "restore undo", wait, () =>
    exclusively(context, "restore undo", wait, () => swapBack(context, id)),
  );
  const { model } = context;
  const sources = model.dataSources.filter(({ volume }) => undone.volumes.includes(engineName(model, volume)));
  const notes = await makeNewBases(
    context,
    sources.map(({ name }) => name),
    version,
  );
  return { ...undone, notes };
}

async function swapBack(context: Context, id: string | undefined): Promise<Omit<UndoneRestore, "notes">> {
  const record = readRestores(context.directory)
    .filter((candidate) => candidate.undone === undefined && (id === undefined || candidate.id === id))
    .at(-1);
  if (record === undefined)
    throw new StackError({
      code: "no-restore",
      exit: "invalidInput",
      message: id === undefined ? "No restore has replaced anything here" : `There is no restore ${id} to take back`,
      hint: "./prod.sh backup list",
    });
  await journalled(context, "restore-undo", async (journal) => {
    await whileStopped(context, journal, record.stops, async () => {
      await swapVolumes(context, journal, record.pairs);
      noteRestore(context.directory, { ...record, undone: true });
      await startAgain(context, journal);
    });
  });
  return { id: record.id, volumes: record.pairs.map(({ replaces }) => replaces) };
}

import { StackError } from "../../support/errors.ts";
import type { Context } from "../context.ts";
import { exclusively, journalled, noted } from "../operation.ts";
import { stopServices } from "../stop.ts";
import { noteRestore, readRestores } from "./record.ts";
import { startAgain } from "./run.ts";
import { swapVolumes } from "./swap.ts";

/** Swaps back what a restore replaced; the newest one without an id. The restored copy is then the one that is kept. */
export async function undoRestore(
  context: Context,
  id: string | undefined,
  wait?: number,
): Promise<{ id: string; volumes: string[] }> {
  return exclusively(context, "restore undo", wait, async () => {
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
      await noted(journal, "stop", "services", () => stopServices(context, record.stops));
      await swapVolumes(context, journal, record.pairs);
      noteRestore(context.directory, { ...record, undone: true });
      await startAgain(context, journal);
    });
    return { id: record.id, volumes: record.pairs.map(({ replaces }) => replaces) };
  });
}

import type { RunResult } from "./result.ts";
import { changeBackupState, noteClock, noteDelivery, noteSourceRun } from "./state.ts";

/** Remembers how each source and destination of a run ended, for `backup status` and for what may be pruned. */
export function noteRun(directory: string, { finishedAt, sources, deliveries }: RunResult): void {
  const outcome = (error: { message: string } | undefined) =>
    error === undefined ? ({ ok: true } as const) : ({ ok: false, message: error.message } as const);
  changeBackupState(directory, (state) => {
    noteClock(state, finishedAt);
    for (const { source, type, error } of sources) noteSourceRun(state, source, type, finishedAt, outcome(error));
    for (const { destination, error } of deliveries) noteDelivery(state, destination, finishedAt, outcome(error));
  });
}

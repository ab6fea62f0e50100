import type { StoreContext } from "../operations/backup/store-views.ts";
import { systemClock } from "../support/clock.ts";
import type { Call } from "./command.ts";
import { progressOf } from "./context.ts";
import { readModel, stackOf } from "./find-stack.ts";

/** What verbs need that look at stores alone: no engine, so that they work while Docker does not. */
export function openStoreContext(call: Call): StoreContext {
  const directory = stackOf(call);
  return {
    directory,
    model: readModel(directory),
    clock: systemClock,
    progress: progressOf(call),
    signal: call.signal,
  };
}

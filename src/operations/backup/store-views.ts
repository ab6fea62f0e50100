import { join } from "node:path";
import { type Catalogue, readCatalogue } from "../../snapshots/catalogue.ts";
import type { SnapshotStore } from "../../snapshots/store.ts";
import type { Context } from "../context.ts";
import { redactorFor } from "../secret-values.ts";
import { failureOf } from "./failure.ts";
import type { Failure } from "./result.ts";
import { type BackupState, withLaterChecks } from "./state.ts";
import { backupStateFolder } from "./stores.ts";

/** What looking at stores takes: no engine, so that it works while Docker does not. */
export type StoreContext = Pick<Context, "directory" | "model" | "clock" | "signal" | "progress">;

/** A store and what is in it; or why that could not be read. */
export interface StoreView {
  store: SnapshotStore;
  catalogue?: Catalogue;
  error?: Failure;
}

/** Reads what is in each store, all at once. One that does not answer keeps no other from being seen. */
export function lookAtStores(
  context: StoreContext,
  stores: readonly SnapshotStore[],
  state: BackupState,
  countObjects = false,
): Promise<StoreView[]> {
  const { directory, model, signal } = context;
  const cacheFolder = join(backupStateFolder(directory), "catalogue");
  return Promise.all(
    stores.map(async (store) => {
      try {
        const catalogue = await readCatalogue(store, { cacheFolder, countObjects, signal });
        const snapshots = withLaterChecks(state, store.name, catalogue.snapshots);
        return { store, catalogue: { ...catalogue, snapshots } };
      } catch (error) {
        signal.throwIfAborted();
        return { store, error: failureOf(error, redactorFor(directory, model)) };
      }
    }),
  );
}

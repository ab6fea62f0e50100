import { join } from "node:path";
import { type Catalogue, readCatalogue } from "../../snapshots/catalogue.ts";
import type { SnapshotStore } from "../../snapshots/store.ts";
import type { Context } from "../context.ts";
import { backupStateFolder } from "./stores.ts";

/** What a store holds; manifests that were read once are remembered. */
export function catalogueOf(
  { directory, signal }: Pick<Context, "directory" | "signal">,
  store: SnapshotStore,
): Promise<Catalogue> {
  return readCatalogue(store, { cacheFolder: join(backupStateFolder(directory), "catalogue"), signal });
}

import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { DataSourceOf } from "../../stack/data-source.ts";
import { imageForBase } from "../backup/postgres-image.ts";
import { makeStaging } from "../backup/snapshot.ts";
import type { Context } from "../context.ts";
import type { Journal } from "../journal.ts";
import { fetchParts } from "./fetch.ts";
import { identitiesFrom } from "./identities.ts";
import { loadSnapshot, originsOf } from "./load.ts";
import { type RestoreItem, type RestoreOptions, storesOf } from "./plan.ts";
import { type DumpFolder, dumpFromVolume, restoreDatabase } from "./postgres-database.ts";
import type { Restored } from "./run.ts";

export interface OneDatabaseRequest {
  item: RestoreItem & { database: string };
  id: string;
  options: RestoreOptions;
}

/**
 * Brings back one database of a server that goes on serving the others: out of a dump that was named, or out of the whole
 * server as it was at a moment, which is brought up beside the live one and dumped.
 */
export async function restoreOneDatabase(
  context: Context,
  journal: Journal,
  request: OneDatabaseRequest,
): Promise<Restored> {
  const { item, id, options } = request;
  const source = item.source as DataSourceOf<"postgres">;
  const { manifest } = item.chosen.entry;
  const staging = makeStaging(context.directory, `database-${id}`);
  try {
    const { dump, reached } =
      manifest.type === "dump"
        ? { dump: await fetchDump(context, request, staging), reached: undefined }
        : await dumpOfMoment(context, journal, request, staging);
    const done = await restoreDatabase(context, journal, {
      source,
      database: item.database,
      snapshot: dump,
      id,
      ...(options.into !== undefined && { into: options.into }),
    });
    return {
      source: source.name,
      database: item.database,
      snapshot: manifest.id,
      store: item.chosen.store,
      reached: reached === undefined ? manifest.pointInTime : new Date(reached).toISOString(),
      checks: done.checks,
      ...(done.kept !== undefined && { kept: done.kept }),
      ...(options.into !== undefined && { into: done.database }),
    };
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

async function fetchDump(
  context: Context,
  { item, options }: OneDatabaseRequest,
  staging: string,
): Promise<DumpFolder> {
  const { entry, store } = item.chosen;
  const origin = originsOf(storesOf(context, options), identitiesFrom(options.key)).find(
    (candidate) => candidate.store.name === store,
  );
  if (origin === undefined) throw new Error(`no origin for ${store}`);
  return { manifest: entry.manifest, folder: await fetchParts(context, origin, entry, staging) };
}

/** The whole server at the moment, in a volume that is thrown away once the database is out of it. */
async function dumpOfMoment(
  context: Context,
  journal: Journal,
  { item, id, options }: OneDatabaseRequest,
  staging: string,
): Promise<{ dump: DumpFolder; reached: number | undefined }> {
  const { chosen, source, database, at } = item;
  const { manifest } = chosen.entry;
  const loaded = await loadSnapshot(context, journal, {
    chosen,
    source,
    id,
    origins: originsOf(storesOf(context, options), identitiesFrom(options.key)),
    depth: "quick",
    purpose: "restore",
    ...(at !== undefined && { at }),
  });
  try {
    const [volume] = loaded.volumes;
    if (volume === undefined) throw new Error("loading made no volume");
    const folder = join(staging, "dump");
    mkdirSync(folder);
    chmodSync(folder, 0o777);
    const dump = await dumpFromVolume(context, {
      source: source as DataSourceOf<"postgres">,
      volume: volume.restored,
      image: await imageForBase(context, source as DataSourceOf<"postgres">, manifest),
      database,
      staging: folder,
      snapshot: manifest.id,
    });
    return { dump, reached: loaded.reached };
  } finally {
    await loaded.discard();
  }
}

import { mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { SnapshotStore } from "../../snapshots/store.ts";
import type { DataSource } from "../../stack/data-source.ts";
import { isDiskFull, saysDiskFull } from "../../support/disk.ts";
import { StackError } from "../../support/errors.ts";
import { ownLabels } from "../backup/container.ts";
import type { Loaded } from "../backup/kinds.ts";
import { kindOf } from "../backup/kinds-table.ts";
import { makeStaging } from "../backup/snapshot.ts";
import type { Context } from "../context.ts";
import { engineName } from "../engine-name.ts";
import type { Journal } from "../journal.ts";
import { fetchParts, type Origin, sharedObjects } from "./fetch.ts";
import type { Chosen } from "./select.ts";

export interface LoadRequest {
  chosen: Chosen;
  source: DataSource;
  /** Short and unique in this operation. */
  id: string;
  /** The stores that may be asked for shared objects and the log, the chosen one among them. */
  origins: readonly Origin[];
  depth: "quick" | "deep";
  at?: number;
  /** Name of the volume, behind the stack's; left out: one of its own. */
  into?: string;
  purpose: "restore" | "drill";
}

/** What was loaded, and how to be rid of it again. */
export interface LoadedSnapshot extends Loaded {
  /** Milliseconds from the first byte fetched to the last check. */
  took: number;
  /** Removes the volumes that were made. The caller keeps those that were swapped in. */
  discard(except?: readonly string[]): Promise<void>;
}

/**
 * Brings a snapshot into new volumes, starts its server there without a network and looks at it. The live stack is not
 * touched. On failure nothing is left.
 */
export async function loadSnapshot(context: Context, journal: Journal, request: LoadRequest): Promise<LoadedSnapshot> {
  const { chosen, source, id, origins, depth, at, purpose, into } = request;
  const { engine, model, directory, clock } = context;
  const began = clock.now();
  const origin = origins.find(({ store }) => store.name === chosen.store);
  if (origin === undefined) throw new Error(`no origin for ${chosen.store}`);
  const staging = makeStaging(directory, `${purpose}-${id}-${source.name}`);
  const made: string[] = [];
  const discard = async (except: readonly string[] = []) => {
    for (const volume of made) if (!except.includes(volume)) await engine.removeVolume(volume);
  };
  try {
    const shared = join(staging, "shared");
    mkdirSync(shared);
    const objects = sharedObjects(context, inOrder(origins, origin), shared);
    const chain = [];
    for (const entry of chosen.chain)
      chain.push({ manifest: entry.manifest, folder: await fetchParts(context, origin, entry, staging) });
    const loaded = await kindOf(source).load({
      context,
      source,
      chain,
      id,
      depth,
      shared,
      ...(at !== undefined && { at }),
      fetchShared: objects.fetch,
      listShared: objects.list,
      newVolume: async (use) => {
        const own = `${source.volume}_${purpose}-${id}${use === "" ? "" : `-${use}`}`;
        const name = engineName(model, use === "" && into !== undefined ? into : own);
        // What the user asked for by its name is the user's: it is not removed with what restores put aside.
        const labelled = into === undefined ? purpose : "copy";
        await makeNewVolume(context, journal, { name, replaces: source.volume, purpose: labelled });
        made.push(name);
        return name;
      },
    });
    return { ...loaded, took: clock.now() - began, discard };
  } catch (error) {
    const told = await toldNoRoom(context, source, made, error);
    await discard().catch(() => {});
    throw told;
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** Makes a volume beside Compose; that it goes again is in the journal before. `replaces`: the model's name for the live one. */
export async function makeNewVolume(
  context: Context,
  journal: Journal,
  { name, replaces, purpose }: { name: string; replaces: string; purpose: string },
): Promise<void> {
  await refuseTaken(context, name);
  journal.begin({ id: `volume:${name}`, undo: { kind: "remove-volume", volume: name } });
  await context.engine.createVolume(name, {
    ...ownLabels(context.model, purpose),
    "create-stack.volume": replaces,
    "create-stack.made-at": new Date(context.clock.now()).toISOString(),
  });
}

/** A program in a container says in its own words that a disk is full: the one with the new volume, or that of the stack. */
async function toldNoRoom(
  { engine, directory }: Context,
  { name }: DataSource,
  made: readonly string[],
  error: unknown,
): Promise<unknown> {
  const said = error instanceof StackError ? [error.message, ...error.details].join("\n") : "";
  if (!isDiskFull(error) && !saysDiskFull(said)) return error;
  const [newest] = made.slice(-1);
  const volume = newest === undefined ? undefined : await engine.volume(newest).catch(() => undefined);
  const where = isDiskFull(error) || volume === undefined ? directory : dirname(dirname(volume.mountpoint));
  return new StackError({
    code: "no-room-for-restore",
    exit: "backupFailed",
    message: `There is no room to restore ${name}: the disk of ${where} is full`,
    details: error instanceof StackError ? error.details : [],
    hint: `nothing was changed; make room (df -h ${where} ${directory}), then run the same restore again`,
    cause: error,
  });
}

async function refuseTaken({ engine }: Context, name: string): Promise<void> {
  if ((await engine.volume(name)) === undefined) return;
  throw new StackError({
    code: "volume-exists",
    exit: "invalidInput",
    message: `There is a volume ${name} already`,
    hint: `give --into another name, or remove it: docker volume rm ${name}`,
  });
}

/** The chosen store is asked first. */
function inOrder(origins: readonly Origin[], first: Origin): Origin[] {
  return [first, ...origins.filter((origin) => origin !== first)];
}

/** Stores with the same keys for each. */
export function originsOf(stores: readonly SnapshotStore[], identities: Origin["identities"]): Origin[] {
  return stores.map((store) => ({ store, identities }));
}

import { randomBytes } from "node:crypto";
import { isDiskFull, toldDiskFull } from "../../support/disk.ts";
import { messageOf, StackError } from "../../support/errors.ts";
import { formatAge } from "../../support/units.ts";
import type { Checked } from "../backup/kinds.ts";
import { shipLogs } from "../backup/log.ts";
import type { Context } from "../context.ts";
import { despiteEngineLoss } from "../engine-loss.ts";
import { engineName } from "../engine-name.ts";
import { makeFolders } from "../folders.ts";
import type { Journal } from "../journal.ts";
import { aloneWithBackups, exclusively, journalled, noted } from "../operation.ts";
import { bringUp } from "../start.ts";
import { chosenServices, readWanted } from "../start-facts.ts";
import { refuse } from "../stop.ts";
import { emptyVolumes, followersOf } from "./follow.ts";
import { forgetBegun } from "./from-begun.ts";
import { identitiesFrom } from "./identities.ts";
import { type LoadedSnapshot, loadSnapshot, originsOf } from "./load.ts";
import { makeNewBases } from "./new-bases.ts";
import { restoreOneDatabase } from "./one-database.ts";
import { planRestore, type RestoreItem, type RestoreOptions, type RestorePlan, storesOf } from "./plan.ts";
import { noteRestore, type RestoreRecord } from "./record.ts";
import { whileStopped } from "./stand-still.ts";
import { swapVolumes } from "./swap.ts";

/** What came of one item. */
export interface Restored {
  source: string;
  snapshot: string;
  store: string;
  database?: string;
  /** RFC 3339: the last change that is in it, where that is known. */
  reached?: string;
  checks: Checked[];
  /** Where what was there before is kept: a volume or a database. */
  kept?: string;
  /** Volume or database with the restored copy, where the live one was left alone. */
  into?: string;
}

export interface RestoreResult {
  id: string;
  restored: Restored[];
  /** Milliseconds in all, and those in which services stood still. */
  took: number;
  stoppedFor: number;
  /** What did not work afterwards and is to be made up for. */
  notes: string[];
}

/**
 * Brings data back: loads each snapshot into a new volume while the stack serves on, checks it there, and only then stops
 * what uses the live one and swaps the two. What was there before is kept. Killed at any moment, the next command puts
 * everything back to how it was, or completes the swap.
 */
export async function runRestore(context: Context, options: RestoreOptions): Promise<RestoreResult> {
  // No backup may be made of what is about to change, and nobody else may work on the stack.
  const result = await aloneWithBackups(context, "restore run", options.wait, () =>
    exclusively(context, "restore run", options.wait, () =>
      journalled(context, "restore", (journal) =>
        despiteEngineLoss(
          context,
          journal,
          () => false,
          () => restore(context, journal, options),
        ),
      ),
    ),
  );
  forgetBegun(context.directory);
  const swapped = result.restored.filter(({ database, into }) => database === undefined && into === undefined);
  const sources = swapped.map(({ source }) => source);
  return { ...result, notes: await makeNewBases(context, sources, options.version) };
}

async function restore(
  context: Context,
  journal: Journal,
  options: RestoreOptions,
): Promise<Omit<RestoreResult, "notes">> {
  const { clock, progress } = context;
  const began = clock.now();
  await takeLastLog(context, options.only);
  const planned = await planRestore(context, options);
  const id = randomBytes(3).toString("hex");
  await prepareStack(context);
  progress.phase(
    `Loading ${planned.items.length === 1 ? "1 snapshot" : `${planned.items.length} snapshots`}; the stack serves on meanwhile`,
  );
  const whole = planned.items.filter(({ database }) => database === undefined);
  const single = planned.items.filter(({ database }) => database !== undefined);
  const loaded = await loadAll(context, journal, whole, options, id);
  const restored: Restored[] = [];
  let stoppedFor = 0;
  if (options.into !== undefined && loaded[0] !== undefined) restored.push(keptAside(loaded[0]));
  else if (loaded.length > 0) {
    const swapped = await swapIn(context, journal, id, planned, loaded);
    restored.push(...swapped.restored);
    stoppedFor = swapped.stoppedFor;
  }
  for (const { database, ...item } of single)
    if (database !== undefined)
      restored.push(await restoreOneDatabase(context, journal, { item: { ...item, database }, id, options }));
  return { id, restored, took: clock.now() - began, stoppedFor };
}

/** What the servers have logged to this minute, where they still run: a restore to the newest is to lose nothing. */
async function takeLastLog(context: Context, only: readonly string[] = []): Promise<void> {
  const { engine, model, progress } = context;
  const { containers } = await engine.observe(model.name);
  const servers = model.dataSources.filter(
    ({ name, kind, service }) =>
      kind === "postgres" &&
      (only.length === 0 || only.some((text) => text.split("/")[0] === name)) &&
      containers.some((found) => found.service === service && found.state === "running"),
  );
  if (servers.length === 0) return;
  progress.phase("Taking over the last of the log");
  try {
    for (const { service } of servers) await switchSegment(context, service);
    await shipLogs(context, { wait: 30_000 });
  } catch (error) {
    context.signal.throwIfAborted();
    progress.line(`warning: the last of the log could not be taken over: ${messageOf(error)}`);
  }
}

const archiveWithin = 30_000;

/** Has the server finish its segment and waits until it is archived, or until that is hopeless. */
async function switchSegment({ engine, model, clock, signal }: Context, service: string): Promise<void> {
  const { containers } = await engine.observe(model.name);
  const server = containers.find((found) => found.service === service && !found.oneOff);
  if (server === undefined) return;
  const ask = async (sql: string) => {
    const psql = ["psql", "--no-psqlrc", "-At", "-U", "postgres", "-d", "postgres", "-c", sql];
    const { exitCode, stdout } = await engine.exec(server.id, psql, { user: "999:999", timeout: 10_000 });
    return exitCode === 0 ? stdout.trim() : undefined;
  };
  // The position that it returns is the first after the segment; an idle server has switched already.
  const segment = await ask("SELECT pg_walfile_name(pg_switch_wal() - 1)");
  for (const end = clock.now() + archiveWithin; segment !== undefined && clock.now() < end; ) {
    const last = await ask("SELECT coalesce(max(last_archived_wal), '') FROM pg_stat_archiver");
    if (last === undefined || last >= segment) return;
    await clock.sleep(250, signal);
  }
}

/** On an empty server Compose makes the volumes, networks and containers first, and has the images pulled. */
async function prepareStack(context: Context): Promise<void> {
  const { engine, model, compose, signal, progress } = context;
  const wanted = [...model.dataSources, ...followersOf(model.dataSources)];
  const volumes = await Promise.all(wanted.map(({ volume }) => engine.volume(engineName(model, volume))));
  const { containers } = await engine.observe(model.name);
  const made = new Set(containers.map(({ service }) => service));
  const missing = wanted.some(({ service }) => !made.has(service));
  if (volumes.every((volume) => volume !== undefined) && !missing) return;
  progress.phase("Preparing images, networks and volumes");
  makeFolders(context.directory, model);
  refuse(context, await compose.run(["up", "--no-start", "--quiet-pull"], { signal }));
}

interface LoadedItem {
  item: RestoreItem;
  loaded: LoadedSnapshot;
}

async function loadAll(
  context: Context,
  journal: Journal,
  items: readonly RestoreItem[],
  options: RestoreOptions,
  id: string,
): Promise<LoadedItem[]> {
  const origins = originsOf(storesOf(context, options), identitiesFrom(options.key));
  const done: LoadedItem[] = [];
  try {
    for (const item of items) {
      const { source, chosen, at } = item;
      const request = {
        chosen,
        source,
        id,
        origins,
        depth: "quick",
        purpose: "restore",
        ...(options.into !== undefined && { into: options.into }),
        ...(at !== undefined && { at }),
      } as const;
      const loaded = await loadSnapshot(context, journal, request);
      done.push({ item, loaded });
      const bad = loaded.checks.find(({ ok }) => !ok);
      if (bad !== undefined) throw notSound(item, bad);
      context.progress.update(source.name, "done", `loaded and checked in ${formatAge(loaded.took)}`);
    }
    return done;
  } catch (error) {
    for (const { loaded } of done) await loaded.discard().catch(() => {});
    throw error;
  }
}

function notSound({ source, chosen }: RestoreItem, { detail }: Checked): StackError {
  return new StackError({
    code: "restore-not-sound",
    exit: "backupFailed",
    message: `What came out of snapshot ${chosen.entry.manifest.id} of ${source.name} is not sound: ${detail}`,
    hint: "nothing was changed; choose another one: ./prod.sh backup list",
  });
}

function keptAside({ item, loaded }: LoadedItem): Restored {
  const [volume] = loaded.volumes;
  return { ...describe({ item, loaded }), ...(volume && { into: volume.restored }) };
}

function describe({ item, loaded }: LoadedItem): Restored {
  const { manifest } = item.chosen.entry;
  return {
    source: item.source.name,
    snapshot: manifest.id,
    store: item.chosen.store,
    reached: loaded.reached === undefined ? manifest.pointInTime : new Date(loaded.reached).toISOString(),
    checks: loaded.checks,
  };
}

/** Stops, swaps, starts. From here on it is minutes at most: everything that takes long has been done. */
async function swapIn(
  context: Context,
  journal: Journal,
  id: string,
  { stops }: RestorePlan,
  items: readonly LoadedItem[],
) {
  const { clock, model, progress } = context;
  const discard = async () => {
    for (const { loaded } of items) await loaded.discard().catch(() => {});
  };
  const followers = followersOf(items.map(({ item }) => item.source));
  const empty = await emptyVolumes(context, journal, id, followers).catch(async (error) => {
    await discard();
    throw error;
  });
  const filled = items.flatMap(({ loaded }) =>
    loaded.volumes.map(({ restored, replaces }) => ({ restored, replaces: engineName(model, replaces) })),
  );
  const pairs = [...filled, ...empty.pairs];
  const stoppedAt = clock.now();
  let swapped = false;
  try {
    await whileStopped(context, journal, stops, async () => {
      progress.phase("Swapping the restored copies in");
      await swapVolumes(context, journal, pairs);
      swapped = true;
      remember(context, { id, at: clock.now(), pairs, stops });
      await startAgain(context, journal);
    });
  } catch (error) {
    if (swapped) throw notStarting(context.directory, id, error);
    await discard();
    await empty.discard().catch(() => {});
    throw error;
  }
  const restored = items.map((item) => ({
    ...describe(item),
    ...(item.loaded.volumes[0] && { kept: item.loaded.volumes[0].restored }),
  }));
  return { restored, stoppedFor: clock.now() - stoppedAt };
}

/** The data is in place: a full disk keeps it neither from being served nor from being told of. */
function remember({ directory, progress }: Context, record: RestoreRecord): void {
  try {
    noteRestore(directory, record);
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    progress.line(`warning: ./prod.sh restore undo will not know of this restore: the disk of ${directory} is full`);
  }
}

function notStarting(directory: string, id: string, thrown: unknown): unknown {
  const error = toldDiskFull(thrown, directory);
  if (!(error instanceof StackError) || error.exit === "interrupted") return error;
  return new StackError({
    code: "restored-not-healthy",
    exit: error.exit,
    message: `The data was restored, but the stack does not become healthy on it: ${error.message}`,
    details: error.details,
    problems: error.problems,
    hint: `put right what it says and run ./prod.sh start; or go back to the data from before: ./prod.sh restore undo ${id}`,
    cause: error,
  });
}

/** Everything that belongs to the stack, the set-up steps with it: they give roles and keys their passwords again. */
export async function startAgain(context: Context, journal: Journal): Promise<void> {
  const wanted = await readWanted(context);
  const before = await context.engine.observe(context.model.name);
  await noted(journal, "up", "stack", () =>
    bringUp(context, { services: chosenServices(wanted, []), before, names: [], converge: true }),
  );
}

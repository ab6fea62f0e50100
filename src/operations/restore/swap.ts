import { randomBytes } from "node:crypto";
import { basename, dirname } from "node:path";
import type { EngineVolume } from "../../engine/engine.ts";
import { StackError } from "../../support/errors.ts";
import { purposeLabel, runToEnd, stackLabel, toolbox } from "../backup/container.ts";
import type { Context } from "../context.ts";
import { type Journal, readJournal, type Undo, undoList } from "../journal.ts";
import { swapScript } from "./swap-script.ts";

/** Two volumes by the engine's names: what was restored, and what it takes the place of. */
export interface SwapPair {
  restored: string;
  replaces: string;
}

/** Which folder each of two volumes is to hold; folders are told apart by their inode numbers, which a rename keeps. */
interface Placement {
  restored: { volume: string; inode: string };
  replaces: { volume: string; inode: string };
}

/** A volume that a restore has put aside, or that was restored and never swapped in. */
export interface KeptVolume {
  /** In the engine. */
  name: string;
  /** In the model: the volume whose former content it holds. */
  volume?: string;
  /** Milliseconds since it was put aside. */
  age: number;
}

const undoKind = "swap-volumes";

/**
 * Exchanges the content of volumes by renaming their folders: names stay, no byte is copied, and doing it again takes it
 * back. Nothing may run on any of them. All pairs or none: what was begun when something died is taken back by the next
 * command; once this has resolved it stands.
 */
export async function swapVolumes(context: Context, journal: Journal, pairs: readonly SwapPair[]): Promise<void> {
  if (pairs.length === 0) return;
  const root = await rootOf(context, pairs);
  await refuseUsed(context, pairs);
  const before = await look(context, root, pairs);
  const id = `swap:${pairs.map(({ replaces }) => replaces).join(",")}:${randomBytes(3).toString("hex")}`;
  journal.begin({ id, undo: { kind: undoKind, root, placements: before } });
  try {
    await place(context, root, before.map(exchanged));
    journal.done({ id });
    // What cannot be written down as standing does not stand: the next command would take it back under what runs then.
    journal.settled([id, ...madeFor(context, journal, pairs)]);
  } catch (error) {
    // Whatever interrupted it does not interrupt this.
    await place(uninterrupted(context), root, before);
    // Where that is not written down it is done once more, which changes nothing.
    onlyTried(() => journal.undone(id));
    throw error;
  }
}

function onlyTried(act: () => void): void {
  try {
    act();
  } catch {
    // The error before it is what counts.
  }
}

/** Steps that made the volumes: what they hold now is not to be removed with a restore that failed later. */
function madeFor({ directory }: Context, { id }: Journal, pairs: readonly SwapPair[]): string[] {
  const volumes = new Set<unknown>(pairs.map(({ restored }) => restored));
  const open = undoList(readJournal(directory, id));
  return open.filter(({ undo }) => undo.kind === "remove-volume" && volumes.has(undo.volume)).map(({ step }) => step);
}

/** True for the undo of an exchange. */
export function isSwap(undo: Undo): boolean {
  return undo.kind === undoKind;
}

/** Takes back a swap that died half way. What runs on the volumes is stopped meanwhile, where it is the stack's own. */
export async function undoSwap(context: Context, undo: Undo): Promise<void> {
  const { root, placements } = undo as unknown as { root: string; placements: Placement[] };
  const { engine } = context;
  const pairs = placements.map(({ restored, replaces }) => ({ restored: restored.volume, replaces: replaces.volume }));
  const own = new Set((await engine.observe(context.model.name)).containers.map(({ id }) => id));
  const running = (await usersOf(context, pairs)).filter(({ id }) => own.has(id));
  for (const { id } of running) await engine.stop(id, 30);
  await refuseUsed(context, pairs);
  await place(context, root, placements);
  for (const { id } of running) await engine.start(id);
}

/** What earlier restores have put aside, oldest first. */
export async function keptVolumes({ engine, model, clock }: Context): Promise<KeptVolume[]> {
  const volumes = await engine.labelledVolumes(stackLabel, model.name);
  const now = clock.now();
  return volumes
    .filter(({ labels }) => labels[purposeLabel] === "restore")
    .map(({ name, labels, changedAt }) => ({
      name,
      ...(labels["create-stack.volume"] !== undefined && { volume: labels["create-stack.volume"] }),
      age: Math.max(0, now - changedAt),
    }))
    .sort((a, b) => b.age - a.age || (a.name < b.name ? -1 : 1));
}

function exchanged({ restored, replaces }: Placement): Placement {
  return {
    restored: { volume: restored.volume, inode: replaces.inode },
    replaces: { volume: replaces.volume, inode: restored.inode },
  };
}

function uninterrupted(context: Context): Context {
  return { ...context, signal: new AbortController().signal };
}

/** Folder of the engine's host that holds the folders of all these volumes. */
async function rootOf({ engine }: Context, pairs: readonly SwapPair[]): Promise<string> {
  const roots = new Set<string>();
  for (const name of pairs.flatMap(({ restored, replaces }) => [restored, replaces])) {
    const volume = await engine.volume(name);
    if (volume === undefined) throw unswappable(name, "it does not exist");
    roots.add(rootOfVolume(volume));
  }
  const [root, ...others] = roots;
  if (root !== undefined && others.length === 0) return root;
  throw unswappable(pairs[0]?.replaces ?? "", `its folder lies elsewhere than that of ${pairs[0]?.restored}`);
}

function rootOfVolume({ name, driver, mountpoint, options }: EngineVolume): string {
  const folder = dirname(mountpoint);
  if (driver !== "local") throw unswappable(name, `its driver is ${driver}`);
  if (Object.keys(options).length > 0) throw unswappable(name, `it has options (${Object.keys(options).join(", ")})`);
  if (basename(mountpoint) !== "_data" || basename(folder) !== name)
    throw unswappable(name, `its folder is ${mountpoint}`);
  return dirname(folder);
}

function unswappable(volume: string, reason: string): StackError {
  return new StackError({
    code: "volume-not-swappable",
    exit: "backupFailed",
    message: `The volume ${volume} cannot be exchanged for a restored one: ${reason}`,
    hint: "./prod.sh restore run --into NAME restores beside it; then copy what you need",
  });
}

async function usersOf({ engine }: Context, pairs: readonly SwapPair[]) {
  const names = pairs.flatMap(({ restored, replaces }) => [restored, replaces]);
  const found = await Promise.all(names.map((name) => engine.usersOf(name)));
  return found.flat().filter(({ state }) => state === "running" || state === "paused" || state === "restarting");
}

async function refuseUsed(context: Context, pairs: readonly SwapPair[]): Promise<void> {
  const [user] = await usersOf(context, pairs);
  if (user === undefined) return;
  throw new StackError({
    code: "volume-in-use",
    exit: "backupFailed",
    message: `The container ${user.name} runs on a volume that is to be exchanged`,
    hint: user.service === "" ? `docker stop ${user.name}` : `./prod.sh stop ${user.service}`,
  });
}

async function look(context: Context, root: string, pairs: readonly SwapPair[]): Promise<Placement[]> {
  const names = pairs.flatMap(({ restored, replaces }) => [restored, replaces]);
  const output = await runScript(context, root, true, ["look", ...names]);
  const inodes = new Map(output.map((line) => line.split(" ")).map(([, volume, inode]) => [volume, inode]));
  const at = (volume: string) => {
    const inode = inodes.get(volume);
    if (inode === undefined || !/^\d+$/.test(inode)) throw unswappable(volume, "its folder is missing");
    return { volume, inode };
  };
  return pairs.map(({ restored, replaces }) => ({ restored: at(restored), replaces: at(replaces) }));
}

function place(context: Context, root: string, placements: readonly Placement[]): Promise<string[]> {
  const words = placements.flatMap(({ restored, replaces }) => [
    replaces.volume,
    replaces.inode,
    restored.volume,
    restored.inode,
  ]);
  return runScript(context, root, false, ["place", ...words]);
}

async function runScript(
  context: Context,
  root: string,
  readOnly: boolean,
  words: readonly string[],
): Promise<string[]> {
  return runToEnd(context, "Exchanging the folders of volumes", {
    purpose: "swap",
    image: await toolbox(context),
    user: "0:0",
    entrypoint: ["sh", "-c", swapScript, "swap"],
    command: [...words],
    binds: [{ source: root, target: "/volumes", readOnly }],
    // A folder moves to another parent only by someone who may write in it, whoever owns it.
    capabilities: ["DAC_OVERRIDE"],
  });
}

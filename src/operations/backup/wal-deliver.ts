import { join } from "node:path";
import { plainKey } from "../../snapshots/object-key.ts";
import type { Sealer } from "../../snapshots/seal.ts";
import type { SnapshotStore } from "../../snapshots/store.ts";
import type { WalObject } from "../../snapshots/wal-chain.ts";
import { messageOf } from "../../support/errors.ts";
import type { Context } from "../context.ts";
import { backupsFolder } from "./stores.ts";
import type { WalMemory } from "./wal-memory.ts";
import { historyFirst } from "./wal-spool.ts";

/** A place beyond this host that the log goes to, and how it is encrypted on the way. */
export interface WalDestination {
  store: SnapshotStore;
  sealer: Sealer;
}

/** How it went with one destination. */
export interface WalDelivery {
  store: string;
  /** Files and bytes that were stored there now. */
  delivered: number;
  bytes: number;
  /** Keys of the local store that are not there. */
  missing: string[];
  /** Why not. */
  error?: string;
}

export interface DeliverWalRequest {
  source: string;
  destination: WalDestination;
  /** What is to be there, from the local store. */
  wanted: readonly WalObject[];
  /** Of these it is asked each day anew whether they are there still; others may have been removed by their age. */
  sure: (object: WalObject) => boolean;
  memory: WalMemory;
  /** Uploads at the same time. */
  concurrency: number;
}

const relistAfter = 24 * 3_600_000;

/**
 * Brings to a destination what it lacks, in the order of the log. Never throws for what the destination does: the first
 * failure ends the attempt (the next file would not arrive either), and the next run goes on from there.
 */
export async function deliverWal(context: Context, request: DeliverWalRequest): Promise<WalDelivery> {
  const { wanted, memory, destination, concurrency } = request;
  const { store } = destination;
  const result: WalDelivery = { store: store.name, delivered: 0, bytes: 0, missing: [] };
  let there = new Set<string>();
  try {
    there = await knownThere(context, request);
    const waiting = wanted.filter(({ key }) => !there.has(key)).sort(inOrder);
    const carry = async ({ key }: WalObject) => {
      const bytes = await deliverFile(context, destination, key);
      there.add(key);
      result.delivered += 1;
      result.bytes += bytes;
    };
    // Branches have arrived before anything that lies on them is sent.
    const isBranch = ({ kind }: WalObject) => kind === "history";
    await atOnce(concurrency, waiting.filter(isBranch), carry);
    await atOnce(
      concurrency,
      waiting.filter((object) => !isBranch(object)),
      carry,
    );
  } catch (error) {
    context.signal.throwIfAborted();
    result.error = messageOf(error);
  }
  const keys = new Set(wanted.map(({ key }) => key));
  result.missing = [...keys].filter((key) => !there.has(key));
  const remembered = memory.stores[store.name];
  if (remembered !== undefined) remembered.keys = [...there].filter((key) => keys.has(key));
  return result;
}

/** A few at the same time, in order. The first failure ends it, once those under way have ended. */
async function atOnce<Item>(count: number, items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const failures: unknown[] = [];
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined && failures.length === 0; next = waiting.shift())
      await work(next).catch((error) => failures.push(error));
  };
  await Promise.all(Array.from({ length: Math.max(1, count) }, worker));
  if (failures.length > 0) throw failures[0];
}

function inOrder(one: WalObject, other: WalObject): number {
  return historyFirst({ name: nameOf(one) }, { name: nameOf(other) });
}

function nameOf({ key }: WalObject): string {
  return key.slice(key.lastIndexOf("/") + 1);
}

/** Keys, without the suffix of encryption, that the destination has: as remembered, or listed where that is long ago. */
async function knownThere(context: Context, request: DeliverWalRequest): Promise<Set<string>> {
  const { source, destination, wanted, sure, memory } = request;
  const { store } = destination;
  const now = context.clock.now();
  const remembered = memory.stores[store.name];
  const before = new Set(remembered?.keys ?? []);
  if (remembered !== undefined && Math.abs(now - remembered.listedAt) < relistAfter) return before;
  const there = new Set<string>();
  for await (const { key } of store.list(`wal/${source}/`, context.signal)) there.add(plainKey(key));
  for (const object of wanted) if (before.has(object.key) && !sure(object)) there.add(object.key);
  memory.stores[store.name] = { listedAt: now, keys: [...there] };
  return there;
}

/** Stores one file, unless it arrived in a run that died before it could remember that. Says how many bytes were sent. */
async function deliverFile(
  { directory, signal }: Context,
  { store, sealer }: WalDestination,
  key: string,
): Promise<number> {
  signal.throwIfAborted();
  const storedKey = `${key}${sealer.suffix}`;
  if ((await store.head(storedKey)) !== undefined) return 0;
  const sealed = await sealer.seal(join(backupsFolder(directory), key), undefined, signal);
  try {
    return (await store.put(storedKey, sealed, { signal })).bytes;
  } finally {
    await sealed.close();
  }
}

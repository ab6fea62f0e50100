import type { CatalogueEntry, UnreadableSnapshot } from "./catalogue.ts";
import { type BaseWal, baseWal, needsWal, type WalObject } from "./wal-chain.ts";

/** Files of the write-ahead log of one cluster that no kept base needs. Oldest first. */
export interface WalRemoval {
  source: string;
  systemId: string;
  objects: WalObject[];
  reason: string;
}

export interface WalInput {
  /** Every set that stays, and every one that is on its way here. */
  keep: readonly CatalogueEntry[];
  unreadable: readonly UnreadableSnapshot[];
  wal: readonly WalObject[];
  /** Sources of which nothing is removed. */
  held: readonly string[];
  /** Milliseconds. */
  keepFor: number;
}

/**
 * The log before the oldest base that stays may go, timeline by timeline. Where one base's place in the log is not known,
 * or a manifest of the source cannot be read, all of it stays. The log of a cluster that was replaced goes when a base of
 * its successor is older than the retention time.
 */
export function planWal({ keep, unreadable, wal, held, keepFor }: WalInput): WalRemoval[] {
  const { bases, unknown } = basesOf(keep);
  const untouched = new Set([...held, ...unknown, ...unreadable.map(({ source }) => source)]);
  const removals = new Map<string, WalRemoval>();
  for (const object of wal) {
    const { source, systemId } = object;
    if (untouched.has(source)) continue;
    const reason = reasonToGo(object, bases.get(source) ?? [], keepFor);
    if (reason === undefined) continue;
    const known = removals.get(`${source}/${systemId}`) ?? { source, systemId, objects: [], reason };
    known.objects.push(object);
    removals.set(`${source}/${systemId}`, known);
  }
  for (const { objects } of removals.values()) objects.sort(byPosition);
  return [...removals.values()];
}

/** The bases by source, and sources with a base whose place in the log is not known. */
function basesOf(entries: readonly CatalogueEntry[]): { bases: Map<string, BaseWal[]>; unknown: string[] } {
  const bases = new Map<string, BaseWal[]>();
  const unknown: string[] = [];
  for (const { manifest } of entries.filter((entry) => entry.manifest.type === "base")) {
    const { name } = manifest.source;
    const base = baseWal(manifest);
    if (base === undefined) unknown.push(name);
    else bases.set(name, [...(bases.get(name) ?? []), base]);
  }
  return { bases, unknown };
}

function reasonToGo(object: WalObject, bases: readonly BaseWal[], keepFor: number): string | undefined {
  if (bases.some((base) => needsWal(base, object))) return undefined;
  if (bases.some(({ systemId }) => systemId === object.systemId)) return "before the oldest base that stays";
  const replacedLongAgo = bases.some(({ finishedAt }) => finishedAt > object.modifiedAt + keepFor);
  return replacedLongAgo ? "the cluster was replaced and none of its bases is left" : undefined;
}

function byPosition(a: WalObject, b: WalObject): number {
  const [left, right] = [a.position + a.key, b.position + b.key];
  return left < right ? -1 : left > right ? 1 : 0;
}

import { formatAge } from "../support/units.ts";
import type { CatalogueEntry, IncompleteFolder, UnreadableSnapshot } from "./catalogue.ts";
import { timeOfId } from "./manifest.ts";
import { type Chains, chainsOf, nameOf } from "./retention-chains.ts";
import { type ClockFacts, clockProblem, heldSources, type LastRun } from "./retention-guards.ts";
import { planWal, type WalRemoval } from "./retention-wal.ts";
import type { WalObject } from "./wal-chain.ts";

/** How long snapshots are kept. */
export interface RetentionPolicy {
  /** Milliseconds, counted back from the newest checked set of the same source and type. */
  keepFor: number;
  /** So many checked sets of each source and type stay however old they are. At least 1 counts. */
  atLeast: number;
  /** Milliseconds. Of older increments the last of each UTC day stays; of other types the last of each six hours. */
  frequentFor: number;
}

/** Everything that a decision on one store is made of. Times are milliseconds since 1970. */
export interface RetentionInput {
  now: number;
  policy: RetentionPolicy;
  entries: readonly CatalogueEntry[];
  incomplete?: readonly IncompleteFolder[];
  unreadable?: readonly UnreadableSnapshot[];
  wal?: readonly WalObject[];
  /** How the newest run of each source and type ended. */
  lastRuns?: readonly LastRun[];
  clock?: ClockFacts;
  /** `<source>/<id>` of sets here that another destination has not got yet: they stay up to twice as long. */
  undelivered?: ReadonlySet<string>;
  /** Sets of another store that are still to be delivered to this one: their folders have no manifest here yet. */
  arriving?: readonly CatalogueEntry[];
  /** Folders from which a prune that died had taken the manifest already. */
  abandoned?: ReadonlySet<string>;
  /**
   * Remove more at once than `maxShare`, and also where the newest set is suspiciously small or a manifest cannot be read.
   * Overrules nothing else.
   */
  force?: boolean;
  /** The part of a source's sets that one run may remove for their age. A quarter where it is left out. */
  maxShare?: number;
}

export interface Reasoned {
  entry: CatalogueEntry;
  /** In words, for the person who asks why. */
  reason: string;
}

/** What stays and what goes, each with its reason. Names exact keys of the catalogue, nothing else. */
export interface RetentionPlan {
  /** Why nothing at all is removed from this store. */
  refused?: string;
  /** Sources of which no set is removed, and why. */
  held: { source: string; reason: string }[];
  keep: Reasoned[];
  /** In the order of removal: what builds on another goes before it. */
  remove: Reasoned[];
  /** Folders without a manifest that nobody comes back to. */
  sweep: { folder: IncompleteFolder; reason: string }[];
  wal: WalRemoval[];
}

const day = 86_400_000;
const slots = { incremental: day, other: day / 4 };

/** How long something that belongs to no set is left alone: a run may be at work on it. */
export const graceForLeftovers = day;

/**
 * Decides what a store may forget. A set stays if any rule says so; what a set that stays builds on, stays. Nothing is
 * decided by the clock alone: age counts back from the newest checked set, so that a source whose backups fail loses
 * nothing. Pure: the same input, the same plan.
 */
export function planRetention(input: RetentionInput): RetentionPlan {
  const refused = clockProblem(input.now, input.clock);
  if (refused !== undefined) return refusedPlan(input, refused);
  const chains = chainsOf(input.entries);
  const held = heldSources(input, chains);
  const kept = keepByRule(input, chains, new Set(held.map(({ source }) => source)));
  const wanted = input.entries.filter((entry) => !kept.has(entry));
  const remove = limitShare(input, chains, wanted, kept);
  closeChains(chains, kept);
  const isKept = (entry: CatalogueEntry) => kept.has(entry);
  const keep = input.entries.flatMap((entry) => {
    const reason = kept.get(entry);
    return reason === undefined ? [] : [{ entry, reason }];
  });
  return {
    held,
    keep,
    remove: remove.filter(({ entry }) => !isKept(entry)),
    sweep: planSweep(input),
    wal: planWal({
      keep: [...keep.map(({ entry }) => entry), ...(input.arriving ?? [])],
      unreadable: input.unreadable ?? [],
      wal: input.wal ?? [],
      held: held.map(({ source }) => source),
      keepFor: input.policy.keepFor,
    }),
  };
}

function refusedPlan({ entries }: RetentionInput, refused: string): RetentionPlan {
  return {
    refused,
    held: [],
    keep: entries.map((entry) => ({ entry, reason: refused })),
    remove: [],
    sweep: [],
    wal: [],
  };
}

type Kept = Map<CatalogueEntry, string>;

function keepByRule(input: RetentionInput, chains: Chains, held: ReadonlySet<string>): Kept {
  const kept: Kept = new Map();
  for (const group of groupsOf(input.entries).values()) {
    const [first] = group;
    const isHeld = first !== undefined && held.has(first.manifest.source.name);
    if (isHeld) for (const entry of group) kept.set(entry, "nothing of its source is removed now");
    else keepOfGroup(input, chains, group, kept);
  }
  closeChains(chains, kept);
  return kept;
}

/** Sets of one source and type, oldest first. */
function groupsOf(entries: readonly CatalogueEntry[]): Map<string, CatalogueEntry[]> {
  const groups = new Map<string, CatalogueEntry[]>();
  for (const entry of entries) {
    const key = `${entry.manifest.source.name}/${entry.manifest.type}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [entry]);
    else group.push(entry);
  }
  for (const group of groups.values()) group.sort(byId);
  return groups;
}

function byId(a: CatalogueEntry, b: CatalogueEntry): number {
  return a.manifest.id < b.manifest.id ? -1 : a.manifest.id > b.manifest.id ? 1 : 0;
}

/** More than clocks of one host and its stores differ by: whatever is dated later was made while a clock was wrong. */
export const clockTolerance = 5 * 60_000;

function timeOf(entry: CatalogueEntry): number {
  return timeOfId(entry.manifest.id);
}

/** Notes why sets of one source and type stay, the strongest reason of each. */
function keepOfGroup(input: RetentionInput, chains: Chains, group: readonly CatalogueEntry[], kept: Kept): void {
  const { now, policy, undelivered } = input;
  const isFuture = (entry: CatalogueEntry) => timeOf(entry) > now + clockTolerance;
  for (const entry of group.filter(isFuture)) kept.set(entry, "it is dated in the future");
  const dated = group.filter((entry) => !isFuture(entry));
  const checked = dated.filter(chains.isRestorable);
  const newest = checked.at(-1);
  if (newest === undefined) {
    for (const entry of dated) kept.set(entry, "no set of its kind is known to be good");
    return;
  }
  const floor = checked.slice(-Math.max(1, policy.atLeast));
  floor.forEach((entry, index) => {
    kept.set(entry, `one of the newest ${floor.length} checked (${floor.length - index})`);
  });
  const reference = Math.min(now, timeOf(newest));
  const lasts = lastOfSlots(dated, chains);
  for (const entry of dated) {
    const age = reference - timeOf(entry);
    const reason = reasonOfAge(age, policy, undelivered?.has(nameOf(entry)) === true, lasts.has(entry));
    if (reason !== undefined && !kept.has(entry)) kept.set(entry, reason);
  }
}

function reasonOfAge(age: number, policy: RetentionPolicy, undelivered: boolean, last: boolean): string | undefined {
  const { keepFor, frequentFor } = policy;
  if (age > keepFor) {
    return undelivered && age <= 2 * keepFor ? "older, but not delivered everywhere yet" : undefined;
  }
  if (age <= Math.min(frequentFor, keepFor)) return `younger than ${formatAge(Math.min(frequentFor, keepFor))}`;
  return last ? `younger than ${formatAge(keepFor)}` : undefined;
}

/** The last set of each day (increments) or six hours (the rest); one that can be restored, where there is one. */
function lastOfSlots(group: readonly CatalogueEntry[], chains: Chains): Set<CatalogueEntry> {
  const lasts = new Map<number, CatalogueEntry>();
  for (const entry of group) {
    const slot = Math.floor(timeOf(entry) / slotOf(entry));
    const known = lasts.get(slot);
    if (known === undefined || chains.isRestorable(entry) || !chains.isRestorable(known)) lasts.set(slot, entry);
  }
  return new Set(lasts.values());
}

function slotOf({ manifest }: CatalogueEntry): number {
  return manifest.type === "incremental" ? slots.incremental : slots.other;
}

/** Whatever a kept set builds on is kept. */
function closeChains(chains: Chains, kept: Kept): void {
  for (const entry of [...kept.keys()]) {
    for (const parent of chains.withParents(entry)) {
      if (!kept.has(parent)) kept.set(parent, `${entry.manifest.id} builds on it`);
    }
  }
}

/**
 * Takes from the sets that may go as many as one run may remove, oldest chain first and in each chain what builds on
 * others first; notes the rest as kept. A thinned set does not count: a neighbour of the same hours stays.
 */
function limitShare(input: RetentionInput, chains: Chains, wanted: readonly CatalogueEntry[], kept: Kept): Reasoned[] {
  const { entries, force = false, maxShare = 0.25 } = input;
  const reasons = reasonsOf(input, chains, wanted);
  const total = tally(entries);
  const taken = new Map<string, number>();
  const removed: Reasoned[] = [];
  for (const entry of childrenFirst(wanted, chains)) {
    const { name } = entry.manifest.source;
    const count = taken.get(name) ?? 0;
    const allowed = Math.max(1, Math.floor((total.get(name) ?? 0) * maxShare));
    const { reason, thinned } = reasons(entry);
    if (!thinned && !force && count >= allowed) {
      kept.set(entry, `left for the next prune: one removes no more than ${allowed} of ${total.get(name)} sets`);
      continue;
    }
    if (!thinned) taken.set(name, count + 1);
    removed.push({ entry, reason });
  }
  return removed;
}

function tally(entries: readonly CatalogueEntry[]): Map<string, number> {
  const total = new Map<string, number>();
  for (const { manifest } of entries) total.set(manifest.source.name, (total.get(manifest.source.name) ?? 0) + 1);
  return total;
}

/** Why a set goes. */
function reasonsOf(
  { now, policy, entries }: RetentionInput,
  chains: Chains,
  wanted: readonly CatalogueEntry[],
): (entry: CatalogueEntry) => { reason: string; thinned: boolean } {
  const references = new Map<string, number>();
  const groups = groupsOf(entries);
  for (const [key, group] of groups) {
    const newest = group.filter((entry) => timeOf(entry) <= now + clockTolerance && chains.isRestorable(entry)).at(-1);
    if (newest !== undefined) references.set(key, Math.min(now, timeOf(newest)));
  }
  const going = new Set(wanted);
  return (entry) => {
    const { source, type } = entry.manifest;
    const age = (references.get(`${source.name}/${type}`) ?? 0) - timeOf(entry);
    const slot = Math.floor(timeOf(entry) / slotOf(entry));
    const stays = (other: CatalogueEntry) => !going.has(other) && Math.floor(timeOf(other) / slotOf(other)) === slot;
    if (age <= policy.keepFor && (groups.get(`${source.name}/${type}`) ?? []).some(stays)) {
      const span = type === "incremental" ? "day" : "six hours";
      return {
        reason: `older than ${formatAge(policy.frequentFor)}, a later one of the same ${span} stays`,
        thinned: true,
      };
    }
    return { reason: `${formatAge(age)} older than the newest checked one`, thinned: false };
  };
}

/** Oldest first, but what builds on a set right before it. */
function childrenFirst(wanted: readonly CatalogueEntry[], chains: Chains): CatalogueEntry[] {
  const candidates = new Set(wanted);
  const ordered = new Set<CatalogueEntry>();
  const visited = new Set<CatalogueEntry>();
  const visit = (root: CatalogueEntry) => {
    // Without recursion: a chain may be thousands long.
    const stack: { entry: CatalogueEntry; expanded: boolean }[] = [{ entry: root, expanded: false }];
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      if (top.expanded) {
        ordered.add(top.entry);
        continue;
      }
      if (visited.has(top.entry) || !candidates.has(top.entry)) continue;
      visited.add(top.entry);
      stack.push({ entry: top.entry, expanded: true });
      for (const child of [...chains.children(top.entry)].sort(byId)) stack.push({ entry: child, expanded: false });
    }
  };
  for (const entry of [...wanted].sort(byId)) visit(entry);
  return [...ordered];
}

function planSweep({ now, incomplete = [], abandoned, arriving = [] }: RetentionInput): RetentionPlan["sweep"] {
  const awaited = new Set(arriving.map(nameOf));
  return incomplete.flatMap((folder) => {
    if (abandoned?.has(folder.folder))
      return [{ folder, reason: "a prune that was interrupted had begun to remove it" }];
    const age = now - folder.newestAt;
    const old = age > graceForLeftovers && !awaited.has(`${folder.source}/${folder.id}`);
    return old ? [{ folder, reason: `without manifest, and nothing was written for ${formatAge(age)}` }] : [];
  });
}

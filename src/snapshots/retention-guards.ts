import { formatAge, formatSize } from "../support/units.ts";
import type { CatalogueEntry } from "./catalogue.ts";
import { type SnapshotType, timeOfId } from "./manifest.ts";
import type { RetentionInput } from "./retention.ts";
import { type Chains, isVerified } from "./retention-chains.ts";

/** How the newest run of a source ended, for one type of snapshot. */
export interface LastRun {
  source: string;
  type: SnapshotType;
  /** Milliseconds since 1970. */
  at: number;
  outcome: "ok" | "failed";
}

/** What is known of the clock, besides what it says now. Milliseconds. */
export interface ClockFacts {
  /** What it said when it was last looked at. */
  lastSeenNow?: number;
  /** When it was last seen to jump, by its own time after the jump. */
  jumpedAt?: number;
  /** How far the store's clock is ahead of ours. */
  storeSkew?: number;
}

const day = 86_400_000;
const tolerance = 5 * 60_000;

/**
 * Why the clock must not be trusted with a removal; undefined where it may. After a leap, which is also what a host looks
 * like that was off for days, nothing is removed until a store's clock agrees or a day has passed.
 */
export function clockProblem(now: number, facts: ClockFacts = {}): string | undefined {
  const { lastSeenNow, jumpedAt, storeSkew } = facts;
  if (storeSkew !== undefined && Math.abs(storeSkew) > tolerance)
    return `the clock of this host and that of the store differ by ${formatAge(Math.abs(storeSkew))}`;
  if (lastSeenNow !== undefined && now < lastSeenNow)
    return `the clock went back: it said ${new Date(lastSeenNow).toISOString()} before`;
  // The store has just confirmed it.
  if (storeSkew !== undefined) return undefined;
  if (lastSeenNow !== undefined && now - lastSeenNow > day)
    return `the clock was last seen ${formatAge(now - lastSeenNow)} ago: it jumped, or nothing ran since`;
  if (jumpedAt !== undefined && now - jumpedAt < day)
    return `the clock jumped ${formatAge(now - jumpedAt)} ago: nothing is removed for a day`;
  return undefined;
}

/** Whether a look at the clock is to be remembered as a leap. */
export function hasJumped(now: number, lastSeenNow: number | undefined): boolean {
  return lastSeenNow !== undefined && (now < lastSeenNow || now - lastSeenNow > day);
}

/** Sources of which nothing may be removed now, each with one reason. */
export function heldSources(input: RetentionInput, chains: Chains): { source: string; reason: string }[] {
  const sources = [...new Set(input.entries.map(({ manifest }) => manifest.source.name))].sort();
  return sources.flatMap((source) => {
    const own = input.entries.filter(({ manifest }) => manifest.source.name === source);
    const reason =
      failedRun(input, source) ??
      badNewest(input.now, own) ??
      (input.force ? undefined : (unknownNeeds(input, source) ?? shrunk(own, chains)));
    return reason === undefined ? [] : [{ source, reason }];
  });
}

function failedRun({ lastRuns = [], now, policy }: RetentionInput, source: string): string | undefined {
  const failed = lastRuns.find((run) => {
    // What has not been tried for so long is not wanted any more.
    return run.source === source && run.outcome === "failed" && now - run.at <= Math.max(policy.keepFor, day);
  });
  return failed && `its newest run (${failed.type}, ${new Date(failed.at).toISOString()}) failed`;
}

/** What cannot be read may build on anything that is older. */
function unknownNeeds({ unreadable = [] }: RetentionInput, source: string): string | undefined {
  const [first] = unreadable.filter((each) => each.source === source);
  return first && `the manifest of ${first.id} cannot be read (${first.reason})`;
}

function badNewest(now: number, own: readonly CatalogueEntry[]): string | undefined {
  const newest = new Map<SnapshotType, CatalogueEntry>();
  for (const entry of inOrder(own)) {
    if (timeOfId(entry.manifest.id) <= now + tolerance) newest.set(entry.manifest.type, entry);
  }
  const bad = [...newest.values()].find((entry) => !isVerified(entry));
  if (bad === undefined) return undefined;
  const why = bad.problems[0] ?? "it was not checked, or a check failed";
  return `its newest ${bad.manifest.type} ${bad.manifest.id} is not verified: ${why}`;
}

/** Much smaller than those before: perhaps something was deleted, and what is about to go holds it. */
function shrunk(own: readonly CatalogueEntry[], chains: Chains): string | undefined {
  for (const type of ["full", "base", "dump"] as const) {
    const sizes = inOrder(own.filter((entry) => entry.manifest.type === type && chains.isRestorable(entry))).map(
      sizeOf,
    );
    const newest = sizes.at(-1);
    const before = sizes.slice(-8, -1).sort((a, b) => a - b);
    const median = before[Math.floor(before.length / 2)];
    if (newest === undefined || median === undefined || before.length < 3 || newest * 2 >= median) continue;
    return `its newest ${type} has ${formatSize(newest)}, those before have ${formatSize(median)}`;
  }
  return undefined;
}

function inOrder(entries: readonly CatalogueEntry[]): CatalogueEntry[] {
  return [...entries].sort((a, b) => (a.manifest.id < b.manifest.id ? -1 : 1));
}

function sizeOf({ manifest }: CatalogueEntry): number {
  return manifest.parts.reduce((total, { content }) => total + content.bytes, 0);
}

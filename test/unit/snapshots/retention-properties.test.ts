import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CatalogueEntry, IncompleteFolder } from "../../../src/snapshots/catalogue.ts";
import { type SnapshotType, timeOfId } from "../../../src/snapshots/manifest.ts";
import { plainKey } from "../../../src/snapshots/object-key.ts";
import { planRetention, type RetentionInput, type RetentionPlan } from "../../../src/snapshots/retention.ts";
import { chainsOf, nameOf } from "../../../src/snapshots/retention-chains.ts";
import type { LastRun } from "../../../src/snapshots/retention-guards.ts";
import { isUnreferenced } from "../../../src/snapshots/retention-objects.ts";
import { baseWal, reachableWindows, type WalObject } from "../../../src/snapshots/wal-chain.ts";
import { badCheck, baseFacts, day, entry, hour, idAt, minute, noon, segment, wal } from "../../support/snapshots.ts";

/** What happened to a stack over weeks. Each number picks something; what it is depends on the moment. */
interface Event {
  source: "postgres" | "files" | "minio";
  /** Minutes since the event before. */
  gap: number;
  outcome: "good" | "bad" | "failed" | "torn";
  kind: number;
  pick: number;
  /** Milliseconds that the clock is wrong by, for this event alone. */
  glitch: number;
}

const event: fc.Arbitrary<Event> = fc.record({
  source: fc.constantFrom("postgres" as const, "files" as const, "minio" as const),
  gap: fc.constantFrom(10, 10, 10, 60, 360, 1_440, 1_440, 2_880, 20_160),
  outcome: fc.constantFrom(...often("good" as const, 12), "bad" as const, "failed" as const, "torn" as const),
  kind: fc.nat(9),
  pick: fc.nat(20),
  glitch: fc.constantFrom(...often(0, 40), 400 * day, -3 * day),
});

function often<Item>(item: Item, times: number): Item[] {
  return Array.from({ length: times }, () => item);
}

const policy = fc.record({
  keepFor: fc.constantFrom(hour, day, 7 * day, 30 * day),
  atLeast: fc.constantFrom(0, 1, 3, 5),
  frequentFor: fc.constantFrom(0, hour, day, 9 * day),
});

const clock = fc.record({
  lastSeen: fc.constantFrom(undefined, -hour, -minute, -2 * day, minute),
  jumped: fc.constantFrom(undefined, undefined, -hour, -2 * day),
  skew: fc.constantFrom(undefined, 0, minute, 10 * minute),
});

interface History extends Pick<Story, "histories"> {
  input: RetentionInput;
  references: Map<string, Set<string>>;
  objects: { key: string; bytes: number; modifiedAt: number }[];
}

const history: fc.Arbitrary<History> = fc
  .record({
    events: fc.array(event, { minLength: 1, maxLength: 40 }),
    healed: fc.constantFrom(true, true, true, false),
    policy,
    clock,
    trustClock: fc.constantFrom(true, true, true, false),
    force: fc.boolean(),
    late: fc.constantFrom(0, hour, 40 * day),
  })
  .map(({ events, healed, policy: chosen, clock: seen, trustClock, force, late }) => {
    const story = tell(healed ? [...events, ...healing] : events);
    const now = story.now + late;
    const facts = {
      ...(seen.lastSeen !== undefined && { lastSeenNow: now + seen.lastSeen }),
      ...(seen.jumped !== undefined && { jumpedAt: now + seen.jumped }),
      ...(seen.skew !== undefined && { storeSkew: seen.skew }),
    };
    const { entries, wal: log, lastRuns, incomplete, references, histories, objects } = story;
    const input = {
      now,
      policy: chosen,
      entries,
      wal: log,
      lastRuns,
      incomplete,
      force,
      clock: trustClock ? {} : facts,
    };
    return { input, references, histories, objects };
  });

/** The newest run of everything went well. */
const healing: Event[] = [
  { source: "postgres", kind: 0 },
  { source: "postgres", kind: 7 },
  { source: "files", kind: 0 },
  { source: "files", kind: 5 },
  { source: "minio", kind: 0 },
].map((each) => ({ ...each, gap: 10, outcome: "good", pick: 1, glitch: 0 }) as Event);

interface Story {
  now: number;
  /** Where the server is in its log. */
  position: number;
  timeline: number;
  entries: CatalogueEntry[];
  wal: WalObject[];
  lastRuns: Map<string, LastRun>;
  incomplete: IncompleteFolder[];
  references: Map<string, Set<string>>;
  /** Contents of history files by name. */
  histories: Map<string, string>;
}

/** Plays the events: what they leave in a store. */
function tell(events: readonly Event[]) {
  const story: Story = {
    now: noon,
    position: 1,
    timeline: 1,
    entries: [],
    wal: [],
    lastRuns: new Map(),
    incomplete: [],
    references: new Map(),
    histories: new Map(),
  };
  events.forEach((each, number) => {
    happen(story, each, number);
  });
  const objects = Array.from({ length: 12 }, (_, index) => ({
    key: `objects/minio/aa/${index}${index % 2 === 0 ? ".age" : ""}`,
    bytes: 1,
    modifiedAt: index === 11 ? story.now : noon - 2 * day,
  }));
  return { ...story, lastRuns: [...story.lastRuns.values()], objects };
}

function happen(story: Story, { source, gap, outcome, kind, pick, glitch }: Event, number: number): void {
  story.now += gap * minute;
  const at = story.now + glitch;
  const type = typeOf(source, kind);
  const run = outcome === "failed" ? "failed" : "ok";
  story.lastRuns.set(`${source}/${type}`, { source, type, at: story.now, outcome: run });
  if (source === "postgres") writeLog(story, kind, pick);
  const id = idAt(at, number);
  if (outcome === "failed") {
    const folder = `snapshots/${source}/${id}/`;
    const objects = [{ key: `${folder}part`, bytes: 1, modifiedAt: story.now }];
    story.incomplete.push({ source, id, folder, objects, bytes: 1, newestAt: story.now });
    return;
  }
  const own = story.entries.filter(({ manifest }) => manifest.source.name === source);
  const parent = own[pick % Math.max(1, own.length)]?.manifest.id ?? idAt(noon, 99);
  const needed = [0, 1, 2].map((each) => `objects/minio/aa/${(pick + each) % 12}`);
  if (source === "minio") story.references.set(`${source}/${id}`, new Set(needed));
  story.entries.push(
    entry({
      at,
      id,
      source,
      type,
      ...(type === "incremental" && { parent }),
      ...(type === "base" && { facts: baseFacts(segment(story.position, story.timeline)) }),
      ...(source === "minio" && { objectsPart: "archive.tar.zst" }),
      ...(outcome === "bad" && { checks: badCheck(at) }),
      content: pick === 20 ? "small" : "of the usual size",
      ...(outcome === "torn" && { problems: ["archive.tar.zst is missing"] }),
    }),
  );
}

/** Some segments, now and then with a hole, or on a new timeline. */
function writeLog(story: Story, kind: number, pick: number): void {
  if (kind === 9) branch(story);
  for (let count = pick % 4; count > 0; count -= 1) {
    story.position += kind === 8 ? 2 : 1;
    story.wal.push(wal(segment(story.position, story.timeline), story.now));
  }
}

/** The server was restored to where it is and goes on in a new timeline. */
function branch(story: Story): void {
  const name = (timeline: number) => `${timeline.toString(16).toUpperCase().padStart(8, "0")}.history`;
  const lsn = `${Math.floor(story.position / 256).toString(16)}/${((story.position % 256) * 2 ** 24 + 256).toString(16)}`;
  const before = story.histories.get(name(story.timeline)) ?? "";
  story.histories.set(name(story.timeline + 1), `${before}${story.timeline}\t${lsn}\trestored\n`);
  story.timeline += 1;
  story.position = Math.max(1, story.position - 1);
}

function typeOf(source: Event["source"], kind: number): SnapshotType {
  if (source === "postgres") return kind < 7 ? "base" : "dump";
  return source === "files" && kind > 2 ? "incremental" : "full";
}

/** Sets by source and type that are not dated in the future, oldest first. */
function groups(entries: readonly CatalogueEntry[], now: number): CatalogueEntry[][] {
  const found = new Map<string, CatalogueEntry[]>();
  for (const each of entries) {
    if (timeOfId(each.manifest.id) > now + 5 * minute) continue;
    const key = `${each.manifest.source.name}/${each.manifest.type}`;
    found.set(key, [...(found.get(key) ?? []), each]);
  }
  return [...found.values()].map((group) => group.sort((a, b) => (a.manifest.id < b.manifest.id ? -1 : 1)));
}

const kept = ({ keep }: RetentionPlan) => keep.map((each) => each.entry);
const removed = ({ remove }: RetentionPlan) => remove.map((each) => each.entry);
const names = (entries: readonly CatalogueEntry[]) => entries.map(nameOf).sort();

/** Cheaper than `expect`, a hundred times for each of ten thousand histories. */
function must(holds: boolean, promise: string): void {
  if (!holds) throw new Error(`broken: ${promise}`);
}

/** Fails where a plan breaks a promise. */
function judge(story: History, plan: RetentionPlan): void {
  const { entries, now } = story.input;
  const known = new Set(entries);
  const all = [...kept(plan), ...removed(plan)];
  must(
    all.every((each) => known.has(each)),
    "only what is in the catalogue is named",
  );
  must(new Set(all).size === known.size && all.length === known.size, "every set is either kept or removed");
  if (plan.refused !== undefined)
    must(plan.remove.length + plan.sweep.length + plan.wal.length === 0, "a refused plan does nothing");
  must(
    plan.sweep.every(({ folder }) => now - folder.newestAt > day),
    "what a run may be at work on stays",
  );
  judgeFloor(story.input, plan);
  judgeChains(entries, plan);
  judgeHeld(story.input, plan);
  judgeAges(story.input, plan);
  judgeLog(story, plan);
  judgeObjects(story, plan);
}

/** After the removal there are as many good sets as promised, or all that there were. */
function judgeFloor({ entries, now, policy: { atLeast } }: RetentionInput, plan: RetentionPlan): void {
  const before = chainsOf(entries);
  const after = chainsOf(kept(plan));
  const still = new Set(kept(plan).filter(after.isRestorable));
  for (const group of groups(entries, now)) {
    const good = group.filter(before.isRestorable);
    must(
      good.slice(-Math.max(1, atLeast)).every((each) => still.has(each)),
      "the floor is kept",
    );
  }
}

/** No kept set misses what it builds on, at no moment of the removal. */
function judgeChains(entries: readonly CatalogueEntry[], plan: RetentionPlan): void {
  const chains = chainsOf(entries);
  const living = new Set(entries);
  for (const gone of removed(plan)) {
    living.delete(gone);
    must(!chains.children(gone).some((child) => living.has(child)), "children go before their parents");
  }
  for (const each of living)
    must(
      chains.withParents(each).every((other) => living.has(other)),
      "chains are closed",
    );
}

function judgeHeld({ now, policy: { keepFor }, lastRuns = [] }: RetentionInput, plan: RetentionPlan): void {
  const lost = new Set(removed(plan).map(({ manifest }) => manifest.source.name));
  const failed = lastRuns.filter(({ outcome, at }) => outcome === "failed" && now - at <= Math.max(keepFor, day));
  must(!failed.some(({ source }) => lost.has(source)), "a failed run removes nothing");
  must(!removed(plan).some(({ manifest }) => timeOfId(manifest.id) > now + 5 * minute), "the future stays");
  must(!plan.held.some(({ source }) => lost.has(source)), "a held source loses nothing");
}

/** Nothing young goes, and no more than the allowed share for its age. */
function judgeAges(
  { entries, now, policy: { keepFor, frequentFor }, force }: RetentionInput,
  plan: RetentionPlan,
): void {
  const stays = new Set(kept(plan));
  const chains = chainsOf(entries);
  const aged: CatalogueEntry[] = [];
  for (const group of groups(entries, now)) {
    const newest = group.filter(chains.isRestorable).at(-1);
    for (const each of group.filter((other) => !stays.has(other))) {
      must(newest !== undefined, "nothing goes where none of its kind is good");
      const age = Math.min(now, timeOfId(newest?.manifest.id ?? "")) - timeOfId(each.manifest.id);
      must(age > Math.min(frequentFor, keepFor), "what is young stays");
      const neighbour = group.some((other) => stays.has(other) && slotOf(other) === slotOf(each));
      if (age > keepFor || !neighbour) aged.push(each);
    }
  }
  for (const name of new Set(aged.map(({ manifest }) => manifest.source.name))) {
    const [gone, total] = [aged, entries].map(
      (list) => list.filter(({ manifest }) => manifest.source.name === name).length,
    );
    must(force === true || (gone ?? 0) <= Math.max(1, (total ?? 0) / 4), "a quarter goes at once at most");
  }
}

function slotOf({ manifest }: CatalogueEntry): number {
  return Math.floor(timeOfId(manifest.id) / (manifest.type === "incremental" ? day : 6 * hour));
}

/** What could be restored with the log from the sets that stay can be restored still. */
function judgeLog({ input: { wal: log = [] }, histories }: History, plan: RetentionPlan): void {
  const gone = new Set(plan.wal.flatMap(({ objects }) => objects));
  if (gone.size === 0) return;
  must(
    [...gone].every((each) => log.includes(each)),
    "only files of the log go",
  );
  const bases = kept(plan).flatMap(({ manifest }) => (manifest.type === "base" ? (baseWal(manifest) ?? []) : []));
  const remaining = log.filter((each) => !gone.has(each));
  expect(reachableWindows(bases, remaining, histories)).toEqual(reachableWindows(bases, log, histories));
}

function judgeObjects({ input, references, objects }: History, plan: RetentionPlan): void {
  const needed = new Set(kept(plan).flatMap((each) => [...(references.get(nameOf(each)) ?? [])]));
  const left = new Set(
    objects.filter((each) => !isUnreferenced(each, needed, input.now)).map(({ key }) => plainKey(key)),
  );
  const all = new Set(objects.map(({ key }) => plainKey(key)));
  for (const each of kept(plan))
    for (const key of references.get(nameOf(each)) ?? [])
      must(!all.has(key) || left.has(key), "no kept set misses a shared object");
}

describe("retention over random histories", () => {
  test("keeps its promises in 10,000 of them", () => {
    const removals = { sets: 0, log: 0 };
    fc.assert(
      fc.property(history, (story) => {
        const plan = planRetention(story.input);
        judge(story, plan);
        removals.sets += plan.remove.length;
        removals.log += plan.wal.length;
      }),
      { numRuns: 10_000 },
    );
    // Otherwise it would keep them by doing nothing.
    expect(removals.sets).toBeGreaterThan(5_000);
    expect(removals.log).toBeGreaterThan(500);
  }, 60_000);

  test("asked again after it was done, forced, it finds nothing more; unforced, it ends at the same sets", () => {
    fc.assert(
      fc.property(history, ({ input }) => {
        const forced = planRetention({ ...input, force: true });
        const again = planRetention({ ...input, force: true, entries: kept(forced), wal: [] });
        expect(again.remove).toEqual([]);
        let entries = [...input.entries];
        for (let rounds = 0; ; rounds += 1) {
          const plan = planRetention({ ...input, force: false, entries });
          if (plan.remove.length === 0) break;
          expect(rounds).toBeLessThan(input.entries.length);
          entries = kept(plan);
        }
        const stopped = planRetention({ ...input, force: false, entries }).held;
        if (stopped.length === forced.held.length) expect(names(entries)).toEqual(names(kept(forced)));
      }),
      { numRuns: 1_000 },
    );
  }, 60_000);

  test("keeping longer, or more, never removes more", () => {
    const more = fc.record({ keepFor: fc.nat(20 * day), atLeast: fc.nat(4), frequentFor: fc.nat(20 * day) });
    fc.assert(
      fc.property(history, more, ({ input }, added) => {
        const generous = {
          keepFor: input.policy.keepFor + added.keepFor,
          atLeast: input.policy.atLeast + added.atLeast,
          frequentFor: input.policy.frequentFor + added.frequentFor,
        };
        const less = new Set(names(removed(planRetention({ ...input, force: true }))));
        const rest = names(removed(planRetention({ ...input, force: true, policy: generous })));
        expect(rest.filter((name) => !less.has(name))).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  }, 60_000);
});

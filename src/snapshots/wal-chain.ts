import type { SnapshotManifest } from "./manifest.ts";
import { plainKey } from "./object-key.ts";
import type { StoredObject } from "./store.ts";

/** What a file of Postgres's archive is. */
export type WalKind =
  /** 16 MiB of the log. */
  | "segment"
  /** From where a timeline branched off. */
  | "history"
  /** Notes of a base backup, for people. */
  | "backup"
  /** The last, unfinished segment of a timeline that was left. */
  | "partial";

/** One file of the write-ahead log in a store, under `wal/<source>/<systemId>/`. */
export interface WalObject extends StoredObject {
  source: string;
  /** The cluster's system identifier: a number of up to 20 digits, as text. */
  systemId: string;
  kind: WalKind;
  /** As Postgres calls it, without `.zst` and `.age`: `000000010000000000000005`, `00000002.history`. */
  file: string;
  timeline: number;
  /** Where in the log: the last 16 digits of a segment's name, which sort by position. Empty for a history file. */
  position: string;
}

/** Where in the log a base backup begins and ends: restorable by itself with the log between. */
export interface BaseWal {
  source: string;
  id: string;
  systemId: string;
  timeline: number;
  /** Name of the first segment that it needs. */
  startSegment: string;
  /** Name of the last segment that it cannot do without. */
  endSegment: string;
  /** Milliseconds since 1970. */
  finishedAt: number;
  /** Bytes. */
  segmentSize: number;
}

/** Bytes of a segment where the cluster was not made with another size. Source: initdb, `--wal-segsize`. */
export const defaultSegmentSize = 16 * 1024 ** 2;

const wholeLog = 2 ** 32;

/** Reads the key of a file of the write-ahead log; undefined for anything else. */
export function walObject(object: StoredObject): WalObject | undefined {
  const [, source, systemId, name = ""] = /^wal\/([^/]+)\/(\d{1,20})\/([^/]+)$/.exec(object.key) ?? [];
  if (source === undefined || systemId === undefined) return undefined;
  const file = plainKey(name).replace(/\.zst$/, "");
  const parts = partsOf(file);
  return parts === undefined ? undefined : { ...object, source, systemId, file, ...parts };
}

function partsOf(file: string): Pick<WalObject, "kind" | "timeline" | "position"> | undefined {
  const [, timeline, position = "", rest = ""] = /^([0-9A-F]{8})([0-9A-F]{16})?(\..+)?$/.exec(file) ?? [];
  if (timeline === undefined) return undefined;
  const kind = kindOf(position, rest);
  return kind === undefined ? undefined : { kind, timeline: Number.parseInt(timeline, 16), position };
}

function kindOf(position: string, rest: string): WalKind | undefined {
  if (position === "") return rest === ".history" ? "history" : undefined;
  if (rest === "") return "segment";
  if (rest === ".partial") return "partial";
  return /^\.[0-9A-F]{8}\.backup$/.test(rest) ? "backup" : undefined;
}

/** Name of the segment of a timeline that a log position (`0/3000028`) lies in. */
export function segmentOfLsn(timeline: number, lsn: string, segmentSize = defaultSegmentSize): string | undefined {
  const [, high, low] = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(lsn) ?? [];
  if (high === undefined || low === undefined) return undefined;
  return segmentName(timeline, Number.parseInt(high, 16), Math.floor(Number.parseInt(low, 16) / segmentSize));
}

/** Name of the segment with the byte before a position: an end is where nothing is any more. */
function segmentBeforeLsn(timeline: number, lsn: string, segmentSize = defaultSegmentSize): string | undefined {
  const segment = segmentOfLsn(timeline, lsn, segmentSize);
  const isBorder = Number.parseInt(lsn.slice(lsn.indexOf("/") + 1), 16) % segmentSize === 0;
  return segment !== undefined && isBorder ? segmentBefore(segment, segmentSize) : segment;
}

/** The segment after this one on the same timeline. */
export function nextSegment(segment: string, segmentSize = defaultSegmentSize): string {
  const [timeline, log, number] = [0, 8, 16].map((begin) => Number.parseInt(segment.slice(begin, begin + 8), 16));
  if (timeline === undefined || log === undefined || number === undefined) return segment;
  const last = number + 1 >= wholeLog / segmentSize;
  return segmentName(timeline, last ? log + 1 : log, last ? 0 : number + 1);
}

function segmentName(timeline: number, log: number, number: number): string {
  return [timeline, log, number].map((part) => part.toString(16).toUpperCase().padStart(8, "0")).join("");
}

/** Position in the log of a segment's name, without its timeline. */
export function positionOf(segment: string): string {
  return segment.slice(8, 24);
}

/** Segments that are not there though later ones of the timeline are. Both ends are missing. */
export interface WalGap {
  from: string;
  to: string;
}

/**
 * Holes in one timeline, from `start` on: between the segments that are there, and before the first of them. Segments
 * of other timelines are not looked at. What comes after the last segment is no hole: it was not written yet.
 */
export function findGaps(segments: readonly string[], start: string, segmentSize = defaultSegmentSize): WalGap[] {
  const timeline = start.slice(0, 8);
  const present = [...new Set(segments)].filter((name) => name.startsWith(timeline) && name >= start).sort();
  const gaps: WalGap[] = [];
  let expected = start;
  for (const name of present) {
    if (name > expected) gaps.push({ from: expected, to: segmentBefore(name, segmentSize) });
    expected = nextSegment(name, segmentSize);
  }
  return gaps;
}

function segmentBefore(segment: string, segmentSize: number): string {
  const [timeline = 0, log = 0, number = 0] = [0, 8, 16].map((begin) =>
    Number.parseInt(segment.slice(begin, begin + 8), 16),
  );
  return number > 0
    ? segmentName(timeline, log, number - 1)
    : segmentName(timeline, Math.max(0, log - 1), wholeLog / segmentSize - 1);
}

/** A stretch of time any moment of which can be restored from one base. */
export interface ReachableWindow {
  base: string;
  source: string;
  systemId: string;
  /** The timeline that its end lies on. */
  timeline: number;
  /** Milliseconds since 1970: the base's end, and when the last segment that follows without a hole was archived. */
  from: number;
  to: number;
  lastSegment: string;
  /** Why it ends there, where later segments are in the store. */
  gap?: WalGap;
}

/**
 * The stretches that can be restored, one for each base and timeline that can be reached from it. A base without a
 * segment that it needs is left out. Where a timeline branches off is taken from its
 * history: `parentOf` says the content of history files by file name; a timeline without one is not entered.
 */
export function reachableWindows(
  bases: readonly BaseWal[],
  wal: readonly WalObject[],
  histories: ReadonlyMap<string, string> = new Map(),
): ReachableWindow[] {
  const clusters = new Map<string, Runs>();
  return bases.flatMap((base) => {
    const cluster = `${base.source}/${base.systemId}/${base.segmentSize}`;
    const runs = clusters.get(cluster) ?? runsOf(base, wal);
    clusters.set(cluster, runs);
    const ways = [[{ timeline: base.timeline, end: undefined }], ...waysFrom(base, histories)];
    return ways.flatMap((way) => follow(base, way, runs) ?? []);
  });
}

/** By segment: the last one that can be reached from it without a hole. */
type Runs = Map<string, WalObject>;

function runsOf({ source, systemId, segmentSize }: BaseWal, wal: readonly WalObject[]): Runs {
  const own = wal.filter((each) => each.source === source && each.systemId === systemId && each.kind === "segment");
  const runs: Runs = new Map();
  for (const object of own.sort((a, b) => (a.file < b.file ? 1 : -1)))
    runs.set(object.file, runs.get(nextSegment(object.file, segmentSize)) ?? object);
  return runs;
}

/** A timeline, and where it is left for the next one: nowhere in the last. */
interface Stage {
  timeline: number;
  /** Position of the segment in which the next timeline begins. */
  end: string | undefined;
}

/** Ways from the base's timeline to later ones, read from their history files. */
function waysFrom(base: BaseWal, histories: ReadonlyMap<string, string>): Stage[][] {
  return [...histories].flatMap(([file, content]) => {
    const timeline = Number.parseInt(file.slice(0, 8), 16);
    const stages = parseHistory(content, base.segmentSize);
    const begin = stages.findIndex((stage) => stage.timeline === base.timeline);
    if (begin === -1 || timeline <= base.timeline) return [];
    const way: Stage[] = [...stages.slice(begin), { timeline, end: undefined }];
    // A base that was made after the branch does not lead into it.
    const [first] = way;
    return first?.end !== undefined && first.end < positionOf(base.endSegment) ? [] : [way];
  });
}

/** Lines of a history file: each earlier timeline and the position at which it was left. */
export function parseHistory(content: string, segmentSize = defaultSegmentSize): { timeline: number; end: string }[] {
  return content.split("\n").flatMap((line) => {
    const [, timeline, lsn] = /^(\d+)\s+([0-9A-Fa-f]+\/[0-9A-Fa-f]+)/.exec(line) ?? [];
    const segment = lsn === undefined ? undefined : segmentOfLsn(Number(timeline), lsn, segmentSize);
    return segment === undefined ? [] : [{ timeline: Number(timeline), end: positionOf(segment) }];
  });
}

/** Walks along the log as long as no segment is missing; undefined where even the base itself is not complete. */
function follow(base: BaseWal, way: readonly Stage[], runs: Runs): ReachableWindow | undefined {
  const { segmentSize } = base;
  let segment = base.startSegment;
  let last: WalObject | undefined;
  for (const { timeline, end } of way) {
    segment = onTimeline(timeline, segment);
    // The segment in which a timeline branches off is archived under its new name; the old one is left unfinished.
    if (end !== undefined && positionOf(segment) >= end) continue;
    last = runs.get(segment);
    if (last === undefined) return undefined;
    segment = nextSegment(last.file, segmentSize);
    if (end !== undefined && positionOf(segment) < end) return undefined;
    if (end !== undefined) segment = onTimeline(timeline, `00000000${end}`);
  }
  if (last === undefined || last.position < positionOf(base.endSegment)) return undefined;
  const [gap] = findGaps([...runs.keys()], segment, segmentSize);
  return {
    base: base.id,
    source: base.source,
    systemId: base.systemId,
    timeline: last.timeline,
    from: base.finishedAt,
    to: Math.max(base.finishedAt, last.modifiedAt),
    lastSegment: last.file,
    ...(gap !== undefined && { gap }),
  };
}

function onTimeline(timeline: number, segment: string): string {
  return `${timeline.toString(16).toUpperCase().padStart(8, "0")}${positionOf(segment)}`;
}

/**
 * Where in the log a base begins and ends, from the facts of its manifest: `systemId`, `timeline`, and either
 * `startSegment`/`endSegment` (names) or `startLsn`/`endLsn` (`0/3000028`, with `walSegmentSize` in bytes). Undefined
 * where they make no sense: then nothing of its log may be removed.
 */
export function baseWal(manifest: SnapshotManifest): BaseWal | undefined {
  const { facts, source, id, finishedAt } = manifest;
  const systemId = String(facts.systemId ?? "");
  const timeline = Number(facts.timeline);
  if (!/^\d{1,20}$/.test(systemId) || !Number.isSafeInteger(timeline) || timeline < 1) return undefined;
  const segmentSize = segmentSizeOf(facts.walSegmentSize);
  const named = (name: unknown, lsn: unknown, place: typeof segmentOfLsn) => {
    if (typeof name === "string" && /^[0-9A-F]{24}$/.test(name)) return name;
    return typeof lsn === "string" ? place(timeline, lsn, segmentSize) : undefined;
  };
  const startSegment = named(facts.startSegment, facts.startLsn, segmentOfLsn);
  const endSegment = named(facts.endSegment, facts.endLsn, segmentBeforeLsn) ?? startSegment;
  if (startSegment === undefined || endSegment === undefined) return undefined;
  return {
    source: source.name,
    id,
    systemId,
    timeline,
    startSegment,
    endSegment,
    finishedAt: Date.parse(finishedAt),
    segmentSize,
  };
}

/** A power of two between 1 MiB and 1 GiB. Source: initdb, `--wal-segsize`. */
function segmentSizeOf(given: unknown): number {
  const size = Number(given);
  return Number.isInteger(Math.log2(size)) && size >= 2 ** 20 && size <= 2 ** 30 ? size : defaultSegmentSize;
}

/**
 * Whether a base may need a file of its cluster's log: everything from its start on, on its own timeline and on those
 * that were begun later (their numbers only grow). History files are small and tell the way: they are always needed.
 */
export function needsWal(base: BaseWal, { source, systemId, kind, timeline, position }: WalObject): boolean {
  if (source !== base.source || systemId !== base.systemId) return false;
  return kind === "history" || (timeline >= base.timeline && position >= positionOf(base.startSegment));
}

/** The oldest segment that must be kept for these bases, for each cluster and timeline: `<source>/<systemId>/<timeline>`. */
export function walNeededBy(bases: readonly BaseWal[]): Map<string, string> {
  const oldest = new Map<string, string>();
  for (const { source, systemId, timeline, startSegment } of bases) {
    const key = `${source}/${systemId}/${timeline}`;
    const known = oldest.get(key);
    if (known === undefined || startSegment < known) oldest.set(key, startSegment);
  }
  return oldest;
}

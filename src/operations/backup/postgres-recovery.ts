import {
  type BaseWal,
  nextSegment,
  parseHistory,
  positionOf,
  type ReachableWindow,
  reachableWindows,
  type WalGap,
  type WalObject,
  walObject,
} from "../../snapshots/wal-chain.ts";
import { StackError } from "../../support/errors.ts";
import type { BaseFacts } from "./postgres-facts.ts";

/** What a base needs to know of the archive to be brought to a moment. */
export interface Archive {
  wal: WalObject[];
  /** Content of history files, by file name. */
  histories: ReadonlyMap<string, string>;
}

/** A base, by the id of its snapshot. */
export interface Base {
  id: string;
  source: string;
  facts: BaseFacts;
}

/** How a base is brought to a moment: along which timeline, with which files of the log. */
export interface Recovery {
  window: ReachableWindow;
  /** Keys that are surely needed, and those that are only if the moment turns out to lie in them. */
  keys: string[];
  further: string[];
}

/** The files of the log among what a store listed. */
export function archiveFiles(listed: readonly { key: string; bytes: number; modifiedAt: number }[]): WalObject[] {
  return listed.flatMap((object) => walObject(object) ?? []);
}

/**
 * Decides which way leads from a base to the moment, or to the newest that there is. Rejects with the stretch that can be
 * reached where that moment cannot.
 */
export function planRecovery(base: Base, { wal, histories }: Archive, at?: number): Recovery {
  const own = wal.filter(({ source, systemId }) => source === base.source && systemId === base.facts.systemId);
  const archive = { wal: own, histories };
  const windows = windowsOf(base, { wal: withOwnLog(base, own), histories });
  const window = at === undefined ? newest(windows) : windowAt(windows, archive.wal, at);
  if (window === undefined) throw unreachable(base, windows, at);
  if (at === undefined && window.gap !== undefined) throw holeBeforeEnd(base, window, window.gap);
  const files = onTheWay(base, window, archive);
  const end = at === undefined ? files.length : endOfNeed(files, at);
  const keysOf = (some: readonly WalObject[]) => some.map(({ key }) => key);
  return { window, keys: keysOf(files.slice(0, end)), further: keysOf(files.slice(end)) };
}

/** The stretches that can be restored from a base. */
export function windowsOf({ id, source, facts }: Base, { wal, histories }: Archive): ReachableWindow[] {
  const base: BaseWal = {
    source,
    id,
    ...facts,
    segmentSize: facts.walSegmentSize,
    finishedAt: Date.parse(facts.stoppedAt),
  };
  return reachableWindows([base], wal, histories);
}

/** A base brings the log that it needs with it: it can be restored even where the archive has lost that. */
function withOwnLog({ source, facts }: Base, wal: readonly WalObject[]): WalObject[] {
  const present = new Set(wal.map(({ file }) => file));
  const own: WalObject[] = [];
  const { systemId, timeline, endSegment, walSegmentSize } = facts;
  for (let file = facts.startSegment; file <= endSegment; file = nextSegment(file, walSegmentSize)) {
    if (present.has(file)) continue;
    const known = { key: "", bytes: 0, modifiedAt: Date.parse(facts.stoppedAt), kind: "segment" } as const;
    own.push({ ...known, source, systemId, file, timeline, position: positionOf(file) });
  }
  return [...wal, ...own];
}

/** The timeline that was written to last; of two the later one. */
function newest(windows: readonly ReachableWindow[]): ReachableWindow | undefined {
  return [...windows].sort((one, other) => other.to - one.to || other.timeline - one.timeline)[0];
}

/**
 * The timeline that was alive at the moment. After a restore two of them lead through the same hours: what was left
 * behind, and what took its place from the moment of the restore on.
 */
function windowAt(
  windows: readonly ReachableWindow[],
  wal: readonly WalObject[],
  at: number,
): ReachableWindow | undefined {
  const begun = ({ timeline }: ReachableWindow) =>
    wal.find((file) => file.kind === "history" && file.timeline === timeline)?.modifiedAt ?? 0;
  const fitting = windows.filter(({ from, to }) => from <= at && at <= to).sort((a, b) => a.timeline - b.timeline);
  return fitting.filter((window) => begun(window) <= at).at(-1) ?? fitting[0];
}

/** Files along the way, in the order in which they are replayed; history files first, all of them: they tell the way. */
function onTheWay(base: Base, window: ReachableWindow, { wal, histories }: Archive): WalObject[] {
  const { startSegment, walSegmentSize, timeline } = base.facts;
  const history = histories.get(`${timelineName(window.timeline)}.history`) ?? "";
  const stages = window.timeline === timeline ? [] : parseHistory(history, walSegmentSize);
  const ends = new Map(stages.map((stage) => [stage.timeline, stage.end]));
  ends.set(window.timeline, positionOf(window.lastSegment));
  const segments = wal.filter(({ kind, position, ...file }) => {
    const end = file.timeline >= timeline ? ends.get(file.timeline) : undefined;
    return kind === "segment" && end !== undefined && position >= positionOf(startSegment) && position <= end;
  });
  segments.sort((a, b) => compare(a.position, b.position) || a.timeline - b.timeline);
  return [...wal.filter(({ kind }) => kind === "history"), ...segments];
}

/**
 * Up to where the log is surely needed: the first segment that was archived after the moment has the commit at which
 * replay stops. One more, as clocks differ. A copy that was delivered late looks younger than it is, so that this can
 * be too early: then the rest is fetched.
 */
function endOfNeed(files: readonly WalObject[], at: number): number {
  const first = files.findIndex(({ kind, modifiedAt }) => kind === "segment" && modifiedAt >= at);
  return first === -1 ? files.length : Math.min(files.length, first + 2);
}

/** The first eight digits of the names of a timeline's files. */
export function timelineName(timeline: number): string {
  return timeline.toString(16).toUpperCase().padStart(8, "0");
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function unreachable({ id }: Base, windows: readonly ReachableWindow[], at: number | undefined): StackError {
  const wanted = at === undefined ? "" : ` to ${moment(at)}`;
  const stretches = windows.map(({ from, to, gap }) => {
    const why = gap === undefined ? "" : `; the log is missing from ${gap.from} to ${gap.to}`;
    return `${moment(from)} to ${moment(to)}${why}`;
  });
  const to = Math.max(...windows.map((window) => window.to));
  return new StackError({
    code: "moment-unreachable",
    exit: "invalidInput",
    message: `The snapshot ${id} cannot be brought${wanted}: it reaches from ${stretches.join(", or from ")}`,
    hint:
      at !== undefined && at > to
        ? `--at ${moment(to)}, or leave --at out for the newest that there is`
        : "./prod.sh backup list shows earlier snapshots",
  });
}

/** What is asked for is the newest, and the newest cannot be reached: to take less is for the user to decide. */
function holeBeforeEnd({ id }: Base, { to }: ReachableWindow, gap: WalGap): StackError {
  return new StackError({
    code: "wal-gap",
    exit: "backupFailed",
    message: `The log that follows the snapshot ${id} is missing from ${gap.from} to ${gap.to}: it reaches to ${moment(to)} alone`,
    hint: `restore a snapshot that was made later (./prod.sh backup list), or what there is: --at ${moment(to)}`,
  });
}

function moment(time: number): string {
  return new Date(time).toISOString();
}

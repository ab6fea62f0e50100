import type { SnapshotManifest } from "../../snapshots/manifest.ts";
import { segmentOfLsn } from "../../snapshots/wal-chain.ts";
import { StackError } from "../../support/errors.ts";

/** What is remembered of a base backup: enough to know which log it needs, and which server can read it. */
export interface BaseFacts {
  /** The cluster's own number, up to 20 digits. */
  systemId: string;
  timeline: number;
  /** `0/3000028`: where replay begins, and from where on the copy is consistent. */
  startLsn: string;
  endLsn: string;
  /** Names of the segments that these positions lie in. */
  startSegment: string;
  endSegment: string;
  /** Bytes. */
  walSegmentSize: number;
  /** As PostgreSQL counts: 180006 is 18.6. */
  serverVersion: number;
  /** RFC 3339 in UTC, by the server's clock: when the copy ended. No earlier moment can be restored from it. */
  stoppedAt: string;
  /** Bytes, by database. */
  databases: Record<string, number>;
  /** Whether pages carry checksums, so that damage on the disk is noticed. */
  checksums: boolean;
  /** Files that the server's manifest lists. */
  files: number;
}

/** What the server says of itself before the copy begins. */
export interface ServerAnswer {
  systemId: string;
  serverVersion: number;
  walSegmentSize: number;
  checksums: boolean;
  databases: Record<string, number> | null;
}

/** The range of the log that a backup_manifest says its copy needs; from the end of the file. */
export function walRange(manifest: string): { timeline: number; startLsn: string; endLsn: string } | undefined {
  const range = /"Timeline": (\d+), "Start-LSN": "([0-9A-F/]+)", "End-LSN": "([0-9A-F/]+)"/g;
  const found = [...manifest.matchAll(range)];
  const [first, last] = [found[0], found.at(-1)];
  if (first?.[1] === undefined || first[2] === undefined || last?.[3] === undefined) return undefined;
  return { timeline: Number(first[1]), startLsn: first[2], endLsn: last[3] };
}

/** Puts together what is kept of a base. Undefined where the range makes no sense. */
export function baseFacts(
  server: ServerAnswer,
  range: NonNullable<ReturnType<typeof walRange>>,
  more: Pick<BaseFacts, "stoppedAt" | "files">,
): BaseFacts | undefined {
  const segment = (lsn: string) => segmentOfLsn(range.timeline, lsn, server.walSegmentSize);
  const [startSegment, endSegment] = [segment(range.startLsn), lastSegmentBefore(range, server.walSegmentSize)];
  if (startSegment === undefined || endSegment === undefined) return undefined;
  const { databases, ...rest } = server;
  return { ...rest, ...range, startSegment, endSegment, databases: databases ?? {}, ...more };
}

/** The end is where the next record would be: at the first byte of a segment nothing of that segment is needed. */
function lastSegmentBefore(
  { timeline, startLsn, endLsn }: { timeline: number; startLsn: string; endLsn: string },
  segmentSize: number,
): string | undefined {
  const position = parseLsn(endLsn);
  if (position === undefined) return undefined;
  const before = position % BigInt(segmentSize) === 0n ? formatLsn(position - 1n) : endLsn;
  const first = segmentOfLsn(timeline, startLsn, segmentSize);
  const last = segmentOfLsn(timeline, before, segmentSize);
  return first !== undefined && last !== undefined && last < first ? first : last;
}

/** A position in the log as a number of bytes, from `0/3000028`. */
export function parseLsn(text: string): bigint | undefined {
  const [, high, low] = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text) ?? [];
  return high === undefined || low === undefined ? undefined : (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}

function formatLsn(position: bigint): string {
  return `${(position >> 32n).toString(16).toUpperCase()}/${(position & 0xffffffffn).toString(16).toUpperCase()}`;
}

/** The facts of a manifest, as a restore needs them. Rejects a manifest that was not made by this kind. */
export function readBaseFacts({ id, facts }: Pick<SnapshotManifest, "id" | "facts">): BaseFacts {
  const known = facts as unknown as BaseFacts;
  const whole =
    /^\d{1,20}$/.test(String(known.systemId)) &&
    Number.isSafeInteger(known.timeline) &&
    /^[0-9A-F]{24}$/.test(known.startSegment) &&
    /^[0-9A-F]{24}$/.test(known.endSegment) &&
    Number.isSafeInteger(known.serverVersion) &&
    !Number.isNaN(Date.parse(known.stoppedAt));
  if (whole) return known;
  throw new StackError({
    code: "backup-damaged",
    exit: "backupFailed",
    message: `The manifest of ${id} does not say which part of the log it needs`,
    hint: "./prod.sh backup list shows other snapshots",
  });
}

/** 18 of 180006. */
export function majorVersion({ serverVersion }: Pick<BaseFacts, "serverVersion">): number {
  return Math.floor(serverVersion / 10_000);
}

import type { Catalogue, CatalogueEntry } from "../../snapshots/catalogue.ts";
import { isSnapshotId } from "../../snapshots/manifest.ts";
import { StackError } from "../../support/errors.ts";
import type { AnySource } from "../backup/kinds.ts";

/** What the user wants back. */
export interface Wanted {
  /** `latest` (default), the id of a snapshot, or of a run. */
  snapshot?: string;
  /** Milliseconds since 1970. */
  at?: number;
}

/** One snapshot with what it builds on, oldest first, and the store that has all of it. */
export interface Chosen {
  source: AnySource;
  entry: CatalogueEntry;
  chain: CatalogueEntry[];
  store: string;
}

/** Reads `--at`: RFC 3339 with its zone, so that nobody restores to the wrong hour. */
export function parseMoment(text: string, now: number): number {
  const shape = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;
  const time = shape.test(text) ? Date.parse(text.replace(" ", "T")) : Number.NaN;
  if (Number.isNaN(time)) throw badMoment(`--at ${text} is not a moment with its time zone`, now);
  // Mostly a wrong zone or year: what comes back would not be what was meant.
  if (time > now) throw badMoment(`--at ${text} lies in the future: it is ${momentText(now)} now`, now);
  return time;
}

function badMoment(message: string, now: number): StackError {
  const hint = `write it so: --at ${momentText(now)}, or with +02:00 instead of Z; without --at it is the newest`;
  return new StackError({ code: "bad-moment", exit: "invalidInput", message, hint });
}

function momentText(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}

/**
 * Chooses the snapshot of a source that brings back what is wanted, from the first store that has it whole. Undefined
 * where no store has one.
 */
export function choose(source: AnySource, catalogues: readonly Catalogue[], wanted: Wanted): Chosen | undefined {
  let best: Chosen | undefined;
  for (const catalogue of catalogues) {
    const found = newestWhole(source, catalogue, wanted);
    if (found === undefined) continue;
    // The same snapshot elsewhere is no reason to fetch it from afar.
    if (best !== undefined && best.entry.manifest.id >= found.entry.manifest.id) continue;
    best = found;
  }
  return best;
}

function newestWhole(source: AnySource, catalogue: Catalogue, wanted: Wanted): Chosen | undefined {
  const mine = catalogue.snapshots.filter(({ manifest }) => manifest.source.name === source.name);
  for (const entry of [...mine].reverse()) {
    if (!fits(source, entry, wanted)) continue;
    const chain = chainOf(entry, mine);
    if (chain !== undefined) return { source, entry, chain, store: catalogue.store };
  }
  return undefined;
}

function fits(source: AnySource, { manifest, problems }: CatalogueEntry, { snapshot, at }: Wanted): boolean {
  if (problems.length > 0) return false;
  if (snapshot !== undefined && snapshot !== "latest")
    return manifest.id === snapshot || (manifest.run === snapshot && isUsual(source, manifest.type));
  if (!isUsual(source, manifest.type)) return false;
  return at === undefined || Date.parse(manifest.pointInTime) <= at;
}

/** Of a database server the physical copy goes on to any later moment; its dumps are asked for by their id. */
function isUsual(source: AnySource, type: string): boolean {
  return source.kind !== "postgres" || type === "base";
}

/** The snapshot and all that it builds on, oldest first; undefined where one of them is missing or not whole. */
export function chainOf(entry: CatalogueEntry, all: readonly CatalogueEntry[]): CatalogueEntry[] | undefined {
  const chain = [entry];
  for (let { parent } = entry.manifest; parent !== undefined; ) {
    const found = all.find(({ manifest }) => manifest.id === parent);
    if (found === undefined || found.problems.length > 0 || chain.includes(found)) return undefined;
    chain.unshift(found);
    parent = found.manifest.parent;
  }
  return chain;
}

/** Refuses text that cannot name a snapshot. */
export function checkSnapshotName(text: string | undefined): void {
  if (text === undefined || text === "latest" || isSnapshotId(text)) return;
  throw new StackError({
    code: "bad-snapshot",
    exit: "invalidInput",
    message: `"${text}" is not the id of a snapshot or run`,
    hint: "./prod.sh backup list shows them; `latest` is the newest",
  });
}

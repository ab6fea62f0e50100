import type { CatalogueEntry } from "./catalogue.ts";
import type { CheckLevel } from "./manifest.ts";

/**
 * True where a snapshot has been looked at, before it was published or later, and the newest look at each level found
 * nothing wrong; and all that it promises is in the listing.
 */
export function isVerified({ manifest, problems, laterChecks = [] }: CatalogueEntry): boolean {
  const newest = new Map<CheckLevel, boolean>();
  for (const { level, ok } of [...manifest.checks, ...laterChecks]) newest.set(level, ok);
  return problems.length === 0 && newest.size > 0 && [...newest.values()].every((ok) => ok);
}

/** What snapshots of one store build on. Snapshots are called by `<source>/<id>`. */
export interface Chains {
  /** The snapshot and all that it builds on, as far as they are in the store; nearest first. */
  withParents(entry: CatalogueEntry): CatalogueEntry[];
  children(entry: CatalogueEntry): readonly CatalogueEntry[];
  /** True where it and all that it builds on are there and verified: this one brings data back. */
  isRestorable(entry: CatalogueEntry): boolean;
}

/** Name of a snapshot within a store: `postgres/20261121T020000Z-3f9a1c`. */
export function nameOf({ manifest }: Pick<CatalogueEntry, "manifest">): string {
  return `${manifest.source.name}/${manifest.id}`;
}

export function chainsOf(entries: readonly CatalogueEntry[]): Chains {
  const byName = new Map(entries.map((entry) => [nameOf(entry), entry]));
  const children = new Map<string, CatalogueEntry[]>();
  const parentOf = ({ manifest: { source, parent } }: CatalogueEntry) =>
    parent === undefined ? undefined : byName.get(`${source.name}/${parent}`);
  for (const entry of entries) {
    const parent = parentOf(entry);
    if (parent === undefined) continue;
    const siblings = children.get(nameOf(parent));
    if (siblings === undefined) children.set(nameOf(parent), [entry]);
    else siblings.push(entry);
  }
  const withParents = (entry: CatalogueEntry): CatalogueEntry[] => {
    const chain = new Set<CatalogueEntry>();
    // A manifest that was tampered with can name its own child as parent.
    for (let each: CatalogueEntry | undefined = entry; each !== undefined && !chain.has(each); each = parentOf(each))
      chain.add(each);
    return [...chain];
  };
  const restorable = new Map<CatalogueEntry, boolean>();
  const judge = (entry: CatalogueEntry) => {
    const chain = withParents(entry);
    return chain.every(isVerified) && chain.at(-1)?.manifest.parent === undefined;
  };
  return {
    withParents,
    children: (entry) => children.get(nameOf(entry)) ?? [],
    isRestorable(entry) {
      const known = restorable.get(entry) ?? judge(entry);
      restorable.set(entry, known);
      return known;
    },
  };
}

import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import {
  type IndexedVersion,
  indexPart,
  keysOfIndex,
  type ObjectIndex,
  objectKeyOf,
  objectsPart,
  parseIndex,
} from "../../snapshots/object-index.ts";
import { messageOf } from "../../support/errors.ts";
import { formatSize } from "../../support/units.ts";
import type { Checked, PartsJob } from "./kinds.ts";
import type { ObjectStoreSource } from "./object-access.ts";
import { measure } from "./publish.ts";
import { backupsFolder } from "./stores.ts";

/** Objects whose bytes are read again by a check; those of the whole store are looked at by `backup verify --all`. */
const sampleSize = 25;

/** The index of a snapshot. Throws where it cannot be read. */
export function indexIn(folder: string): ObjectIndex {
  return parseIndex(readFileSync(join(folder, indexPart)));
}

/** Looks whether the index makes sense, and whether everything that it names is there in its length, some of it by hash. */
export async function checkObjects({ context, source, chain }: PartsJob<ObjectStoreSource>): Promise<Checked> {
  const folder = chain.at(-1)?.folder ?? "";
  let index: ObjectIndex;
  try {
    index = indexIn(folder);
    const listed = gunzipSync(readFileSync(join(folder, objectsPart))).toString("utf8");
    if (
      listed !==
      keysOfIndex(source.name, index)
        .map((key) => `${key}\n`)
        .join("")
    )
      return { ok: false, detail: `${objectsPart} is not the list of what ${indexPart} names` };
  } catch (error) {
    return { ok: false, detail: `${indexPart} cannot be read: ${messageOf(error)}` };
  }
  const objects = uniqueObjects(index);
  const places = [folder, backupsFolder(context.directory)];
  const pathOf = (sha256: string) => {
    const key = objectKeyOf(source.name, sha256);
    return places.map((place) => join(place, key)).find((path) => existsSync(path));
  };
  for (const [sha256, size] of objects) {
    const path = pathOf(sha256);
    if (path === undefined) return { ok: false, detail: `${objectKeyOf(source.name, sha256)} is missing` };
    const found = statSync(path).size;
    if (found !== size) return { ok: false, detail: `${path} has ${found} of ${size} bytes` };
  }
  for (const [sha256] of sampleOf([...objects], sampleSize)) {
    const path = pathOf(sha256) ?? "";
    if ((await measure(path)).sha256 !== sha256) return { ok: false, detail: `${path} is not what was stored` };
  }
  const total = [...objects.values()].reduce((sum, size) => sum + size, 0);
  const seen = Math.min(sampleSize, objects.size);
  return {
    ok: true,
    detail: `${indexPart}: ${objects.size} objects, ${formatSize(total)}, ${seen} of them read again`,
  };
}

/** Length of every content, by its hash. */
function uniqueObjects({ versions }: ObjectIndex): Map<string, number> {
  const found = new Map<string, number>();
  for (const { sha256, size = 0 } of versions) if (sha256 !== undefined) found.set(sha256, size);
  return found;
}

/** Some of many, spread over all of them, others each time. */
export function sampleOf<Item>(items: readonly Item[], count: number): Item[] {
  if (items.length <= count) return [...items];
  const step = items.length / count;
  return Array.from({ length: count }, (_, index) => items[Math.floor((index + Math.random()) * step)] as Item);
}

/** The versions of each key, oldest first. */
export function historyOf(versions: readonly IndexedVersion[]): IndexedVersion[][] {
  const byKey = new Map<string, IndexedVersion[]>();
  for (const version of versions) {
    const name = JSON.stringify([version.bucket, version.key]);
    const known = byKey.get(name);
    // The index has the newest first.
    if (known === undefined) byKey.set(name, [version]);
    else known.unshift(version);
  }
  return [...byKey.values()];
}

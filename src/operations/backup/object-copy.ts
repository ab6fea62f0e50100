import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import {
  type BucketSettings,
  type IndexedVersion,
  identityOf,
  indexPart,
  keysOfIndex,
  type ListedVersion,
  objectKeyOf,
  objectsPart,
  parseIndex,
  printIndex,
} from "../../snapshots/object-index.ts";
import {
  fetchVersion,
  isAbsent,
  listVersions,
  type ObjectServer,
  readBuckets,
  readTags,
} from "../../snapshots/object-source.ts";
import { writeFileAtomic } from "../../support/files.ts";
import { inParallel } from "../../support/parallel.ts";
import { startPace } from "../progress-pace.ts";
import { imageOfService } from "./container.ts";
import type { Produced, ProduceJob, SharedObject } from "./kinds.ts";
import { liveService } from "./live-service.ts";
import { type ObjectStoreSource, reachServer } from "./object-access.ts";
import { measure } from "./publish.ts";
import { backupsFolder } from "./stores.ts";

/** Requests at the same time: small objects wait for the server, not for the line. */
const width = 16;
/** Tags are the one thing that can change while a listing stays the same. They are asked for again this often, in milliseconds. */
const tagsPause = 24 * 3_600_000;
/** Warnings that are told one by one; of more only how many. */
const toldWarnings = 20;

/** What the last copy saw: the index, and when the tags in it were read. */
interface Memory {
  versions: Map<string, IndexedVersion>;
  /** Milliseconds since 1970. */
  tagsAt: number;
}

/** State of one copy. */
interface Copy {
  job: ProduceJob<ObjectStoreSource>;
  server: ObjectServer;
  /** In the order of the listing; empty where a version has gone meanwhile. */
  versions: (IndexedVersion | undefined)[];
  /** By hash: objects that the local store lacks, in the staging folder. */
  staged: Map<string, string>;
  fetched: { objects: number; bytes: number };
  warnings: string[];
}

/**
 * Lists everything that the server holds, fetches what the local store does not have, and writes down what there was. What
 * was deleted is only no longer in the list: the bytes stay as long as a snapshot names them.
 */
export async function copyObjects(job: ProduceJob<ObjectStoreSource>): Promise<Produced> {
  const { context, source, staging, memory } = job;
  const live = await liveService(context, source.service);
  const image = await imageOfService(context, source.service);
  const server = await reachServer(context, source, live);
  const pointInTime = context.clock.now();
  const known = readMemory(memory);
  const buckets = await readBuckets(server);
  const copy: Copy = {
    job,
    server,
    versions: [],
    staged: new Map(),
    fetched: { objects: 0, bytes: 0 },
    warnings: [],
  };
  const wanted = await compareWith(copy, buckets, known.versions);
  await fetchAll(copy, wanted);
  const isDue = pointInTime - known.tagsAt >= tagsPause;
  if (isDue) await refreshTags(copy, known.versions);
  const versions = copy.versions.filter((version) => version !== undefined).sort(inOrder);
  const index = { buckets, versions };
  const keys = keysOfIndex(source.name, index);
  writeFileSync(join(staging, indexPart), printIndex(index), { mode: 0o644 });
  writeFileSync(join(staging, objectsPart), gzipSync(keys.map((key) => `${key}\n`).join("")), { mode: 0o644 });
  remember(memory, join(staging, indexPart), isDue ? pointInTime : known.tagsAt);
  return {
    parts: [
      { name: indexPart, ...(await measure(join(staging, indexPart))) },
      { name: objectsPart, ...(await measure(join(staging, objectsPart))) },
    ],
    pointInTime,
    image,
    facts: { ...factsOf(versions), buckets: buckets.length, fetched: copy.fetched },
    warnings: told(copy.warnings),
    shared: { objects: sharedOf(keys, copy.staged), objectsPart },
  };
}

/** A version that is to be fetched, and where it goes. */
interface Wanted {
  listed: ListedVersion;
  place: number;
}

/** Takes over what is known and still in the local store; returns the rest. */
async function compareWith(
  { job, server, versions }: Copy,
  buckets: readonly BucketSettings[],
  known: Memory["versions"],
): Promise<Wanted[]> {
  const { context, source } = job;
  const wanted: Wanted[] = [];
  for (const { bucket } of buckets) {
    context.progress.update(source.name, "working", `listing ${bucket}`);
    for await (const listed of listVersions(server, bucket)) {
      const before = known.get(identityOf(listed));
      if (listed.etag === undefined) versions.push(listed);
      else if (before?.sha256 !== undefined && isStored(job, before.sha256, before.size))
        versions.push({ ...before, latest: listed.latest });
      else wanted.push({ listed, place: versions.push(undefined) - 1 });
    }
  }
  return wanted;
}

function isStored({ context, source }: Copy["job"], sha256: string, size = 0): boolean {
  const found = statSync(join(backupsFolder(context.directory), objectKeyOf(source.name, sha256)), {
    throwIfNoEntry: false,
  });
  return found?.size === size;
}

async function fetchAll(copy: Copy, wanted: readonly Wanted[]): Promise<void> {
  const { context, source } = copy.job;
  const pace = startPace(
    context.clock,
    wanted.reduce((sum, { listed }) => sum + (listed.size ?? 0), 0),
  );
  let done = 0;
  await inParallel(wanted, width, async (one) => {
    await fetchOne(copy, one);
    done += 1;
    const moved = pace.moved(copy.fetched.bytes);
    if (done % 50 === 0 || done === wanted.length)
      context.progress.update(source.name, "working", `${done} of ${wanted.length} objects, ${moved}`);
  });
}

async function fetchOne(copy: Copy, { listed, place }: Wanted): Promise<void> {
  const { job, server, versions, warnings, fetched } = copy;
  const arriving = join(job.staging, "arriving", identityOf(listed).replaceAll("/", "_"));
  mkdirSync(dirname(arriving), { recursive: true });
  try {
    const { sha256, size, etag, modified, headers } = await fetchVersion(server, listed, arriving);
    const isOther = etag !== listed.etag && !isSameWrite(listed, { size, modified });
    if (isOther) warnings.push(`${listed.bucket}/${listed.key} was written while it was copied`);
    keep(copy, arriving, sha256, size);
    fetched.objects += 1;
    fetched.bytes += size;
    // A listing tells the time to the millisecond, the object itself to the second.
    versions[place] = { ...listed, ...(isOther && { etag, modified }), size, ...headers, sha256 };
  } catch (error) {
    if (!isAbsent(error)) throw error;
    warnings.push(`${listed.bucket}/${listed.key} was removed while it was copied`);
  } finally {
    rmSync(arriving, { force: true });
  }
}

/** Some servers give an object another ETag than their listing does: SeaweedFS where they have cut it into pieces. */
function isSameWrite(listed: ListedVersion, fetched: { size: number; modified: number }): boolean {
  const second = (milliseconds: number) => Math.floor(milliseconds / 1_000);
  return listed.size === fetched.size && second(listed.modified) === second(fetched.modified);
}

/** One file for each content, however many objects have it. */
function keep({ job, staged }: Copy, arriving: string, sha256: string, size: number): void {
  if (staged.has(sha256) || isStored(job, sha256, size)) return;
  const path = join(job.staging, objectKeyOf(job.source.name, sha256));
  mkdirSync(dirname(path), { recursive: true });
  renameSync(arriving, path);
  staged.set(sha256, path);
}

/** Asks for the tags of what was not fetched now. */
async function refreshTags({ server, versions, warnings }: Copy, known: Memory["versions"]): Promise<void> {
  const old = versions.filter((version) => version?.sha256 !== undefined && known.has(identityOf(version)));
  await inParallel(old, width, async (version) => {
    if (version === undefined) return;
    try {
      const tags = await readTags(server, version);
      if (tags === undefined) delete version.tags;
      else version.tags = tags;
    } catch (error) {
      if (!isAbsent(error)) throw error;
      warnings.push(`${version.bucket}/${version.key} was removed while it was copied`);
    }
  });
}

/** By bucket and key; of one key the newest first, as it was listed. */
function inOrder(a: IndexedVersion, b: IndexedVersion): number {
  return (
    compare(a.bucket, b.bucket) ||
    compare(a.key, b.key) ||
    Number(b.latest) - Number(a.latest) ||
    b.modified - a.modified
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function sharedOf(keys: readonly string[], staged: Copy["staged"]): SharedObject[] {
  return keys.map((key) => {
    const file = staged.get(key.slice(key.lastIndexOf("/") + 1));
    return { key, ...(file !== undefined && { file }) };
  });
}

function factsOf(versions: readonly IndexedVersion[]) {
  const live = versions.filter(({ latest, sha256 }) => latest && sha256 !== undefined);
  return {
    objects: live.length,
    bytes: live.reduce((total, { size = 0 }) => total + size, 0),
    versions: versions.length,
  };
}

function told(warnings: readonly string[]): string[] {
  const more = warnings.length - toldWarnings;
  return [...warnings.slice(0, toldWarnings), ...(more > 0 ? [`${more} more objects changed meanwhile`] : [])];
}

function readMemory(folder: string): Memory {
  try {
    const { tagsAt } = JSON.parse(readFileSync(join(folder, "tags.json"), "utf8")) as { tagsAt: number };
    const { versions } = parseIndex(readFileSync(join(folder, indexPart)));
    return { versions: new Map(versions.map((version) => [identityOf(version), version])), tagsAt };
  } catch {
    // The first time, or it was lost: everything is looked at again, and bytes that are here already are kept once.
    return { versions: new Map(), tagsAt: 0 };
  }
}

function remember(folder: string, index: string, tagsAt: number): void {
  if (!existsSync(folder)) mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileAtomic(join(folder, indexPart), readFileSync(index), 0o600);
  writeFileAtomic(join(folder, "tags.json"), `${JSON.stringify({ format: 1, tagsAt })}\n`, 0o600);
}

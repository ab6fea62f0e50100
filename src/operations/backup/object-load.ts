import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import {
  type BucketSettings,
  type IndexedVersion,
  keysOfIndex,
  type ListedVersion,
  type ObjectIndex,
  objectKeyOf,
} from "../../snapshots/object-index.ts";
import { fetchVersion, listVersions, type ObjectServer, readBuckets } from "../../snapshots/object-source.ts";
import {
  applySettings,
  createBucket,
  putDeleteMarker,
  putVersion,
  setVersioning,
} from "../../snapshots/object-target.ts";
import { inParallel } from "../../support/parallel.ts";
import { engineName } from "../engine-name.ts";
import { startPace } from "../progress-pace.ts";
import { giveVolume, withStanding } from "../restore/throw-away.ts";
import { imageOfService, throwAwaySpec } from "./container.ts";
import type { Checked, Loaded, LoadJob } from "./kinds.ts";
import { type ObjectStoreSource, reachServer } from "./object-access.ts";
import { historyOf, indexIn, sampleOf } from "./object-check.ts";

/** Keys that are written at the same time; of one key one version after the other. */
const width = 8;
/** Objects that are read again where not all of them are. */
const sampleSize = 50;

type Job = LoadJob<ObjectStoreSource>;

/**
 * Starts the source's server on a new volume and fills it: buckets, every version in order, then the settings. It stands
 * on the source's own network under another name: the supervisor must reach it, that network leads nowhere else, and apps
 * find the live server by its name alone. Users, policies and access keys come from the set-up step at the next start.
 * Versions get new ids and times, which no server lets a client choose.
 */
export async function loadObjects(job: Job): Promise<Loaded> {
  const { context, source, chain } = job;
  const { model } = context;
  const newest = chain.at(-1);
  const service = model.services.find(({ name }) => name === source.service);
  if (newest === undefined || service === undefined) throw new Error(`nothing to load into ${source.service}`);
  const index = indexIn(newest.folder);
  context.progress.update(source.name, "working", "fetching objects");
  await job.fetchShared(keysOfIndex(source.name, index));
  const image = (await imageOfService(context, source.service)).id;
  const volume = await job.newVolume("");
  await giveVolume(context, image, volume, service.user ?? "0:0");
  const spec = throwAwaySpec(context, service, {
    volumes: { [source.volume]: volume },
    image,
    purpose: "restore-load",
  });
  const request = {
    what: `${source.service} on the restored copy`,
    service,
    spec: { ...spec, networks: [engineName(model, source.network)] },
  };
  const checks = await withStanding(context, request, async ({ id }) => {
    const server = await reachServer(context, source, id);
    await fill(job, server, index);
    return await compareAll(job, server, index);
  });
  return {
    volumes: [{ restored: volume, replaces: source.volume }],
    checks,
    reached: Date.parse(newest.manifest.pointInTime),
    facts: { objects: index.versions.filter(({ latest, sha256 }) => latest && sha256 !== undefined).length },
  };
}

async function fill(job: Job, server: ObjectServer, index: ObjectIndex): Promise<void> {
  for (const settings of index.buckets) await fillBucket(job, server, index, settings);
  for (const settings of index.buckets) await applySettings(server, settings);
}

/** What came about without versioning is older than all else where it is on, and may be the newest where it is suspended. */
async function fillBucket(
  job: Job,
  server: ObjectServer,
  { versions }: ObjectIndex,
  settings: BucketSettings,
): Promise<void> {
  const { bucket, versioning, lock } = settings;
  const own = versions.filter((version) => version.bucket === bucket);
  const plain = own.filter(({ version }) => version === "null");
  const numbered = own.filter(({ version }) => version !== "null");
  await createBucket(server, settings);
  if (versioning !== "Suspended" && lock === undefined) await write(job, server, plain);
  if (versioning !== undefined && lock === undefined) await setVersioning(server, bucket, "Enabled");
  await write(job, server, numbered);
  if (versioning === "Suspended") await setVersioning(server, bucket, "Suspended");
  if (versioning === "Suspended" || lock !== undefined) await write(job, server, plain);
}

async function write(job: Job, server: ObjectServer, versions: readonly IndexedVersion[]): Promise<void> {
  const { context, source, shared } = job;
  const histories = historyOf(versions);
  const pace = startPace(
    context.clock,
    versions.reduce((sum, { size = 0 }) => sum + size, 0),
  );
  let done = 0;
  let bytes = 0;
  await inParallel(histories, width, async (history) => {
    for (const version of history) {
      context.signal.throwIfAborted();
      if (version.sha256 === undefined) await putDeleteMarker(server, version);
      else await putVersion(server, version, join(shared, objectKeyOf(source.name, version.sha256)));
      bytes += version.size ?? 0;
    }
    done += 1;
    const moved = pace.moved(bytes);
    if (done % 50 === 0 || done === histories.length)
      context.progress.update(source.name, "working", `${done} of ${histories.length} keys, ${moved}`);
  });
}

/** What the filled server lists against the index; then bytes, headers and tags of some, or with `deep` of all. */
async function compareAll(job: Job, server: ObjectServer, index: ObjectIndex): Promise<Checked[]> {
  const settings = await readBuckets(server);
  const missing = index.buckets.filter(({ bucket }) => !settings.some((found) => found.bucket === bucket));
  if (missing.length > 0) return [{ ok: false, detail: `bucket ${missing[0]?.bucket} is missing` }];
  const listed: ListedVersion[] = [];
  for (const { bucket } of index.buckets)
    for await (const version of listVersions(server, bucket)) listed.push(version);
  const listing = compareListings(index.versions, listed);
  if (!listing.ok) return [listing];
  const live = index.versions.filter(({ latest, sha256 }) => latest && sha256 !== undefined);
  const looked = job.depth === "deep" ? live : sampleOf(live, sampleSize);
  return [listing, await compareBytes(job, server, looked)];
}

/** Lengths of the versions of each key, the newest first; a delete marker counts as such. */
export function compareListings(wanted: readonly IndexedVersion[], found: readonly ListedVersion[]): Checked {
  const shapes = (versions: readonly ListedVersion[]) => {
    const shape = new Map<string, string>();
    for (const history of historyOf(versions)) {
      const [{ bucket, key } = { bucket: "", key: "" }] = history;
      const sizes = history.map(({ etag, size }) => (etag === undefined ? "deleted" : size)).sort();
      const current = history.find(({ latest }) => latest);
      shape.set(`${bucket}/${key}`, JSON.stringify([sizes, current?.etag === undefined ? "deleted" : current.size]));
    }
    return shape;
  };
  const [there, here] = [shapes(wanted), shapes(found)];
  const differing = [...new Set([...there.keys(), ...here.keys()])].filter(
    (name) => there.get(name) !== here.get(name),
  );
  if (differing.length === 0) return { ok: true, detail: `${wanted.length} versions of ${there.size} keys` };
  return { ok: false, detail: `${differing.length} keys are not as they were, such as ${differing[0]}` };
}

async function compareBytes(
  { shared, source, context }: Job,
  server: ObjectServer,
  looked: readonly IndexedVersion[],
): Promise<Checked> {
  const folder = mkdtempSync(join(shared, "compare-"));
  const differing: string[] = [];
  let number = 0;
  try {
    await inParallel(looked, width, async (version) => {
      context.signal.throwIfAborted();
      number += 1;
      const path = join(folder, String(number));
      const { bucket, key } = version;
      const found = await fetchVersion(server, { bucket, key, version: "null" }, path);
      rmSync(path);
      if (found.sha256 !== version.sha256 || !isDeepStrictEqual(found.headers, headersOf(version)))
        differing.push(`${bucket}/${key}`);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  context.progress.update(source.name, "working", `${looked.length} objects compared`);
  if (differing.length === 0)
    return { ok: true, detail: `${looked.length} objects read again, bytes, headers and tags` };
  return { ok: false, detail: `${differing.length} objects are not as they were, such as ${differing[0]}` };
}

/** What a client had set on a version, without what the listing says. A retention that has ended is not set again. */
function headersOf(version: IndexedVersion): object {
  const { bucket, key, version: _, latest, modified, etag, size, sha256, retention, ...headers } = version;
  const isHeld = retention !== undefined && Date.parse(retention.until) > Date.now();
  return { ...headers, ...(isHeld && { retention }) };
}

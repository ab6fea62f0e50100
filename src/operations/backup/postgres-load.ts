import { chmodSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { positionOf, segmentOfLsn } from "../../snapshots/wal-chain.ts";
import { StackError } from "../../support/errors.ts";
import { runContainer, runToEnd } from "./container.ts";
import type { Checked, Loaded, LoadJob } from "./kinds.ts";
import type { PostgresSource } from "./postgres-base.ts";
import { partBinds } from "./postgres-base-check.ts";
import { readBaseFacts } from "./postgres-facts.ts";
import { imageForBase, refuseOtherVersion } from "./postgres-image.ts";
import { inspectCopy } from "./postgres-inspect.ts";
import {
  type Archive,
  archiveFiles,
  type Base,
  planRecovery,
  type Recovery,
  timelineName,
} from "./postgres-recovery.ts";
import { replay } from "./postgres-replay.ts";
import type { ReplayStory } from "./postgres-replay-log.ts";
import { refuseFullDisk } from "./postgres-room.ts";

type Job = LoadJob<PostgresSource>;

/** What stays the same while one base is loaded. */
interface Loading {
  job: Job;
  base: Base;
  image: string;
  volume: string;
  recovery: Recovery;
}

/**
 * Brings a base to a moment, or to the newest that its log leads to, in a new volume. Everything that can be known to be
 * wrong is asked before anything is made. What comes out is an ordinary, stopped server on a timeline of its own.
 */
export async function loadBase(job: Job): Promise<Loaded> {
  const { context, source, at } = job;
  const manifest = job.chain.at(-1)?.manifest;
  if (manifest === undefined) throw new Error("a restore needs a snapshot");
  const base = { id: manifest.id, source: manifest.source.name, facts: readBaseFacts(manifest) };
  const recovery = planRecovery(base, await readArchive(job, base), at);
  await refuseOtherVersion(context, source, manifest);
  const image = await imageForBase(context, source, manifest);
  await refuseFullDisk(context, manifest.id, base.facts);
  const loading = { job, base, image, recovery, volume: await job.newVolume("") };
  const began = context.clock.now();
  await unpack(loading);
  const unpacked = context.clock.now();
  const story = await replayTo(loading);
  const replayed = context.clock.now();
  const { checks, rows } = await inspectCopy(context, source, { image, volume: loading.volume, depth: job.depth });
  const settled = await settle(loading, story);
  return {
    volumes: [{ restored: loading.volume, replaces: source.volume }],
    checks: [...reachChecks(loading, story), ...checks, ...settled],
    reached: story.lastCommit ?? Date.parse(base.facts.stoppedAt),
    facts: {
      systemId: base.facts.systemId,
      // A new base must be made at once: older ones do not lead along it before its log is in the archive.
      timeline: story.timeline,
      fromTimeline: recovery.window.timeline,
      redoneTo: story.redoneTo,
      segments: story.segments.length,
      unpackedIn: unpacked - began,
      replayedIn: replayed - unpacked,
      ...(rows && { rows }),
    },
  };
}

/** What the store has of the cluster's log; history files are read at once, as they tell the way. */
async function readArchive(job: Job, { source, facts }: Base): Promise<Archive> {
  const wal = archiveFiles(await job.listShared(walFolder(source, facts.systemId)));
  const history = wal.filter(({ kind }) => kind === "history");
  await job.fetchShared(history.map(({ key }) => key));
  return {
    wal,
    histories: new Map(history.map(({ file, key }) => [file, readFileSync(join(job.shared, key), "utf8")])),
  };
}

function walFolder(source: string, systemId: string): string {
  return `wal/${source}/${systemId}/`;
}

/** Unpacks the base into the new volume, as the server's user, and compares the parts with the manifest meanwhile. */
async function unpack({ job, image, volume }: Loading): Promise<void> {
  const { context, source, chain } = job;
  const base = chain.at(-1);
  if (base === undefined) return;
  const mounted = { image, volumes: [{ volume, target: source.target, readOnly: false }] };
  const environment = { DATA: source.dataFolder, TARGET: source.target, OWNER: source.user };
  context.progress.update(source.name, "working", "unpacking the base");
  await runToEnd(context, `Preparing the volume for ${source.name}`, {
    ...mounted,
    purpose: `restore-${source.name}`,
    user: "0:0",
    entrypoint: ["sh", "-c"],
    command: ['set -eu; mkdir -p "$DATA"; chmod 700 "$DATA"; chown -R "$OWNER" "$TARGET"'],
    environment,
    capabilities: ["CHOWN"],
  });
  const sums = base.manifest.parts.map(({ name, content }) => `${content.sha256}  /backup/${name}`).join("\n");
  const { exitCode, output } = await runContainer(context, {
    ...mounted,
    purpose: `restore-${source.name}`,
    user: source.user,
    entrypoint: ["sh", "-c"],
    command: [unpackScript],
    environment: { ...environment, SUMS: sums },
    binds: partBinds(base),
  });
  if (exitCode !== 0) throw notUnpacked(base.manifest.id, exitCode, output);
}

const damagedParts = 65;

const unpackScript = `set -u
umask 077
(echo "$SUMS" | sha256sum --check --quiet) &
sums=$!
tar -I 'zstd -dq' -xf /backup/base.tar.zst -C "$DATA" && tar -I 'zstd -dq' -xf /backup/pg_wal.tar.zst -C "$DATA/pg_wal"
unpacked=$?
wait "$sums" || exit ${damagedParts}
[ "$unpacked" = 0 ] || exit "$unpacked"
: >"$DATA/recovery.signal"`;

function notUnpacked(id: string, exitCode: number, output: readonly string[]): StackError {
  const damaged = exitCode === damagedParts;
  return new StackError({
    code: damaged ? "backup-damaged" : "restore-unpack-failed",
    exit: "backupFailed",
    message: damaged
      ? `The snapshot ${id} is damaged: a part is not what was stored`
      : `The snapshot ${id} could not be unpacked: exit code ${exitCode}`,
    details: output.slice(-5),
    hint: damaged ? "./prod.sh backup verify --all shows which snapshots are whole" : "look at the disk: df -h",
  });
}

/**
 * Replays the log. Where it ends before the moment that was asked for, what is left of the archive is tried, and then
 * the end of the log is what there was at that moment: no commit came between.
 */
async function replayTo(loading: Loading): Promise<ReplayStory> {
  const { recovery } = loading;
  await loading.job.fetchShared(recovery.keys);
  const first = await replayOnce(loading, loading.job.at);
  if (!first.endedEarly) return first;
  await loading.job.fetchShared(recovery.further);
  const second = recovery.further.length === 0 ? first : await replayOnce(loading, loading.job.at);
  return second.endedEarly ? replayOnce(loading, undefined) : second;
}

async function replayOnce({ job, base, image, volume, recovery }: Loading, at: number | undefined) {
  const { context, source } = job;
  const { timeline } = recovery.window;
  const total = recovery.keys.length + recovery.further.length;
  context.progress.update(source.name, "working", "replaying the log");
  return replay(context, {
    source,
    image,
    volume,
    wal: readableArchive(job, base, recovery),
    timeline: timeline === base.facts.timeline ? "current" : String(timeline),
    ...(at !== undefined && { at }),
    onSegment: (count) =>
      context.progress.update(source.name, "working", `replaying the log: ${count} of up to ${total} segments`),
  });
}

/** The folder with the fetched files, made readable for the server's user whatever the umask of this process is. */
function readableArchive({ shared }: Job, { source, facts }: Base, { keys, further }: Recovery): string {
  const folder = join(shared, walFolder(source, facts.systemId));
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o755);
  for (const key of [...keys, ...further]) {
    const mode = statSync(join(shared, key), { throwIfNoEntry: false })?.mode;
    if (mode !== undefined && (mode & 0o004) === 0) chmodSync(join(shared, key), 0o644);
  }
  return folder;
}

/** Whether replay came as far as the plan said that it would. */
function reachChecks({ job, base, recovery }: Loading, story: ReplayStory): Checked[] {
  const { walSegmentSize } = base.facts;
  const to =
    story.lastCommit === undefined ? "" : `, the last commit is of ${new Date(story.lastCommit).toISOString()}`;
  if (story.stoppedBefore !== undefined)
    return [{ ok: true, detail: `stopped before a commit of ${new Date(story.stoppedBefore).toISOString()}${to}` }];
  const end = story.redoneTo && segmentOfLsn(recovery.window.timeline, story.redoneTo, walSegmentSize);
  const { lastSegment } = recovery.window;
  const ok = end !== undefined && end !== "" && positionOf(end) >= positionOf(lastSegment);
  const why = job.at === undefined ? "" : " (no commit came after the moment that was asked for)";
  return [
    {
      ok,
      detail: ok
        ? `replayed to the end of the log, ${lastSegment}${why}${to}`
        : `replay ended in ${end ?? "the base"}, before the end of the log, ${lastSegment}`,
    },
  ];
}

/**
 * Leaves the copy as an ordinary server. The file that tells from where its timeline leads on is handed to the archive
 * first of all when it starts: without it a later restore could begin a second timeline of the same number.
 */
async function settle({ job, image, volume }: Loading, { timeline }: ReplayStory): Promise<Checked[]> {
  const { context, source, depth } = job;
  const history = timeline === undefined ? "" : `${timelineName(timeline)}.history`;
  await runToEnd(context, `Finishing the copy of ${source.name}`, {
    image,
    purpose: `restore-${source.name}`,
    user: source.user,
    entrypoint: ["sh", "-c"],
    command: [settleScript],
    environment: { DATA: source.dataFolder, HISTORY: history, LC_ALL: "C", DEEP: depth === "deep" ? "yes" : "" },
    volumes: [{ volume, target: source.target, readOnly: false }],
  });
  return depth === "deep" ? [{ ok: true, detail: "every page agrees with its checksum (pg_checksums)" }] : [];
}

const settleScript = `set -eu
cd "$DATA"
pg_controldata . | grep -q '^Database cluster state: *shut down$'
rm -f recovery.signal standby.signal backup_label.old tablespace_map.old
[ ! -e "pg_wal/$HISTORY" ] || : >"pg_wal/archive_status/$HISTORY.ready"
[ -z "$DEEP" ] || ! pg_controldata . | grep -q '^Data page checksum version: *[1-9]' || pg_checksums --check -D .
sync -f .`;

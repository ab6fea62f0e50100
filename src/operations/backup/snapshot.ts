import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Catalogue } from "../../snapshots/catalogue.ts";
import { type SnapshotManifest, type SnapshotType, snapshotFolder, snapshotId } from "../../snapshots/manifest.ts";
import type { SnapshotStore } from "../../snapshots/store.ts";
import { isDiskFull, saysDiskFull } from "../../support/disk.ts";
import { StackError } from "../../support/errors.ts";
import { describeProcess } from "../../support/process-identity.ts";
import type { Context } from "../context.ts";
import type { Journal } from "../journal.ts";
import { startPace } from "../progress-pace.ts";
import type { AnySource, Checked, Produced, SourceKind } from "./kinds.ts";
import { compareParts, publishLocally, storedParts } from "./publish.ts";
import { sealerOf } from "./sealer.ts";
import { backupStateFolder, backupsFolder } from "./stores.ts";

export interface SnapshotRequest<Source extends AnySource> {
  source: Source;
  kind: SourceKind<Source>;
  type: SnapshotType;
  run: string;
  version: string;
  local: SnapshotStore;
  catalogue: Catalogue;
}

/** A snapshot that is in the local store now. */
export interface MadeSnapshot {
  manifest: SnapshotManifest;
  checks: Checked[];
}

/**
 * Makes one snapshot of one source: produce, compare, check, publish. Nothing is in the store unless all of it went
 * well; what was staged is removed in any case.
 */
export async function makeSnapshot<Source extends AnySource>(
  context: Context,
  journal: Journal,
  request: SnapshotRequest<Source>,
): Promise<MadeSnapshot> {
  const { source, kind, type, local, catalogue } = request;
  const { directory, clock, progress } = context;
  const startedAt = clock.now();
  const id = snapshotId(startedAt, randomBytes(3).toString("hex"));
  const staging = makeStaging(directory, id);
  const memory = join(backupStateFolder(directory), "memory", source.name);
  mkdirSync(memory, { recursive: true, mode: 0o700 });
  const earlier = catalogue.snapshots
    .filter(({ manifest, problems }) => manifest.source.name === source.name && problems.length === 0)
    .map(({ manifest }) => manifest);
  try {
    progress.update(source.name, "working", `copying (${type})`);
    const stopWatching = watchGrowth(context, request, staging, earlier);
    const produced = await kind
      .produce({ context, journal, source, type, id, staging, memory, earlier })
      .finally(stopWatching);
    progress.update(source.name, "working", "checking");
    const draft = draftOf(context, request, id, startedAt, produced);
    // At the same time: one reads on a core of ours, the other in its container.
    const [compared, looked] = await Promise.allSettled([
      compareParts(staging, produced.parts),
      kind.check({ context, source, chain: chainOf(directory, draft, staging, earlier) }),
    ]);
    if (compared.status === "rejected") throw compared.reason;
    if (looked.status === "rejected") throw looked.reason;
    const checked = looked.value;
    if (!checked.ok) throw checkFailed(source.name, checked);
    const sealer = sealerOf(context);
    const parts = await storedParts(staging, produced, sealer);
    const at = new Date(clock.now()).toISOString();
    const manifest: SnapshotManifest = {
      ...draft,
      finishedAt: at,
      encryption: produced.confidential ? sealer.encryption : "none",
      parts,
      checks: [
        { level: "hash", at, ok: true, detail: "compared with what the producer counted" },
        { level: "structure", at, ok: true, detail: checked.detail },
      ],
    };
    await publishLocally(local, backupsFolder(directory), staging, manifest, produced.shared?.objects ?? []);
    return { manifest, checks: [checked] };
  } catch (error) {
    throw toldNoRoom(source.name, error);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/**
 * Tells how much has been copied, and how much longer it takes if it is about as much as the last time, until the
 * returned function is called.
 */
function watchGrowth<Source extends AnySource>(
  { clock, progress }: Context,
  { source, type }: SnapshotRequest<Source>,
  staging: string,
  earlier: readonly SnapshotManifest[],
): () => void {
  const last = earlier.filter((manifest) => manifest.type === type).at(-1);
  const guess = last?.parts.reduce((sum, { content }) => sum + content.bytes, 0);
  const pace = startPace(clock, guess, true);
  const timer = setInterval(() => {
    const bytes = sizeOfFiles(staging);
    if (bytes > 0) progress.update(source.name, "working", pace.moved(bytes));
  }, 1_000);
  return () => clearInterval(timer);
}

/** Bytes of the files that lie in a folder itself: parts that are being written. */
function sizeOfFiles(folder: string): number {
  const sizes = readdirSync(folder, { withFileTypes: true })
    .filter((file) => file.isFile())
    .map(({ name }) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0);
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

/** A program in a container says in its own words, among others, that the disk is full on which copies are made. */
function toldNoRoom(source: string, error: unknown): unknown {
  if (!(error instanceof StackError) || isDiskFull(error)) return error;
  if (!saysDiskFull([error.message, ...error.details].join("\n"))) return error;
  return new StackError({
    code: "no-room-for-backup",
    exit: "backupFailed",
    message: `There is no room to copy ${source}: the disk of backups/ is full`,
    details: [error.message, ...error.details],
    hint: `make room on it (df -h backups; ./prod.sh backup prune), then run: ./prod.sh backup run --only ${source}`,
    cause: error,
  });
}

/** A folder that containers of any user may write to, below one that the stack's owner alone may enter. */
export function makeStaging(directory: string, id: string): string {
  const parent = join(backupsFolder(directory), ".staging");
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  const staging = join(parent, id);
  // Whose it is, for the one who clears up after a crash.
  writeFileSync(join(parent, `${id}.process`), JSON.stringify(describeProcess()));
  mkdirSync(staging);
  if (process.platform !== "win32") chmodSync(staging, 0o777);
  return staging;
}

function draftOf<Source extends AnySource>(
  { model }: Context,
  { source, type, run, version }: SnapshotRequest<Source>,
  id: string,
  startedAt: number,
  produced: Produced,
): SnapshotManifest {
  const time = new Date(startedAt).toISOString();
  return {
    format: 1,
    id,
    run,
    stack: model.name,
    source: { name: source.name, kind: source.kind, component: source.component, service: source.service },
    type,
    ...(produced.parent !== undefined && { parent: produced.parent }),
    startedAt: time,
    finishedAt: time,
    pointInTime: new Date(produced.pointInTime).toISOString(),
    tool: version,
    ...(produced.image !== undefined && { image: produced.image }),
    encryption: "none",
    parts: produced.parts.map(({ name, bytes, sha256 }) => ({
      name,
      content: { bytes, sha256 },
      stored: { name, bytes, sha256 },
    })),
    ...(produced.shared !== undefined && { objectsPart: produced.shared.objectsPart }),
    facts: produced.facts,
    checks: [],
    warnings: produced.warnings,
  };
}

/** The snapshot with all that it builds on, oldest first; those are in the local store. */
function chainOf(directory: string, draft: SnapshotManifest, staging: string, earlier: readonly SnapshotManifest[]) {
  const chain = [{ manifest: draft, folder: staging }];
  for (let parent = draft.parent; parent !== undefined; ) {
    const found = earlier.find(({ id }) => id === parent);
    if (found === undefined) break;
    chain.unshift({
      manifest: found,
      folder: join(backupsFolder(directory), snapshotFolder(found.source.name, found.id)),
    });
    parent = found.parent;
  }
  return chain;
}

function checkFailed(source: string, { detail }: Checked): StackError {
  return new StackError({
    code: "backup-check-failed",
    exit: "backupFailed",
    message: `The copy of ${source} was made and is not sound: ${detail}`,
    hint: `./prod.sh backup run --only ${source}`,
  });
}

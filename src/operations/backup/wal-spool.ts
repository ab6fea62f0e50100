import { lstatSync, readdirSync, renameSync, rmSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { adoptFile } from "../../snapshots/local-store.ts";
import type { SnapshotStore } from "../../snapshots/store.ts";
import type { Context } from "../context.ts";
import { imageOfService, runContainer } from "./container.ts";
import type { PostgresSource } from "./postgres-base.ts";
import { measure } from "./publish.ts";
import { backupsFolder } from "./stores.ts";

/** A file that archive-wal.sh has left in the spool: `<systemId>.<file>.zst`, history files without `.zst`. */
export interface SpooledFile {
  systemId: string;
  /** Name of the object in a store: `000000010000000000000005.zst`. */
  name: string;
  path: string;
  bytes: number;
}

/** What lies in the spool. */
export interface Spool {
  files: SpooledFile[];
  /** Files of the log that the server let go of because the disk was full: `<systemId>` and PostgreSQL's name. */
  dropped: { systemId: string; file: string; path: string; at: number }[];
  /** Files that were put aside because another content is in the store under their name. */
  conflicts: string[];
}

const file = "[0-9A-F]{8}(?:[0-9A-F]{16}(?:\\.partial|\\.[0-9A-F]{8}\\.backup)?\\.zst|\\.history)";
const spooledName = new RegExp(`^(\\d{1,20})\\.(${file})$`);
const droppedName =
  /^(\d{1,20})\.([0-9A-F]{8}(?:[0-9A-F]{16}(?:\.partial|\.[0-9A-F]{8}\.backup)?|\.history))\.dropped$/;
const unfinishedName = /^\.\d{1,20}\.[0-9A-F.a-z]+\.new$/;
const conflictEnd = ".conflict";

/** An archiver that was killed leaves its unfinished file; it would have been written again long before. */
const unfinishedAge = 3_600_000;

/** Reads the spool. What has another name is no business of ours and stays. The oldest comes first, branches before all. */
export function readSpool(folder: string, now: number): Spool {
  const spool: Spool = { files: [], dropped: [], conflicts: [] };
  for (const entry of namesIn(folder)) {
    const path = join(folder, entry);
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (!found?.isFile()) continue;
    const [, systemId = "", name] = spooledName.exec(entry) ?? [];
    const [, droppedBy = "", dropped] = droppedName.exec(entry) ?? [];
    if (name !== undefined) spool.files.push({ systemId, name, path, bytes: found.size });
    else if (dropped !== undefined) spool.dropped.push({ systemId: droppedBy, file: dropped, path, at: found.mtimeMs });
    else if (entry.endsWith(conflictEnd)) spool.conflicts.push(entry);
    else if (unfinishedName.test(entry) && now - found.mtimeMs > unfinishedAge) rmSync(path, { force: true });
  }
  spool.files.sort(historyFirst);
  return spool;
}

/** Branches of the log before its segments, and those in the order in which they were written. */
export function historyFirst(one: { name: string }, other: { name: string }): number {
  const rank = ({ name }: { name: string }) => (name.includes(".history") ? 0 : 1);
  return rank(one) - rank(other) || (one.name < other.name ? -1 : one.name > other.name ? 1 : 0);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** Key in a store. */
export function walKey(source: string, { systemId, name }: Pick<SpooledFile, "systemId" | "name">): string {
  return `wal/${source}/${systemId}/${name}`;
}

/**
 * Moves what the server has finished into the local store. A file that is there already (the server asks twice after a
 * crash) is compared and let go of; one with another content is put aside and told of, and stops no other.
 */
export async function emptySpool(
  context: Context,
  source: PostgresSource,
  local: SnapshotStore,
  spool: Spool,
): Promise<{ moved: number; conflicts: string[] }> {
  const root = backupsFolder(context.directory);
  const conflicts = [...spool.conflicts];
  let moved = 0;
  for (const spooled of spool.files) {
    context.signal.throwIfAborted();
    const key = walKey(source.name, spooled);
    if ((await local.head(key)) === undefined) {
      await adoptFile(root, key, spooled.path);
      moved += 1;
    } else if (await isSame(context, source, spooled.path, join(root, key))) unlinkSync(spooled.path);
    else {
      renameSync(spooled.path, `${spooled.path}${conflictEnd}`);
      conflicts.push(`${spooled.systemId}.${spooled.name}${conflictEnd}`);
    }
  }
  return { moved, conflicts };
}

/** Equal bytes; or equal content, as another version of zstd writes other bytes for it. */
async function isSame(context: Context, source: PostgresSource, one: string, other: string): Promise<boolean> {
  const [first, second] = [await measure(one), await measure(other)];
  if (first.sha256 === second.sha256) return true;
  if (!one.endsWith(".zst")) return false;
  const { id } = await imageOfService(context, source.service);
  const { exitCode } = await runContainer(context, {
    purpose: `wal-${source.name}`,
    image: id,
    user: source.user,
    entrypoint: ["bash", "-c"],
    command: ["set -o pipefail; zstd -dqc /one | cmp -s - <(zstd -dqc /other)"],
    binds: [
      { source: one, target: "/one", readOnly: true },
      { source: other, target: "/other", readOnly: true },
    ],
  });
  return exitCode === 0;
}

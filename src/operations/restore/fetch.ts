import { createWriteStream, linkSync, mkdirSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { CatalogueEntry } from "../../snapshots/catalogue.ts";
import { snapshotFolder } from "../../snapshots/manifest.ts";
import { plainKey } from "../../snapshots/object-key.ts";
import type { Identities } from "../../snapshots/recipients.ts";
import { openSealed } from "../../snapshots/seal.ts";
import type { SnapshotStore } from "../../snapshots/store.ts";
import { StackError, systemCode } from "../../support/errors.ts";
import { inParallel } from "../../support/parallel.ts";
import { measure } from "../backup/publish.ts";
import { backupsFolder } from "../backup/stores.ts";
import type { Context } from "../context.ts";
import { startPace } from "../progress-pace.ts";

/** Where a snapshot is read from, and with whose keys. */
export interface Origin {
  store: SnapshotStore;
  identities: Identities;
}

/**
 * The parts of a snapshot as plain files in a folder that containers may read, compared with what their producer counted.
 * What the local store holds in plain is read where it lies.
 */
export async function fetchParts(
  context: Pick<Context, "clock" | "directory" | "progress" | "signal">,
  { store, identities }: Origin,
  { manifest }: CatalogueEntry,
  into: string,
): Promise<string> {
  const { clock, directory, progress, signal } = context;
  const folder = snapshotFolder(manifest.source.name, manifest.id);
  if (!store.offHost && manifest.encryption === "none") return join(backupsFolder(directory), folder);
  const target = join(into, manifest.id);
  mkdirSync(target, { recursive: true });
  const whole = manifest.parts.reduce((sum, { stored }) => sum + stored.bytes, 0);
  const pace = startPace(clock, whole);
  let fetched = 0;
  const tell = (bytes: number) => {
    fetched += bytes;
    progress.update(manifest.source.name, "working", `fetching from ${store.name} ${pace.moved(fetched)}`);
  };
  tell(0);
  for (const { name, content, stored } of manifest.parts) {
    const path = join(target, name);
    await fetchObject(store, `${folder}${stored.name}`, path, identities, signal, tell);
    const found = await measure(path);
    if (found.bytes !== content.bytes || found.sha256 !== content.sha256)
      throw damaged(store, `${folder}${stored.name}`);
  }
  return target;
}

/** Fetches one object and decrypts it, by its name, into a file. */
export async function fetchObject(
  store: SnapshotStore,
  key: string,
  path: string,
  identities: Identities,
  signal: AbortSignal,
  onArrived: (bytes: number) => void = () => {},
): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const plain = await openSealed(await store.get(key, undefined, signal), key, identities);
  const counted = async function* (pieces: AsyncIterable<Buffer>) {
    for await (const piece of pieces) {
      onArrived(piece.length);
      yield piece;
    }
  };
  await pipeline(plain, counted, createWriteStream(path, { mode: 0o644 }), { signal });
}

/** Objects beside the folders of snapshots, from whichever store has them; the first one that has a key is asked. */
export function sharedObjects(
  context: Pick<Context, "directory" | "signal">,
  origins: readonly Origin[],
  into: string,
) {
  const { directory, signal } = context;
  const where = new Map<string, { origin: Origin; storedKey: string }>();
  return {
    async list(prefix: string): Promise<{ key: string; bytes: number; modifiedAt: number }[]> {
      const found = new Map<string, { key: string; bytes: number; modifiedAt: number }>();
      for (const origin of origins) {
        for await (const object of origin.store.list(prefix, signal)) {
          const key = plainKey(object.key);
          if (found.has(key)) continue;
          found.set(key, { key, bytes: object.bytes, modifiedAt: object.modifiedAt });
          where.set(key, { origin, storedKey: object.key });
        }
      }
      return [...found.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    },
    async fetch(keys: readonly string[]): Promise<void> {
      await inParallel(keys, fetchedAtOnce, async (key) => {
        const found = where.get(key) ?? (await locate(origins, key));
        const path = join(into, key);
        mkdirSync(dirname(path), { recursive: true });
        if (!found.origin.store.offHost && found.storedKey === key)
          await linkOrCopy(join(backupsFolder(directory), key), path);
        else await fetchObject(found.origin.store, found.storedKey, path, found.origin.identities, signal);
      });
    },
  };
}

/** Objects are small and wait for answers more than for the line. */
const fetchedAtOnce = 8;

async function locate(origins: readonly Origin[], key: string): Promise<{ origin: Origin; storedKey: string }> {
  for (const origin of origins)
    for (const storedKey of [key, `${key}.age`, `${key}.gpg`])
      if ((await origin.store.head(storedKey)) !== undefined) return { origin, storedKey };
  throw new StackError({
    code: "backup-object-missing",
    exit: "backupFailed",
    message: `${key} is in none of ${origins.map(({ store }) => store.name).join(", ")}`,
    hint: "./prod.sh backup verify --all",
  });
}

/** The same file under a second name where the disk is the same: no byte is copied. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    linkSync(from, to);
  } catch (error) {
    if (systemCode(error) === "EEXIST") return;
    await copyFile(from, to);
  }
}

function damaged(store: SnapshotStore, key: string): StackError {
  return new StackError({
    code: "backup-damaged",
    exit: "backupFailed",
    message: `${key} in ${store.name} is not what was stored: its length or hash differs`,
    hint: "./prod.sh backup verify --all shows which snapshots are whole; restore one of those",
  });
}

import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { open, readdir, rename, rm, rmdir, stat, unlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { systemCode } from "../support/errors.ts";
import { syncFolder } from "../support/files.ts";
import type { ByteSource } from "./byte-source.ts";
import { isAbsent, makeFolders, readRange, syncIfThere, writeSynced } from "./local-files.ts";
import { probeFolder } from "./local-probe.ts";
import { checkKey, checkPrefix, compareKeys, topFolders } from "./object-key.ts";
import type { PutOptions, SnapshotStore, StoredObject } from "./store.ts";
import { fileError } from "./store-errors.ts";

/** Unfinished files, in the store's own file system so that the finished one is moved by rename. */
const unfinishedFolder = ".uploads";

/**
 * A folder on this host. Objects are plain files under their keys, so that they can be copied, listed and restored by
 * hand. Only the top folders `snapshots`, `wal` and `objects` are looked at.
 */
export function localStore(folder: string): SnapshotStore {
  const root = resolve(folder);
  const pathOf = (key: string) => {
    checkKey(key);
    return join(root, key);
  };
  return {
    name: "local",
    offHost: false,
    put: (key, source, options) => putFile(root, pathOf(key), source, options),
    get: (key, range, signal) => readRange(pathOf(key), key, range, signal),
    head: (key) => statObject(pathOf(key), key),
    list(prefix, signal) {
      checkPrefix(prefix);
      return listFolder(root, prefix, signal);
    },
    remove: (key) => removeFile(root, pathOf(key), key),
    sweep: (age) => sweepUnfinished(join(root, unfinishedFolder), age),
    probe: () => probeFolder(root, join(root, unfinishedFolder)),
    clockSkew: () => 0,
  };
}

/**
 * Makes a finished file an object by moving it, without a copy. The file is on the disk (fsync) before its new name is.
 * It must be in the store's own file system: a staging folder below the same root.
 */
export async function adoptFile(root: string, key: string, file: string): Promise<{ bytes: number }> {
  checkKey(key);
  const target = resolve(root, key);
  try {
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW);
    let bytes: number;
    try {
      const found = await handle.stat();
      if (!found.isFile()) throw new Error(`${file} is no file`);
      bytes = found.size;
      await handle.sync();
    } finally {
      await handle.close();
    }
    await moveInto(file, target);
    syncFolder(dirname(file));
    return { bytes };
  } catch (error) {
    throw fileError(error, "local", `publish ${key}`);
  }
}

async function putFile(root: string, target: string, source: ByteSource, options: PutOptions = {}) {
  const temporary = join(root, unfinishedFolder, `${process.pid}.${randomBytes(6).toString("hex")}`);
  try {
    await makeFolders(dirname(temporary));
    const sha256 = await writeSynced(temporary, source, options);
    await moveInto(temporary, target);
    return { bytes: source.size, sha256 };
  } catch (error) {
    await rm(temporary, { force: true });
    if (options.signal?.aborted) throw options.signal.reason;
    throw fileError(error, "local", `store ${target.slice(root.length + 1)}`);
  }
}

/** Gives a finished file its place. A removal next to it may take the empty folder away in between; then again. */
async function moveInto(file: string, target: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await makeFolders(dirname(target));
      await rename(file, target);
      break;
    } catch (error) {
      if (systemCode(error) !== "ENOENT" || tries >= 5) throw error;
    }
  }
  syncIfThere(dirname(target));
}

async function statObject(path: string, key: string): Promise<StoredObject | undefined> {
  try {
    const found = await stat(path);
    if (!found.isFile()) return undefined;
    return { key, bytes: found.size, modifiedAt: Math.floor(found.mtimeMs) };
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw fileError(error, "local", `look at ${key}`);
  }
}

/** A folder sorts as its name with a slash: that is where its objects' keys stand. */
async function* listFolder(
  root: string,
  folder: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<StoredObject> {
  signal?.throwIfAborted();
  for (const name of await namesIn(root, folder)) {
    if (name.endsWith("/")) yield* listFolder(root, `${folder}${name}`, signal);
    else {
      const found = await statObject(join(root, folder, name), `${folder}${name}`);
      if (found !== undefined) yield found;
    }
  }
}

/** Names of files, and of folders with a slash, in the order of keys. Links and whatever else is there do not count. */
async function namesIn(root: string, folder: string): Promise<string[]> {
  try {
    const entries = await readdir(join(root, folder), { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() || entry.isFile())
      .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
      .filter((name) => folder !== "" || topFolders.includes(name.slice(0, -1)))
      .sort(compareKeys);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw fileError(error, "local", `list ${folder === "" ? "the folder" : folder}`);
  }
}

async function removeFile(root: string, path: string, key: string): Promise<"removed" | "absent" | "refused"> {
  try {
    await unlink(path);
  } catch (error) {
    if (isAbsent(error) || systemCode(error) === "EISDIR") return "absent";
    // EPERM is also what a file answers that the user made immutable.
    if (["EACCES", "EPERM", "EROFS"].includes(systemCode(error) ?? "")) return "refused";
    throw fileError(error, "local", `remove ${key}`);
  }
  syncIfThere(dirname(path));
  await removeEmptyFolders(dirname(path), join(root, key.split("/")[0] ?? ""));
  return "removed";
}

async function removeEmptyFolders(folder: string, end: string): Promise<void> {
  for (let empty = folder; empty.length > end.length; empty = dirname(empty)) {
    try {
      await rmdir(empty);
    } catch {
      // Not empty, or a write next to it was faster: both are fine.
      return;
    }
  }
}

async function sweepUnfinished(folder: string, age: number): Promise<number> {
  const before = Date.now() - age;
  let swept = 0;
  const names = await readdir(folder).catch((error) => {
    if (isAbsent(error)) return [];
    throw fileError(error, "local", "clear unfinished files");
  });
  for (const name of names) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found === undefined || !found.isFile() || found.mtimeMs > before) continue;
    await rm(path, { force: true });
    swept += 1;
  }
  return swept;
}

import { createHash } from "node:crypto";
import { readdirSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import type { CatalogueEntry } from "../../snapshots/catalogue.ts";
import { nameOf } from "../../snapshots/retention-chains.ts";
import type { SnapshotStore } from "../../snapshots/store.ts";
import { systemCode } from "../../support/errors.ts";
import { writeFileAtomic } from "../../support/files.ts";
import { backupStateFolder } from "./stores.ts";

const unpack = promisify(gunzip);

/**
 * Keys of the shared objects that a snapshot needs, without the endings of encryption; undefined where its list cannot be
 * read on this host, or is not the one that its manifest names: then nobody may say that an object is not needed. A
 * list that was read is remembered, because at a destination it is encrypted, and this host does not have the key.
 */
export async function referencesOf(
  directory: string,
  entry: CatalogueEntry,
  stores: readonly SnapshotStore[],
): Promise<ReadonlySet<string> | undefined> {
  const { objectsPart, parts } = entry.manifest;
  const part = parts.find(({ name }) => name === objectsPart);
  if (part === undefined) return undefined;
  const isRight = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex") === part.content.sha256;
  const path = join(folderIn(directory), fileOf(nameOf(entry)));
  const remembered = await readIfThere(path);
  if (remembered !== undefined && isRight(remembered)) return keysOf(remembered);
  for (const store of stores) {
    const found = await readPlain(store, entry, part.name);
    if (found === undefined || !isRight(found)) continue;
    writeFileAtomic(path, found, 0o600);
    return keysOf(found);
  }
  return undefined;
}

/** Forgets the lists of snapshots that are in no store any more. */
export function forgetReferences(directory: string, present: ReadonlySet<string>): void {
  const wanted = new Set([...present].map(fileOf));
  for (const name of listIfThere(folderIn(directory)))
    if (!wanted.has(name)) rmSync(join(folderIn(directory), name), { force: true });
}

function folderIn(directory: string): string {
  return join(backupStateFolder(directory), "references");
}

function fileOf(name: string): string {
  return `${name.replace("/", "_")}.gz`;
}

async function keysOf(list: Buffer): Promise<ReadonlySet<string> | undefined> {
  try {
    const text = (await unpack(list)).toString("utf8");
    return new Set(text.split("\n").filter((key) => key !== ""));
  } catch {
    return undefined;
  }
}

async function readPlain(store: SnapshotStore, entry: CatalogueEntry, name: string): Promise<Buffer | undefined> {
  try {
    const pieces: Buffer[] = [];
    const key = `${entry.key.slice(0, entry.key.lastIndexOf("/") + 1)}${name}`;
    if ((await store.head(key)) === undefined) return undefined;
    for await (const piece of await store.get(key)) pieces.push(piece as Buffer);
    return Buffer.concat(pieces);
  } catch {
    return undefined;
  }
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

function listIfThere(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
}

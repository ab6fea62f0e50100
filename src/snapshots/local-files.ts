import { createHash } from "node:crypto";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { systemCode } from "../support/errors.ts";
import { syncFolder } from "../support/files.ts";
import type { ByteSource } from "./byte-source.ts";
import type { PutOptions } from "./store.ts";
import { fileError, storeError } from "./store-errors.ts";

/** Read and written at once, bytes. */
const pieceSize = 1024 ** 2;

/** Copies a source to a new file and sees that all of it is on the disk; gives its hash. */
export async function writeSynced(
  path: string,
  source: ByteSource,
  { signal, onProgress }: PutOptions,
): Promise<string> {
  const hash = createHash("sha256");
  const file = await open(path, "wx", 0o600);
  try {
    for (let offset = 0; offset < source.size; ) {
      signal?.throwIfAborted();
      const piece = await source.read(offset, Math.min(pieceSize, source.size - offset));
      hash.update(piece);
      await writeAll(file, piece);
      offset += piece.length;
      onProgress?.(offset);
    }
    await file.sync();
    const { size } = await file.stat();
    if (size !== source.size) throw new Error(`${path} has ${size} bytes instead of ${source.size}`);
  } finally {
    await file.close();
  }
  signal?.throwIfAborted();
  return hash.digest("hex");
}

async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let done = 0; done < bytes.length; ) done += (await file.write(bytes, done)).bytesWritten;
}

/** Makes a folder and those above it, and makes their names durable. */
export async function makeFolders(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) syncIfThere(dirname(made));
}

/** Removals beside each other take the folder away that both have emptied. */
export function syncIfThere(folder: string): void {
  try {
    syncFolder(folder);
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}

/** A file, or a part of it, as a stream. Rejects where it is shorter than that. */
export async function readRange(
  path: string,
  key: string,
  range: { offset: number; length: number } | undefined,
  signal: AbortSignal | undefined,
): Promise<Readable> {
  signal?.throwIfAborted();
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    const found = await file.stat();
    if (!found.isFile()) throw Object.assign(new Error(`${path} is no file`), { code: "ENOENT" });
    const { size } = found;
    const { offset, length } = range ?? { offset: 0, length: size };
    if (offset + length > size) {
      throw storeError(
        "store-damaged",
        `destination local: ${key} has ${size} bytes, ${offset + length} were asked for`,
      );
    }
    return streamOf(file, key, offset, length, signal);
  } catch (error) {
    await file?.close();
    throw fileError(error, "local", `read ${key}`);
  }
}

/** Closes the file whenever it ends, also where nobody reads it. */
function streamOf(file: FileHandle, key: string, offset: number, length: number, signal?: AbortSignal): Readable {
  let done = 0;
  const readNext = async (): Promise<Buffer | null> => {
    const wanted = Math.min(pieceSize, length - done);
    if (wanted === 0) return null;
    signal?.throwIfAborted();
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(wanted), 0, wanted, offset + done);
    if (bytesRead === 0)
      throw storeError("store-damaged", `destination local: ${key} became shorter while it was read`);
    done += bytesRead;
    return buffer.subarray(0, bytesRead);
  };
  return new Readable({
    highWaterMark: pieceSize,
    read() {
      readNext().then(
        (piece) => this.push(piece),
        (error) => this.destroy(error),
      );
    },
    destroy(error, ended) {
      file.close().then(() => ended(error), ended);
    },
  });
}

/** There is no such file or folder, or something above it is no folder. */
export function isAbsent(error: unknown): boolean {
  return systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR";
}

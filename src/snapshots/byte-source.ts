import { type FileHandle, open } from "node:fs/promises";

/**
 * Bytes of known length that can be read in any order and more than once, the same each time: what an upload needs to
 * send a part again, or to go on after a crash. Nothing is held in memory beyond what was asked for.
 */
export interface ByteSource {
  /** Bytes. */
  readonly size: number;
  /**
   * Exactly `length` bytes from `offset`; rejects where there are fewer. Where `memory` is given, at least that long, the
   * bytes may lie in it: they are good until it is given to somebody else.
   */
  read(offset: number, length: number, memory?: Buffer): Promise<Buffer>;
  close(): Promise<void>;
}

/** A small content that is in memory already. */
export function bytesOf(content: string | Uint8Array): ByteSource {
  const bytes = Buffer.from(content as Uint8Array);
  return {
    size: bytes.length,
    async read(offset, length) {
      if (offset + length > bytes.length) throw new Error(`read beyond the end: ${offset + length} of ${bytes.length}`);
      return bytes.subarray(offset, offset + length);
    },
    async close() {},
  };
}

/** The content of a file, which must not change while it is read: a file that got shorter is an error. */
export async function openFile(path: string): Promise<ByteSource> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    return { size, read: readFully.bind(undefined, file, path), close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Bytes that are read at once where all of a source passes through: little memory, and the processor's cache holds it. */
export const pieceSize = 256 * 1024;

/** All of a stretch of a source, a piece at a time in one memory: each is good until the next is asked for. */
export async function* piecesOf(
  source: ByteSource,
  { offset, length }: { offset: number; length: number },
  memory: Buffer = Buffer.allocUnsafeSlow(pieceSize),
): AsyncGenerator<Buffer> {
  for (let done = 0; done < length; ) {
    const piece = await source.read(offset + done, Math.min(memory.length, length - done), memory);
    yield piece;
    done += piece.length;
  }
}

async function readFully(
  file: FileHandle,
  path: string,
  offset: number,
  length: number,
  memory?: Buffer,
): Promise<Buffer> {
  const bytes = memory?.subarray(0, length) ?? Buffer.allocUnsafe(length);
  for (let filled = 0; filled < length; ) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled);
    if (bytesRead === 0) throw new Error(`${path} became shorter while it was read`);
    filled += bytesRead;
  }
  return bytes;
}

import { type FileHandle, open } from "node:fs/promises";

/**
 * Bytes of known length that can be read in any order and more than once, the same each time: what an upload needs to
 * send a part again, or to go on after a crash. Nothing is held in memory beyond what was asked for.
 */
export interface ByteSource {
  /** Bytes. */
  readonly size: number;
  /** Exactly `length` bytes from `offset`; rejects where there are fewer. */
  read(offset: number, length: number): Promise<Buffer>;
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
    return { size, read: (offset, length) => readFully(file, path, offset, length), close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readFully(file: FileHandle, path: string, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  for (let filled = 0; filled < length; ) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled);
    if (bytesRead === 0) throw new Error(`${path} became shorter while it was read`);
    filled += bytesRead;
  }
  return bytes;
}

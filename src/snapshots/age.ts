import { type FileHandle, open } from "node:fs/promises";
import {
  chunkBytes,
  chunkCount,
  payloadKey,
  payloadNonceBytes,
  sealChunk,
  sealedChunkBytes,
  tagBytes,
} from "./age-payload.ts";
import type { ByteSource } from "./byte-source.ts";

/** What an age file consists of besides the content. */
export interface AgeSecrets {
  header: Buffer;
  /** Secret. */
  fileKey: Buffer;
  nonce: Buffer;
}

/** Chunks that are read from the disk at once: 1 MiB, few enough to leave the event loop free between two. */
const chunksAtOnce = 16;
/** Sealed chunks kept because a read ended inside them: one for each part that an upload has under way. */
const keptChunks = 8;

/**
 * The age file of a plain file, of which any range is made when it is asked for; nothing is stored. The same secrets and
 * the same content give the same bytes. Reads may overlap in time. The plain file must not change meanwhile.
 */
export async function openAgeFile(path: string, secrets: AgeSecrets): Promise<ByteSource> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    return ageSource(file, path, size, secrets);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Gives the content of chunks `first` to `end - 1`, some at a time. The next are read while the caller seals these. */
function contentReader(file: FileHandle, path: string, contentBytes: number) {
  const spare: Buffer[] = [];

  async function readContent(first: number, count: number, buffer: Buffer): Promise<Buffer> {
    const offset = first * chunkBytes;
    const length = Math.min(count * chunkBytes, contentBytes - offset);
    for (let filled = 0; filled < length; ) {
      const { bytesRead } = await file.read(buffer, filled, length - filled, offset + filled);
      if (bytesRead === 0) throw new Error(`${path} became shorter while it was read`);
      filled += bytesRead;
    }
    return buffer.subarray(0, length);
  }

  return async function* contents(first: number, end: number): AsyncGenerator<{ index: number; content: Buffer }> {
    const start = (index: number) => {
      const buffer = spare.pop() ?? Buffer.allocUnsafeSlow(chunksAtOnce * chunkBytes);
      const content = readContent(index, Math.min(chunksAtOnce, end - index), buffer);
      // Where it fails that is seen when its turn comes.
      content.catch(() => undefined);
      return { index, buffer, content };
    };
    let next = first < end ? start(first) : undefined;
    while (next !== undefined) {
      const { index, buffer, content }: ReturnType<typeof start> = next;
      const bytes = await content;
      next = index + chunksAtOnce < end ? start(index + chunksAtOnce) : undefined;
      yield { index, content: bytes };
      spare.push(buffer);
    }
  };
}

function ageSource(file: FileHandle, path: string, contentBytes: number, secrets: AgeSecrets): ByteSource {
  const start = Buffer.concat([secrets.header, secrets.nonce]);
  if (secrets.nonce.length !== payloadNonceBytes) throw new Error("an age payload nonce has 16 bytes");
  const key = payloadKey(secrets.fileKey, secrets.nonce);
  const chunks = chunkCount(contentBytes);
  const size = start.length + contentBytes + chunks * tagBytes;
  const kept = new Map<number, Buffer>();
  const contents = contentReader(file, path, contentBytes);

  /** Memory for one more kept chunk: that of the oldest, once there are enough of them. */
  function memoryToKeep(bytes: number): Buffer {
    const [oldest] = kept;
    if (kept.size < keptChunks || oldest === undefined)
      return Buffer.allocUnsafeSlow(sealedChunkBytes).subarray(0, bytes);
    const [index, { buffer }] = oldest;
    kept.delete(index);
    return Buffer.from(buffer, 0, bytes);
  }

  /** Copies what `target`, whose first byte is at `offset` of the chunks, wants of a chunk. */
  function copyPart(index: number, sealed: Buffer, target: Buffer, offset: number): void {
    const from = Math.max(0, offset - index * sealedChunkBytes);
    sealed.copy(target, index * sealedChunkBytes + from - offset, from);
  }

  function copyKept(index: number, target: Buffer, offset: number): boolean {
    const sealed = kept.get(index);
    if (sealed !== undefined) copyPart(index, sealed, target, offset);
    return sealed !== undefined;
  }

  function sealInto(target: Buffer, offset: number, index: number, content: Buffer): void {
    const at = index * sealedChunkBytes - offset;
    const last = index === chunks - 1;
    const bytes = content.length + tagBytes;
    if (at >= 0 && at + bytes <= target.length) {
      sealChunk(key, index, last, content, target, at);
      return;
    }
    const sealed = memoryToKeep(bytes);
    sealChunk(key, index, last, content, sealed, 0);
    copyPart(index, sealed, target, offset);
    kept.set(index, sealed);
  }

  /** Fills `target` with the sealed chunks from `offset`, counted from the first chunk's start. */
  async function fill(target: Buffer, offset: number): Promise<void> {
    let first = Math.floor(offset / sealedChunkBytes);
    let end = Math.floor((offset + target.length - 1) / sealedChunkBytes) + 1;
    if (copyKept(first, target, offset)) first += 1;
    if (end > first && copyKept(end - 1, target, offset)) end -= 1;
    for await (const { index, content } of contents(first, end)) {
      sealInto(target, offset, index, content.subarray(0, chunkBytes));
      for (let at = chunkBytes; at < content.length; at += chunkBytes) {
        sealInto(target, offset, index + at / chunkBytes, content.subarray(at, at + chunkBytes));
      }
    }
  }

  return {
    size,
    async read(offset, length, memory) {
      if (offset + length > size) throw new Error(`read beyond the end: ${offset + length} of ${size}`);
      const bytes = memory?.subarray(0, length) ?? Buffer.allocUnsafe(length);
      const copied = offset < start.length ? start.copy(bytes, 0, offset) : 0;
      if (copied < length) await fill(bytes.subarray(copied), offset + copied - start.length);
      return bytes;
    },
    close: () => file.close(),
  };
}

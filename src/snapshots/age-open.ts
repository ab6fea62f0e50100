import { Readable } from "node:stream";
import { damaged, headerLength, longestHeader, openHeader } from "./age-header.ts";
import { openChunk, payloadKey, payloadNonceBytes, sealedChunkBytes, tagBytes } from "./age-payload.ts";

/**
 * The content of an age file. Rejects before the first byte where the header is damaged or no identity fits; the stream
 * fails with `backup-damaged` at the first chunk that is not what was written, and at a file that is cut short or has
 * bytes after its end. Chunks before that one have been passed on by then: what came is true but not whole.
 */
export async function openAgeStream(source: Readable, name: string, identities: readonly string[]): Promise<Readable> {
  try {
    const pieces = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    const { header, rest } = await readHeader(pieces, name);
    const fileKey = await openHeader(header, name, identities);
    const content = Readable.from(openPayload(pieces, rest, name, fileKey), { objectMode: false });
    // A generator that was never started does not run its end.
    return content.once("close", () => source.destroy());
  } catch (error) {
    source.destroy();
    throw error;
  }
}

async function readHeader(pieces: AsyncIterator<Buffer>, name: string): Promise<{ header: Buffer; rest: Buffer }> {
  let start: Buffer = Buffer.alloc(0);
  for (;;) {
    if (!looksLikeAge(start)) throw damaged(name, notAge(start));
    const length = headerLength(start);
    if (length !== undefined) return { header: start.subarray(0, length), rest: start.subarray(length) };
    if (start.length > longestHeader) throw damaged(name, "its header has no end");
    const next = await pieces.next();
    if (next.done === true) throw damaged(name, start.length === 0 ? "it is empty" : "it is cut short in its header");
    start = Buffer.concat([start, next.value]);
  }
}

const firstLine = Buffer.from("age-encryption.org/v1\n");

function looksLikeAge(start: Buffer): boolean {
  const length = Math.min(start.length, firstLine.length);
  return start.subarray(0, length).equals(firstLine.subarray(0, length));
}

function notAge(start: Buffer): string {
  return start.subarray(0, 14).equals(Buffer.from("-----BEGIN AGE"))
    ? "it is age's text form (age --armor), not its binary form"
    : "it is not an age file";
}

async function* openPayload(
  pieces: AsyncIterator<Buffer>,
  start: Buffer,
  name: string,
  fileKey: Buffer,
): AsyncGenerator<Buffer, void, undefined> {
  let piece: Buffer | undefined = start;
  while (piece.length < payloadNonceBytes) {
    const more = await nextPiece(pieces);
    if (more === undefined) throw damaged(name, "it is cut short");
    piece = Buffer.concat([piece, more]);
  }
  const key = payloadKey(fileKey, piece.subarray(0, payloadNonceBytes));
  const chunks = chunkReader(key, name);
  piece = piece.subarray(payloadNonceBytes);
  while (piece !== undefined) {
    const content = chunks.add(piece);
    if (content.length > 0) yield content;
    piece = await nextPiece(pieces);
  }
  const content = chunks.end();
  if (content.length > 0) yield content;
}

async function nextPiece(pieces: AsyncIterator<Buffer>): Promise<Buffer | undefined> {
  const next = await pieces.next();
  return next.done === true ? undefined : next.value;
}

/** Takes sealed bytes as they come and gives the content of the chunks that are complete. */
function chunkReader(key: Buffer, name: string) {
  const chunk = Buffer.allocUnsafeSlow(sealedChunkBytes);
  let filled = 0;
  let index = 0;
  return {
    add(piece: Buffer): Buffer {
      const opened: Buffer[] = [];
      for (let at = 0; at < piece.length; ) {
        // A full chunk is opened when a byte follows it: only then it is known not to be the last.
        if (filled === sealedChunkBytes) {
          opened.push(openChunk(key, index, false, chunk) ?? fail(name, key, index, false, chunk));
          index += 1;
          filled = 0;
        }
        const copied = piece.copy(chunk, filled, at);
        filled += copied;
        at += copied;
      }
      return opened.length === 1 ? (opened[0] ?? Buffer.alloc(0)) : Buffer.concat(opened);
    },
    end(): Buffer {
      const last = chunk.subarray(0, filled);
      const content = openChunk(key, index, true, last) ?? fail(name, key, index, true, last);
      // Only an empty file has an empty chunk.
      if (content.length === 0 && index > 0) throw damaged(name, "its last chunk is empty");
      return content;
    },
  };
}

/** Says what is wrong with a chunk that does not open. */
function fail(name: string, key: Buffer, index: number, last: boolean, chunk: Buffer): never {
  if (last && (chunk.length < tagBytes || openChunk(key, index, false, chunk) !== undefined)) {
    throw damaged(name, "it is cut short");
  }
  if (!last && openChunk(key, index, true, chunk) !== undefined) throw damaged(name, "there are bytes after its end");
  throw damaged(name, `its bytes are not those that were written (chunk ${index + 1})`);
}

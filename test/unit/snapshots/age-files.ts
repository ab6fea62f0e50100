import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll } from "vitest";
import { makeIdentity, noIdentities } from "../../../src/snapshots/recipients.ts";
import { ageSealer, openSealed } from "../../../src/snapshots/seal.ts";
import { StackError } from "../../../src/support/errors.ts";

/** Bytes of content in a chunk of an age file, and what a chunk of stored bytes takes. */
export const chunk = 65_536;
export const sealedChunk = chunk + 16;

const folder = mkdtempSync(join(tmpdir(), "age-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A file of random bytes. */
export function plainFile(size: number): { path: string; content: Buffer } {
  const content = randomBytes(size);
  const path = join(folder, `plain-${randomBytes(6).toString("hex")}`);
  writeFileSync(path, content);
  return { path, content };
}

/** A content with all of its age file, and the key that opens it. */
export async function sealed(size: number): Promise<{ content: Buffer; stored: Buffer; identity: string }> {
  const { identity, recipient } = await makeIdentity();
  const { path, content } = plainFile(size);
  return { content, stored: await readAll(path, [recipient]), identity };
}

export async function readAll(path: string, recipients: string[]): Promise<Buffer> {
  const source = await ageSealer(recipients).seal(path);
  try {
    return await source.read(0, source.size);
  } finally {
    await source.close();
  }
}

/** A stream of bytes in pieces of one size, as a network would bring them. */
export function inPieces(bytes: Buffer, size: number): Readable {
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
  return Readable.from(pieces, { objectMode: false });
}

/** What a stored object holds, or the error that says why it cannot be had. */
export async function opened(stored: Buffer | Readable, identities: string[]): Promise<Buffer | StackError> {
  const source = Buffer.isBuffer(stored) ? inPieces(stored, 10_000) : stored;
  const pieces: Buffer[] = [];
  try {
    for await (const piece of await openSealed(source, "base.tar.zst.age", { ...noIdentities, age: identities })) {
      pieces.push(piece as Buffer);
    }
    return Buffer.concat(pieces);
  } catch (error) {
    // Anything else is a bug and fails the test.
    if (error instanceof StackError) return error;
    throw error;
  }
}

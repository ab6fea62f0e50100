import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { bytesOf, openFile, pieceSize, piecesOf } from "../../../src/snapshots/byte-source.ts";

describe("a source of bytes", () => {
  const folder = mkdtempSync(join(tmpdir(), "byte-source-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const content = randomBytes(2 * pieceSize + 17);
  const file = (name: string) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };

  test("a file is read into the memory that is given, and into no more of it than was asked for", async () => {
    const source = await openFile(file("a"));
    const memory = Buffer.alloc(100, "x");
    const bytes = await source.read(5, 60, memory);
    expect(bytes.buffer).toBe(memory.buffer);
    expect(bytes.equals(content.subarray(5, 65))).toBe(true);
    expect(memory.subarray(60).toString()).toBe("x".repeat(40));
    await source.close();
  });

  test("in pieces it is all there, in order, in one memory", async () => {
    const source = await openFile(file("b"));
    for (const from of [source, bytesOf(content)]) {
      const memory = Buffer.alloc(1_000);
      const seen: Buffer[] = [];
      for await (const piece of piecesOf(from, { offset: 3, length: content.length - 5 }, memory)) {
        expect(piece.length).toBeLessThanOrEqual(1_000);
        if (from === source) expect(piece.buffer).toBe(memory.buffer);
        seen.push(Buffer.from(piece));
      }
      expect(Buffer.concat(seen).equals(content.subarray(3, -2))).toBe(true);
    }
    await source.close();
  });

  test("a file that got shorter is an error in pieces as well", async () => {
    const path = file("c");
    const source = await openFile(path);
    truncateSync(path, pieceSize + 1);
    const pieces = piecesOf(source, { offset: 0, length: source.size });
    await pieces.next();
    await expect(pieces.next()).rejects.toThrow("became shorter");
    await source.close();
  });
});

import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { demultiplexer, lineJoiner, type OutputPiece, type OutputStream } from "../../../src/engine/streams.ts";

function frame(stream: OutputStream, bytes: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(stream === "stdout" ? 1 : 2, 0);
  header.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
}

/** Cuts bytes at the given places, wherever those fall. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  const edges = [0, ...sorted, bytes.length];
  return edges.slice(1).map((end, index) => bytes.subarray(edges[index], end));
}

async function demultiplexed(chunks: readonly Buffer[]): Promise<OutputPiece[]> {
  const found: OutputPiece[] = [];
  await pipeline(Readable.from(chunks), demultiplexer(), async (pieces: AsyncIterable<OutputPiece>) => {
    for await (const piece of pieces) found.push(piece);
  });
  return found;
}

const textLine = fc.string({ unit: "grapheme", maxLength: 30 }).map((text) => text.replace(/[\r\n]/g, "·"));
const place = fc.nat({ max: 100_000 });

test("lines come out as they went in, wherever frames, chunks and characters are cut", async () => {
  const lines = fc.array(fc.record({ stream: fc.constantFrom<OutputStream>("stdout", "stderr"), text: textLine }));
  const property = fc.asyncProperty(lines, fc.array(place), fc.array(place), async (input, frameCuts, chunkCuts) => {
    // A frame may hold part of a line, and end inside a character.
    const frames = input.flatMap(({ stream, text }) =>
      cut(Buffer.from(`${text}\n`), frameCuts).map((bytes) => frame(stream, bytes)),
    );
    const seen: Record<OutputStream, string[]> = { stdout: [], stderr: [] };
    const joiner = lineJoiner((line, stream) => seen[stream].push(line));
    for (const piece of await demultiplexed(cut(Buffer.concat(frames), chunkCuts))) joiner.add(piece);
    joiner.end();
    for (const stream of ["stdout", "stderr"] as const) {
      expect(seen[stream]).toEqual(input.filter((line) => line.stream === stream).map(({ text }) => text));
    }
  });
  await fc.assert(property, { numRuns: 300 });
});

test("a long frame is passed on piece by piece", async () => {
  const whole = frame("stdout", Buffer.alloc(1_000_000, "x"));
  const pieces = await demultiplexed([whole.subarray(0, 500_000), whole.subarray(500_000)]);
  expect(pieces.map(({ bytes }) => bytes.length)).toEqual([499_992, 500_008]);
});

test("a slow reader holds up the source", async () => {
  let given = 0;
  const source = new Readable({
    read() {
      given += 1;
      this.push(given > 2_000 ? null : frame("stdout", Buffer.alloc(10_000)));
    },
  });
  const stream = source.pipe(demultiplexer());
  await new Promise((resolve) => stream.once("readable", resolve));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(given).toBeLessThan(200);
  stream.destroy();
});

test("an output that ends inside a frame is an error, not an end", async () => {
  await expect(demultiplexed([frame("stdout", Buffer.from("hello")).subarray(0, 10)])).rejects.toThrow(
    "ended in the middle of a frame",
  );
});

test("an output that is not multiplexed is refused", async () => {
  await expect(demultiplexed([Buffer.from("plain text that is long enough")])).rejects.toThrow("not multiplexed");
});

test("a line that never ends is handed over in parts", () => {
  const seen: number[] = [];
  const joiner = lineJoiner((line) => seen.push(line.length), 1_000);
  for (let count = 0; count < 5; count += 1) joiner.add({ stream: "stdout", bytes: Buffer.alloc(600, "x") });
  joiner.end();
  expect(seen).toEqual([1_200, 1_200, 600]);
});

test("the return of a line end from a terminal is not part of the line", () => {
  const seen: string[] = [];
  const joiner = lineJoiner((line) => seen.push(line));
  joiner.add({ stream: "stdout", bytes: Buffer.from("one\r\ntwo\r") });
  joiner.add({ stream: "stdout", bytes: Buffer.from("\nthree") });
  joiner.end();
  expect(seen).toEqual(["one", "two", "three"]);
});

import { Readable } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { makeIdentity, noIdentities } from "../../../src/snapshots/recipients.ts";
import { ageSealer, openSealed } from "../../../src/snapshots/seal.ts";
import { StackError } from "../../../src/support/errors.ts";
import { chunk, inPieces, opened, plainFile, readAll, sealed, sealedChunk } from "./age-files.ts";

const damaged = { code: "backup-damaged", exit: "backupFailed" };

/** Where the chunks begin in a stored object. */
function payloadStart(stored: Buffer): number {
  return stored.indexOf("\n", stored.indexOf("\n---") + 1) + 1 + 16;
}

describe("an age file is opened", () => {
  test.each([1, 100, 4_096, sealedChunk - 1, sealedChunk, sealedChunk + 1, 1_000_000])(
    "in pieces of %i bytes",
    async (size) => {
      const { content, stored, identity } = await sealed(size < 100 ? 300 : 5 * chunk + 17);
      expect(content.equals((await opened(inPieces(stored, size), [identity])) as Buffer)).toBe(true);
    },
  );

  test("by each of its recipients, and by the right key among others", async () => {
    const [anna, bert, carl] = [await makeIdentity(), await makeIdentity(), await makeIdentity()];
    const { path, content } = plainFile(100);
    const stored = await readAll(path, [anna.recipient, bert.recipient]);
    expect(await opened(stored, [anna.identity])).toEqual(content);
    expect(await opened(stored, [bert.identity])).toEqual(content);
    expect(await opened(stored, [carl.identity, bert.identity])).toEqual(content);
  });

  test("not by another key: the error names the keys that were given and for how many it was made", async () => {
    const [anna, bert] = [await makeIdentity(), await makeIdentity()];
    const stored = await readAll(plainFile(100).path, [anna.recipient, anna.recipient]);
    const error = (await opened(stored, [bert.identity])) as StackError;
    expect(error).toMatchObject({
      code: "backup-key-wrong",
      exit: "secret",
      message: "None of the private keys that were given opens base.tar.zst.age",
      details: ["encrypted for: 2 age keys", `given: the key of ${bert.recipient}`],
    });
    expect(error.hint).toContain("--key FILE");
    expect(await opened(stored, [])).toMatchObject({
      code: "backup-key-wrong",
      message: "base.tar.zst.age is encrypted and no private key was given",
    });
  });

  test("every flipped byte is noticed", async () => {
    const { stored, identity } = await sealed(40);
    for (let index = 0; index < stored.length; index += 1) {
      const flipped = Buffer.from(stored);
      flipped[index] = (stored[index] ?? 0) ^ (1 << (index % 8));
      const outcome = await opened(flipped, [identity]);
      if (!(outcome instanceof StackError)) throw new Error(`byte ${index} was flipped and nobody noticed`);
    }
  });

  test("a change in the header is told as such", async () => {
    const { stored, identity } = await sealed(40);
    const message = "base.tar.zst.age cannot be decrypted: its header is not what was written";
    for (const change of [(line: string) => line.toLowerCase(), (line: string) => `${line}=`]) {
      const text = stored.toString("latin1").replace(/(?<=\n--- )[^\n]+/, change);
      expect(await opened(Buffer.from(text, "latin1"), [identity])).toMatchObject({ ...damaged, message });
    }
  });

  test("a flipped bit in a late chunk is noticed, after the chunks before it came through", async () => {
    const { stored, content, identity } = await sealed(6 * chunk);
    const at = payloadStart(stored) + 4 * sealedChunk + 5;
    stored[at] = (stored[at] ?? 0) ^ 1;
    const stream = await openSealed(inPieces(stored, 65_536), "a.age", { ...noIdentities, age: [identity] });
    const came: Buffer[] = [];
    await expect(
      (async () => {
        for await (const piece of stream) came.push(piece as Buffer);
      })(),
    ).rejects.toMatchObject({ ...damaged, message: expect.stringContaining("chunk 5") });
    expect(Buffer.concat(came).equals(content.subarray(0, Buffer.concat(came).length))).toBe(true);
  });

  test("cut at every edge of a chunk, and a byte to both sides of it", async () => {
    const { stored, identity } = await sealed(3 * chunk);
    const start = payloadStart(stored);
    const edges = [0, 1, 2, 3].map((index) => start + index * sealedChunk);
    const cuts = [0, 10, start - 17, start - 16, start - 1, ...edges.flatMap((edge) => [edge - 1, edge, edge + 1])];
    for (const cut of cuts.filter((length) => length < stored.length)) {
      expect([cut, await opened(stored.subarray(0, cut), [identity])]).toMatchObject([cut, damaged]);
    }
    for (const cut of [start - 1, start + sealedChunk, start + sealedChunk + 1]) {
      expect(await opened(stored.subarray(0, cut), [identity])).toMatchObject({
        message: "base.tar.zst.age cannot be decrypted: it is cut short",
      });
    }
  });

  test("with bytes after its end, with chunks swapped, and with an empty last chunk", async () => {
    const { stored, identity } = await sealed(3 * chunk);
    const start = payloadStart(stored);
    const at = (index: number) => stored.subarray(start + index * sealedChunk, start + (index + 1) * sealedChunk);
    const longer = Buffer.concat([stored, Buffer.from("x")]);
    const swapped = Buffer.concat([stored.subarray(0, start), at(1), at(0), at(2)]);
    expect(await opened(longer, [identity])).toMatchObject({
      ...damaged,
      message: "base.tar.zst.age cannot be decrypted: there are bytes after its end",
    });
    expect(await opened(swapped, [identity])).toMatchObject(damaged);
    expect(await opened(await withEmptyLastChunk(identity), [identity])).toMatchObject({
      ...damaged,
      message: "base.tar.zst.age cannot be decrypted: its last chunk is empty",
    });
  });

  test.each([
    ["nothing", Buffer.alloc(0), "it is empty"],
    ["text", Buffer.from("once upon a time"), "it is not an age file"],
    ["the armoured form", Buffer.from("-----BEGIN AGE ENCRYPTED FILE-----\n"), "it is age's text form (age --armor)"],
    ["a header without end", Buffer.from(`age-encryption.org/v1\n${"-> a b\n\n".repeat(40_000)}`), "no end"],
    ["a header alone", Buffer.from("age-encryption.org/v1\n-> X25519 abc\n"), "cut short in its header"],
  ])("%s is no age file", async (_, bytes, detail) => {
    expect(await opened(bytes, ["AGE-SECRET-KEY-1"])).toMatchObject({
      ...damaged,
      message: expect.stringContaining(detail),
    });
  });

  test("no header makes it hang or crash", async () => {
    const { stored, content, identity } = await sealed(20);
    const length = payloadStart(stored) - 16;
    const edit = fc.record({
      at: fc.nat(length),
      remove: fc.nat(20),
      insert: fc.oneof(
        fc.constantFrom("\n", "-> ", "-> X25519 \n", "---", "\n--- ", "\r\n", " ", "=", "-> scrypt AAAA 40\n\n"),
        fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async (edits) => {
        let text = stored.toString("latin1");
        for (const { at, remove, insert } of edits) text = text.slice(0, at) + insert + text.slice(at + remove);
        const outcome = await opened(Buffer.from(text, "latin1"), [identity]);
        if (outcome instanceof StackError) return ["backup-damaged", "backup-key-wrong"].includes(outcome.code);
        // Edits that came to nothing.
        return outcome.equals(content) && text === stored.toString("latin1");
      }),
      { numRuns: 400 },
    );
  });

  test("the reader sets the pace: little more is taken from the source than was read", async () => {
    const { stored, identity } = await sealed(200 * chunk);
    let taken = 0;
    const source = Readable.from(
      (function* () {
        for (let at = 0; at < stored.length; at += 16_384) {
          taken += 16_384;
          yield stored.subarray(at, at + 16_384);
        }
      })(),
      { objectMode: false },
    );
    let read = 0;
    let ahead = 0;
    for await (const piece of await openSealed(source, "a.age", { ...noIdentities, age: [identity] })) {
      read += (piece as Buffer).length;
      // Lets everything that can run ahead do so.
      await new Promise((resolve) => setImmediate(resolve));
      ahead = Math.max(ahead, taken - read);
    }
    expect(read).toBe(200 * chunk);
    expect(ahead).toBeLessThan(8 * chunk);
  });

  test("a reader that stops closes the source; a source that fails is told", async () => {
    const { stored, identity } = await sealed(50 * chunk);
    const keys = { ...noIdentities, age: [identity] };
    const source = inPieces(stored, 16_384);
    const stream = await openSealed(source, "a.age", keys);
    stream.destroy();
    await new Promise((resolve) => source.once("close", resolve));
    const failing = Readable.from(
      (async function* () {
        yield stored.subarray(0, 100_000);
        throw new Error("connection reset");
      })(),
      { objectMode: false },
    );
    await expect((await openSealed(failing, "a.age", keys)).toArray()).rejects.toThrow("connection reset");
    const wrong = inPieces(stored, 16_384);
    await expect(openSealed(wrong, "a.age", noIdentities)).rejects.toThrow("no private key");
    expect(wrong.destroyed).toBe(true);
  });

  test("what has another name is passed on as it is", async () => {
    const bytes = Buffer.from("plain");
    const stream = await openSealed(Readable.from([bytes], { objectMode: false }), "base.tar.zst", noIdentities);
    expect(Buffer.concat(await stream.toArray())).toEqual(bytes);
  });
});

/** A file whose content fills its chunks and that ends in one more, empty: forbidden by the format. */
async function withEmptyLastChunk(identity: string): Promise<Buffer> {
  const { sealChunk, payloadKey } = await import("../../../src/snapshots/age-payload.ts");
  const { recipientOf } = await import("../../../src/snapshots/recipients.ts");
  const { path, content } = plainFile(chunk);
  const source = await ageSealer([await recipientOf(identity)]).seal(path);
  await source.close();
  if (source.state.encryption !== "age") throw new Error("not age");
  const [header, fileKey, nonce] = [source.state.header, source.state.fileKey, source.state.nonce].map((text) =>
    Buffer.from(text, "base64"),
  ) as [Buffer, Buffer, Buffer];
  const key = payloadKey(fileKey, nonce);
  const chunks = Buffer.alloc(sealedChunk + 16);
  sealChunk(key, 0, false, content, chunks, 0);
  sealChunk(key, 1, true, Buffer.alloc(0), chunks, sealedChunk);
  return Buffer.concat([header, nonce, chunks]);
}

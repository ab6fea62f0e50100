import { appendFileSync, truncateSync, utimesSync } from "node:fs";
import { Decrypter } from "age-encryption";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { makeIdentity } from "../../../src/snapshots/recipients.ts";
import { ageSealer, noSealer } from "../../../src/snapshots/seal.ts";
import { chunk, plainFile, readAll, sealed, sealedChunk } from "./age-files.ts";

describe("a file is sealed with age", () => {
  test.each([0, 1, chunk - 1, chunk, chunk + 1, 3 * chunk])("%i bytes open with the age library", async (size) => {
    const { content, stored, identity } = await sealed(size);
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity);
    expect(Buffer.from(await decrypter.decrypt(stored)).equals(content)).toBe(true);
  });

  test("any range is that of the whole, also several at a time", async () => {
    const { recipient } = await makeIdentity();
    const source = await ageSealer([recipient]).seal(plainFile(40 * chunk + 1_234).path);
    const whole = await source.read(0, source.size);
    const range = fc.tuple(fc.nat(source.size), fc.nat(source.size)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)]);
    const nearEdges = fc
      .tuple(fc.nat(40), fc.integer({ min: -300, max: 300 }), fc.nat(3 * chunk))
      .map(([index, shift, length]) => {
        const from = Math.max(0, index * sealedChunk + shift);
        return [from, Math.min(source.size, from + length)];
      });
    // Two of the four read into memory that still holds what was there before.
    const memories = [Buffer.alloc(source.size), undefined, Buffer.alloc(source.size), undefined];
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(range, nearEdges), { minLength: 1, maxLength: 4 }), async (ranges) => {
        const read = ([from = 0, to = 0]: number[], place: number) => source.read(from, to - from, memories[place]);
        const slices = await Promise.all(ranges.map(read));
        for (const [index, [from, to]] of ranges.entries()) {
          if (slices[index]?.equals(whole.subarray(from, to)) !== true) throw new Error(`${from} to ${to} differs`);
        }
      }),
      { numRuns: 100 },
    );
    await source.close();
  });

  test("reading beyond the end is an error", async () => {
    const { recipient } = await makeIdentity();
    const source = await ageSealer([recipient]).seal(plainFile(10).path);
    await expect(source.read(0, source.size + 1)).rejects.toThrow("beyond the end");
    await source.close();
  });

  test("the same state gives the same bytes, and opens after it went through JSON", async () => {
    const sealer = ageSealer([(await makeIdentity()).recipient, (await makeIdentity()).recipient]);
    const { path } = plainFile(2 * chunk + 7);
    const first = await sealer.seal(path);
    const before = await first.read(0, first.size);
    await first.close();
    const again = await sealer.seal(path, JSON.parse(JSON.stringify(first.state)));
    expect((await again.read(0, again.size)).equals(before)).toBe(true);
    await again.close();
  });

  test("each sealing has its own key and nonce", async () => {
    const sealer = ageSealer([(await makeIdentity()).recipient]);
    const { path } = plainFile(100);
    const seen = new Set<string>();
    for (let time = 0; time < 20; time += 1) {
      const source = await sealer.seal(path);
      if (source.state.encryption !== "age") throw new Error("not age");
      seen.add(source.state.fileKey).add(source.state.nonce).add(source.state.header);
      // What opens the file must not stand in it.
      const stored = await source.read(0, source.size);
      expect(stored.includes(Buffer.from(source.state.fileKey, "base64"))).toBe(false);
      expect(stored.toString("latin1")).not.toContain(source.state.fileKey);
      await source.close();
    }
    expect(seen.size).toBe(60);
  });

  test("a state is refused for a file that changed, for other recipients, and for another way to encrypt", async () => {
    const recipients = [(await makeIdentity()).recipient, (await makeIdentity()).recipient];
    const sealer = ageSealer(recipients);
    const { path } = plainFile(1_000);
    const { state, close } = await sealer.seal(path);
    await close();
    const stale = { code: "backup-state-stale", exit: "backupFailed" };
    const added = [...recipients, (await makeIdentity()).recipient];
    for (const others of [recipients.slice(1), recipients.toReversed(), added]) {
      await expect(ageSealer(others).seal(path, state)).rejects.toMatchObject(stale);
    }
    await expect(sealer.seal(path, { encryption: "none" })).rejects.toMatchObject(stale);
    await expect(sealer.seal(path, { encryption: "age" } as never)).rejects.toMatchObject(stale);
    utimesSync(path, 1, 1);
    await expect(sealer.seal(path, state)).rejects.toMatchObject(stale);
    const { state: newer, close: closeNewer } = await sealer.seal(path);
    await closeNewer();
    appendFileSync(path, "x");
    utimesSync(path, 1, 1);
    await expect(sealer.seal(path, newer)).rejects.toMatchObject(stale);
  });

  test("a file that got shorter while it was read is an error", async () => {
    const { recipient } = await makeIdentity();
    const { path } = plainFile(40 * chunk);
    const source = await ageSealer([recipient]).seal(path);
    truncateSync(path, 20 * chunk);
    await expect(source.read(0, source.size)).rejects.toThrow("became shorter");
    await source.close();
  });

  test("without encryption the bytes are the file's own", async () => {
    const { path, content } = plainFile(1_000);
    const source = await noSealer.seal(path);
    expect((await source.read(0, source.size)).equals(content)).toBe(true);
    expect(source.state).toEqual({ encryption: "none" });
    await source.close();
  });

  test("two files of the same content have nothing in common", async () => {
    const { recipient } = await makeIdentity();
    const { path } = plainFile(chunk);
    const [one, other] = [await readAll(path, [recipient]), await readAll(path, [recipient])];
    expect(one.subarray(-chunk).equals(other.subarray(-chunk))).toBe(false);
  });
});

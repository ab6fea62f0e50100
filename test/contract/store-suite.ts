import { createHash, randomBytes } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { type ByteSource, bytesOf } from "../../src/snapshots/byte-source.ts";
import { readText, type SnapshotStore } from "../../src/snapshots/store.ts";

export interface StoreUnderTest {
  store: SnapshotStore;
  /** Sizes around the borders of this store: one part exactly, one byte more and less, several parts. */
  sizes: number[];
}

/** What every store promises (src/snapshots/store.ts). Each call takes a new, empty store. */
export function storeSuite(title: string, open: () => Promise<StoreUnderTest>): void {
  describe(title, () => {
    let store: SnapshotStore;
    let sizes: number[] = [];
    beforeAll(async () => {
      ({ store, sizes } = await open());
    });
    let count = 0;
    /** A folder of its own for each test. */
    const folder = () => {
      count += 1;
      return `objects/test-${count}/`;
    };

    test("what is put comes back, and the hash is that of the bytes", async () => {
      const key = `${folder()}one`;
      const bytes = randomBytes(100_000);
      const arrived: number[] = [];
      const done = await store.put(key, bytesOf(bytes), { onProgress: (sum) => void arrived.push(sum) });
      expect(done).toEqual({ bytes: bytes.length, sha256: sha256(bytes) });
      expect(arrived.at(-1)).toBe(bytes.length);
      expect((await content(store, key)).equals(bytes)).toBe(true);
      expect(await store.head(key)).toMatchObject({ key, bytes: bytes.length });
    });

    test("an empty object is an object", async () => {
      const key = `${folder()}empty`;
      expect(await store.put(key, bytesOf(""))).toEqual({ bytes: 0, sha256: sha256(Buffer.alloc(0)) });
      expect(await content(store, key)).toHaveLength(0);
      expect(await store.head(key)).toMatchObject({ bytes: 0 });
    });

    test("objects of the sizes at which a store changes its way", async () => {
      const own = folder();
      for (const size of sizes) {
        const source = patternSource(size);
        const done = await store.put(`${own}${size}`, source);
        const hash = createHash("sha256");
        for await (const piece of await store.get(`${own}${size}`)) hash.update(piece as Buffer);
        const back = hash.digest("hex");
        expect([size, done.bytes, back]).toEqual([size, size, done.sha256]);
        expect(back).toBe(await sourceHash(source));
        expect((await store.head(`${own}${size}`))?.bytes).toBe(size);
      }
    });

    test("a range is those bytes and no others", async () => {
      const key = `${folder()}range`;
      const bytes = randomBytes(300_000);
      await store.put(key, bytesOf(bytes));
      for (const [offset, length] of [
        [0, 1],
        [1, 99_999],
        [299_999, 1],
        [0, 300_000],
        [150_000, 0],
      ] as const) {
        const part = await content(store, key, { offset, length });
        expect(part.equals(bytes.subarray(offset, offset + length)), `${offset}+${length}`).toBe(true);
      }
    });

    test("a range beyond the end is an error, never a shorter object", async () => {
      const key = `${folder()}short`;
      await store.put(key, bytesOf("0123456789"));
      await expect(content(store, key, { offset: 5, length: 6 })).rejects.toMatchObject({ code: "store-damaged" });
      await expect(content(store, key, { offset: 20, length: 1 })).rejects.toMatchObject({ code: "store-damaged" });
    });

    test("what is not there is said to be not there", async () => {
      const key = `${folder()}none`;
      expect(await store.head(key)).toBeUndefined();
      expect(await store.remove(key)).toBe("absent");
      expect(await readText(store, key)).toBeUndefined();
      await expect(store.get(key)).rejects.toMatchObject({ code: "store-absent", exit: "backupFailed" });
      expect(await keys(store, folder())).toEqual([]);
    });

    test("a list has every object below its prefix, in the order of keys' bytes", async () => {
      const own = folder();
      const names = ["b", "a/2", "a/1/x", "a-b", "a.b", "a0", "Z", "ä", "\u{1F600}", "\uFF5E", "c/d/e/f"];
      await Promise.all(names.map((name) => store.put(`${own}${name}`, bytesOf(name))));
      const expected = ["Z", "a-b", "a.b", "a/1/x", "a/2", "a0", "b", "c/d/e/f", "ä", "\uFF5E", "\u{1F600}"];
      expect(await keys(store, own)).toEqual(expected.map((name) => own + name));
      expect(await keys(store, `${own}a/`)).toEqual([`${own}a/1/x`, `${own}a/2`]);
      const everything = await keys(store, "");
      expect(everything.filter((key) => key.startsWith(own))).toHaveLength(names.length);
    });

    test("a prefix never stands for a name that only begins like it", async () => {
      const own = folder();
      await store.put(`${own}prod/one`, bytesOf("1"));
      await store.put(`${own}prod-old/two`, bytesOf("2"));
      expect(await keys(store, `${own}prod/`)).toEqual([`${own}prod/one`]);
      await expect(keys(store, `${own}prod`)).rejects.toThrow("a prefix ends in a slash");
    });

    test("odd names keep their letters", async () => {
      const own = folder();
      const names = [
        "with space",
        "a+b",
        "100%",
        "%41",
        "a&b=c;d",
        "<x>",
        "quote\"'",
        "what?#",
        "naïve-日本語-\u{1F600}",
        "e\u0301",
        "\u00e9",
        "~tilde",
        "(a)[b]{c}",
        "*",
        "a:b",
        "a,b",
        "tab\tin",
        "...",
        " ",
        "-rf",
        "x".repeat(200),
        "back`tick$HOME",
        "@",
        "!",
      ];
      for (const name of names) await store.put(`${own}${name}`, bytesOf(name));
      const listed = await keys(store, own);
      expect(listed.map((key) => key.slice(own.length)).sort()).toEqual([...names].sort());
      for (const name of names) expect(await readText(store, own + name), name).toBe(name);
      for (const name of names) expect(await store.remove(own + name), name).toBe("removed");
      expect(await keys(store, own)).toEqual([]);
    });

    test("keys that lead elsewhere are refused before anything is asked", async () => {
      for (const key of [
        "objects/../x",
        "objects//x",
        "objects/./x",
        "/objects/x",
        "other/x",
        "objects",
        "objects/a\\b",
        "objects/",
        "",
        "objects/\0",
      ]) {
        await expect(async () => store.put(key, bytesOf("x")), key).rejects.toThrow("no key of a store");
        await expect(async () => store.remove(key), key).rejects.toThrow("no key of a store");
      }
    });

    test("putting the same again is fine", async () => {
      const key = `${folder()}again`;
      const first = await store.put(key, bytesOf("the same"));
      expect(await store.put(key, bytesOf("the same"))).toEqual(first);
      expect(await readText(store, key)).toBe("the same");
    });

    test("removing takes exactly one object", async () => {
      const own = folder();
      for (const name of ["a", "a.b", "ab", "c/a"]) await store.put(own + name, bytesOf(name));
      expect(await store.remove(`${own}a`)).toBe("removed");
      expect(await store.remove(`${own}a`)).toBe("absent");
      expect(await keys(store, own)).toEqual([`${own}a.b`, `${own}ab`, `${own}c/a`]);
    });

    test("the store's time is about now", async () => {
      const key = `${folder()}time`;
      await store.put(key, bytesOf("x"));
      const { modifiedAt = 0 } = (await store.head(key)) ?? {};
      expect(Math.abs(modifiedAt - Date.now())).toBeLessThan(60_000);
      expect(Math.abs(store.clockSkew() ?? Number.NaN)).toBeLessThan(60_000);
    });

    test("a source that breaks leaves nothing behind", async () => {
      const own = folder();
      for (const size of [1_000, Math.max(...sizes)]) {
        const broken = new Error("the disk has a bad block");
        const source: ByteSource = {
          ...patternSource(size),
          read: async (offset, length) => {
            if (offset + length > size - 10) throw broken;
            return patternSource(size).read(offset, length);
          },
        };
        await expect(store.put(`${own}${size}`, source)).rejects.toThrow("bad block");
        expect(await store.head(`${own}${size}`)).toBeUndefined();
      }
      expect(await keys(store, own)).toEqual([]);
    });

    test("a put that is called off leaves nothing behind", async () => {
      const own = folder();
      for (const size of [1_000, Math.max(...sizes)]) {
        const stop = new AbortController();
        const source: ByteSource = {
          ...patternSource(size),
          read: async (offset, length) => {
            if (offset + length >= size) stop.abort(new Error("Ctrl-C"));
            return patternSource(size).read(offset, length);
          },
        };
        await expect(store.put(`${own}${size}`, source, { signal: stop.signal })).rejects.toThrow("Ctrl-C");
      }
      expect(await keys(store, own)).toEqual([]);
    });

    test("a get that is called off ends with an error", async () => {
      const key = `${folder()}off`;
      const size = Math.max(...sizes, 4_000_000);
      await store.put(key, patternSource(size));
      const gone = AbortSignal.abort(new Error("Ctrl-C"));
      await expect(store.get(key, undefined, gone)).rejects.toThrow("Ctrl-C");
      const stream = await store.get(key);
      stream.destroy();
      expect(stream.destroyed).toBe(true);
    });

    test("sweeping touches no object", async () => {
      const own = folder();
      await store.put(`${own}kept`, bytesOf("kept"));
      await store.sweep(0);
      expect(await readText(store, `${own}kept`)).toBe("kept");
    });

    test("a probe finds nothing wrong and leaves nothing behind", async () => {
      const report = await store.probe();
      expect(report.checks.filter(({ ok }) => !ok)).toEqual([]);
      expect(report).toMatchObject({ appendOnly: false, objectLock: false });
      expect((await keys(store, "")).filter((key) => !key.startsWith("objects/test-"))).toEqual([]);
    });
  });
}

/** Divides no size of a part, so that an exchanged part is seen. */
const period = 65_521;

/** Bytes that can be made again at any place, without holding them: what is expected of a source of an upload. */
export function patternSource(size: number, seed = 1): ByteSource {
  const pattern = Buffer.from(Array.from({ length: period }, (_, at) => (at * 31 + seed + (at >> 8)) & 0xff));
  return {
    size,
    async read(offset, length) {
      if (offset + length > size) throw new Error("read beyond the end");
      const bytes = Buffer.allocUnsafe(length);
      for (let at = 0; at < length; ) at += pattern.copy(bytes, at, (offset + at) % period);
      return bytes;
    },
    async close() {},
  };
}

export async function sourceHash(source: ByteSource): Promise<string> {
  const hash = createHash("sha256");
  for (let at = 0; at < source.size; at += 1_048_576)
    hash.update(await source.read(at, Math.min(1_048_576, source.size - at)));
  return hash.digest("hex");
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export async function content(
  store: SnapshotStore,
  key: string,
  range?: { offset: number; length: number },
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of await store.get(key, range)) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

export async function keys(store: SnapshotStore, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list(prefix)) found.push(key);
  return found;
}

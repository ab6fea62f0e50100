import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { bytesOf } from "../../../src/snapshots/byte-source.ts";
import { readCatalogue } from "../../../src/snapshots/catalogue.ts";
import { type MemoryStore, memoryStore } from "../../support/memory-store.ts";
import { idAt, manifest, minute, noon, putSnapshot, segment } from "../../support/snapshots.ts";

/** A store that counts how many objects are read, and how many at the same time. */
function watched(): MemoryStore & { reads: string[]; most: number; time: number } {
  const seen = { reads: [] as string[], most: 0, time: noon };
  const store = memoryStore({ now: () => seen.time });
  let open = 0;
  return Object.assign(seen, store, {
    async get(...[key, range, signal]: Parameters<MemoryStore["get"]>) {
      seen.reads.push(key);
      open += 1;
      seen.most = Math.max(seen.most, open);
      await new Promise((resolve) => setImmediate(resolve));
      open -= 1;
      return store.get(key, range, signal);
    },
  });
}

function cacheFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "catalogue-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe("the catalogue of a store", () => {
  test("tells snapshots, oldest first, from folders without manifest, the log and what is somebody else's", async () => {
    const store = memoryStore({ now: () => noon });
    await putSnapshot(store, manifest({ at: noon }));
    await putSnapshot(store, manifest({ at: noon - minute, source: "postgres" }));
    await store.put(`snapshots/files/${idAt(noon - 5)}/archive.tar.zst`, bytesOf("half"));
    await store.put(`wal/postgres/7312/${segment(4)}.zst.age`, bytesOf("log"));
    await store.put("objects/minio/aa/11", bytesOf("12345"));
    await store.put("wal/postgres/notes.txt", bytesOf(""));
    await store.put("snapshots/files/README", bytesOf(""));
    await store.put(`snapshots/files/20269999T000000Z-000000/manifest.json`, bytesOf(""));
    const found = await readCatalogue(store, { countObjects: true });
    expect(found.snapshots.map(({ key, bytes, problems }) => [key, bytes > 7, problems])).toEqual([
      [`snapshots/postgres/${idAt(noon - minute)}/manifest.json`, true, []],
      [`snapshots/files/${idAt(noon)}/manifest.json`, true, []],
    ]);
    expect(found.incomplete).toEqual([
      {
        source: "files",
        id: idAt(noon - 5),
        folder: `snapshots/files/${idAt(noon - 5)}/`,
        objects: [{ key: `snapshots/files/${idAt(noon - 5)}/archive.tar.zst`, bytes: 4, modifiedAt: noon }],
        bytes: 4,
        newestAt: noon,
      },
    ]);
    expect(found.wal.map(({ file, source }) => [source, file])).toEqual([["postgres", segment(4)]]);
    expect(found.objects).toEqual({ count: 1, bytes: 5 });
    expect(found.foreign.sort()).toEqual([
      "snapshots/files/20269999T000000Z-000000/manifest.json",
      "snapshots/files/README",
      "wal/postgres/notes.txt",
    ]);
  });

  test("a part that is missing or of another size is told of", async () => {
    const store = memoryStore();
    await putSnapshot(store, manifest({ at: noon }), "content");
    await putSnapshot(store, manifest({ at: noon + minute }), "conten");
    store.objects.delete(`snapshots/files/${idAt(noon)}/archive.tar.zst`);
    const { snapshots } = await readCatalogue(store);
    expect(snapshots.map(({ problems }) => problems)).toEqual([
      ["archive.tar.zst is missing"],
      ["archive.tar.zst has 6 bytes instead of 7"],
    ]);
  });

  test("a manifest that makes no sense spoils nothing else", async () => {
    const store = memoryStore();
    await putSnapshot(store, manifest({ at: noon }));
    await store.put(`snapshots/files/${idAt(noon + minute)}/manifest.json`, bytesOf("{"));
    await store.put(`snapshots/files/${idAt(noon + minute)}/archive.tar.zst`, bytesOf("x"));
    const { snapshots, unreadable, incomplete } = await readCatalogue(store);
    expect([snapshots.length, incomplete.length]).toEqual([1, 0]);
    expect(unreadable[0]?.reason).toMatch(/JSON/);
    expect(unreadable[0]?.objects.map(({ key }) => key.split("/").at(-1))).toEqual([
      "archive.tar.zst",
      "manifest.json",
    ]);
  });

  test("a manifest that cannot be fetched now is unreadable, not gone; one removed meanwhile is gone", async () => {
    const store = memoryStore();
    await putSnapshot(store, manifest({ at: noon }));
    await putSnapshot(store, manifest({ at: noon + minute }));
    const broken = `snapshots/files/${idAt(noon)}/manifest.json`;
    const gone = `snapshots/files/${idAt(noon + minute)}/manifest.json`;
    const flaky: MemoryStore = {
      ...store,
      head: async (key) => (key === gone ? undefined : store.head(key)),
      get: async (key) => {
        if (key === broken) throw new Error("connection reset");
        return store.get(key);
      },
    };
    const { snapshots, unreadable, incomplete } = await readCatalogue(flaky);
    expect([snapshots, incomplete]).toEqual([[], []]);
    expect(unreadable.map(({ reason }) => reason)).toEqual(["connection reset"]);
  });

  test("a store that cannot be listed is an error", async () => {
    const store: MemoryStore = {
      ...memoryStore(),
      // biome-ignore lint/correctness/useYield: it fails before the first object
      async *list() {
        throw new Error("no answer");
      },
    };
    await expect(readCatalogue(store)).rejects.toThrow("no answer");
  });

  test("an interruption is no unreadable manifest", async () => {
    const store = memoryStore();
    await putSnapshot(store, manifest({ at: noon }));
    const stop = new AbortController();
    const stopped: MemoryStore = {
      ...store,
      get: async (...given) => {
        stop.abort(new Error("stopped"));
        return store.get(...given);
      },
    };
    await expect(readCatalogue(stopped, { signal: stop.signal })).rejects.toThrow("stopped");
  });

  test("reads few manifests at a time, and none that it knows", async () => {
    const store = watched();
    for (let index = 0; index < 20; index += 1) await putSnapshot(store, manifest({ at: noon + index * minute }));
    const folder = cacheFolder();
    const first = await readCatalogue(store, { cacheFolder: folder, concurrency: 4 });
    expect([store.reads.length, store.most]).toEqual([20, 4]);
    const second = await readCatalogue(store, { cacheFolder: folder });
    expect(store.reads).toHaveLength(20);
    expect(second.snapshots).toEqual(first.snapshots);
  });

  test("remembers no manifest that was replaced or is gone, and lives with a broken cache", async () => {
    const store = watched();
    const folder = cacheFolder();
    const file = join(folder, "memory.json");
    await putSnapshot(store, manifest({ at: noon }));
    await putSnapshot(store, manifest({ at: noon + minute }));
    await readCatalogue(store, { cacheFolder: folder });
    store.objects.delete(`snapshots/files/${idAt(noon)}/manifest.json`);
    store.time += 1;
    await putSnapshot(store, manifest({ at: noon + minute, tool: "2.0.0" }));
    const { snapshots } = await readCatalogue(store, { cacheFolder: folder });
    expect(snapshots.map(({ manifest: { tool } }) => tool)).toEqual(["2.0.0"]);
    expect(Object.keys((JSON.parse(readFileSync(file, "utf8")) as { manifests: object }).manifests)).toHaveLength(1);
    for (const nonsense of ["{", "[]", '{"format":1,"manifests":{"x":{}}}', '{"format":1,"manifests":3}']) {
      writeFileSync(file, nonsense);
      expect((await readCatalogue(store, { cacheFolder: folder })).snapshots).toHaveLength(1);
    }
  });

  test("a manifest in the cache is trusted no more than one in the store", async () => {
    const store = memoryStore({ now: () => noon });
    const folder = cacheFolder();
    await putSnapshot(store, manifest({ at: noon }));
    await readCatalogue(store, { cacheFolder: folder });
    const file = join(folder, "memory.json");
    writeFileSync(file, readFileSync(file, "utf8").replaceAll("archive.tar.zst", "../../etc/shadow"));
    const { snapshots, unreadable } = await readCatalogue(store, { cacheFolder: folder });
    expect([snapshots.length, unreadable.length]).toEqual([0, 1]);
  });
});

import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ByteSource, bytesOf } from "../../../src/snapshots/byte-source.ts";
import { adoptFile, localStore } from "../../../src/snapshots/local-store.ts";
import type { SnapshotStore } from "../../../src/snapshots/store.ts";

/** What every store promises is in test/contract/store-suite.ts; here is what a folder adds. */
describe("the folder of snapshots", () => {
  let root: string;
  let store: SnapshotStore;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "local-store-"));
    store = localStore(root);
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const put = (key: string, text = key) => store.put(key, bytesOf(text));
  const listed = async () => {
    const keys: string[] = [];
    for await (const { key } of store.list("")) keys.push(key);
    return keys;
  };

  test("an object is a plain file under its key, for the owner alone", async () => {
    await put("snapshots/pg/1/base.tar.zst", "content");
    expect(readFileSync(join(root, "snapshots/pg/1/base.tar.zst"), "utf8")).toBe("content");
    expect(statSync(join(root, "snapshots/pg/1/base.tar.zst")).mode & 0o777).toBe(0o600);
    expect(statSync(join(root, "snapshots/pg")).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(root, ".uploads"))).toEqual([]);
  });

  test("only its own folders hold objects, and only plain files are objects", async () => {
    await put("wal/pg/1");
    for (const folder of [".staging/run", ".uploads", "spool/pg", "other"]) {
      mkdirSync(join(root, folder), { recursive: true });
      writeFileSync(join(root, folder, "x"), "x");
    }
    writeFileSync(join(root, ".gitignore"), "*");
    writeFileSync(join(root, "objects"), "a file where a folder belongs");
    symlinkSync("/etc/passwd", join(root, "wal/pg/link"));
    symlinkSync("/etc", join(root, "wal/folder-link"));
    expect(await listed()).toEqual(["wal/pg/1"]);
  });

  test("removing takes the folders along that are empty then, and none above its own", async () => {
    await put("snapshots/pg/1/a");
    await put("snapshots/pg/2/a");
    expect(await store.remove("snapshots/pg/1/a")).toBe("removed");
    expect(readdirSync(join(root, "snapshots/pg"))).toEqual(["2"]);
    await store.remove("snapshots/pg/2/a");
    expect(readdirSync(join(root, "snapshots"))).toEqual([]);
  });

  test("a folder is no object: it is not read, and not removed", async () => {
    await put("snapshots/pg/1/a");
    expect(await store.head("snapshots/pg/1")).toBeUndefined();
    expect(await store.remove("snapshots/pg/1")).toBe("absent");
    await expect(store.get("snapshots/pg/1")).rejects.toMatchObject({ code: "store-absent" });
    expect(await listed()).toEqual(["snapshots/pg/1/a"]);
  });

  test("puts and removals beside each other lose nothing", async () => {
    for (let round = 0; round < 30; round += 1) {
      await put("objects/aa/old");
      await Promise.all([store.remove("objects/aa/old"), put("objects/aa/new"), put("objects/aa/newer")]);
      expect(await listed()).toEqual(["objects/aa/new", "objects/aa/newer"]);
      await Promise.all([store.remove("objects/aa/new"), store.remove("objects/aa/newer")]);
    }
  });

  test("a file that gets shorter while it is read is an error", async () => {
    await store.put("objects/x", bytesOf(Buffer.alloc(5_000_000)));
    const stream = await store.get("objects/x");
    const read = (async () => {
      for await (const _ of stream) truncateSync(join(root, "objects/x"), 1_500_000);
    })();
    await expect(read).rejects.toMatchObject({ code: "store-damaged" });
  });

  test("a disk that is full is said in words, and leaves nothing", async () => {
    const full: ByteSource = {
      ...bytesOf(""),
      size: 10,
      read: async () => {
        throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
      },
    };
    await expect(store.put("objects/x", full)).rejects.toMatchObject({
      code: "store-full",
      exit: "backupFailed",
      message: "destination local: cannot store objects/x: the disk is full",
    });
    expect([await listed(), readdirSync(join(root, ".uploads"))]).toEqual([[], []]);
  });

  test("sweeping clears old unfinished files", async () => {
    await put("objects/kept");
    writeFileSync(join(root, ".uploads", "1.old"), "x");
    writeFileSync(join(root, ".uploads", "2.new"), "x");
    utimesSync(join(root, ".uploads", "1.old"), 1, 1);
    expect(await store.sweep(60_000)).toBe(1);
    expect(readdirSync(join(root, ".uploads"))).toEqual(["2.new"]);
    expect(await listed()).toEqual(["objects/kept"]);
    expect(await localStore(join(root, "none")).sweep(0)).toBe(0);
  });

  test("a folder that is not there is empty, and a probe says what is wrong with it", async () => {
    const none = localStore(join(root, "none"));
    expect(await none.head("objects/x")).toBeUndefined();
    for await (const object of none.list("")) expect(object).toBeUndefined();
    writeFileSync(join(root, "file"), "");
    const { checks } = await localStore(join(root, "file")).probe();
    expect(checks).toMatchObject([{ name: "write", ok: false }]);
  });

  test.skipIf(process.getuid?.() === 0)("a folder that may not be written refuses", async () => {
    await put("objects/aa/x");
    chmodSync(join(root, "objects/aa"), 0o500);
    expect(await store.remove("objects/aa/x")).toBe("refused");
    await expect(put("objects/aa/y")).rejects.toMatchObject({ code: "store-refused" });
    chmodSync(join(root, "objects/aa"), 0o700);
  });

  describe("a finished file", () => {
    const staged = (content: string | Buffer = "content") => {
      mkdirSync(join(root, ".staging"), { recursive: true });
      writeFileSync(join(root, ".staging/file"), content);
      return join(root, ".staging/file");
    };

    test("becomes an object by being moved, not copied", async () => {
      const file = staged(Buffer.alloc(3_000_000, "x"));
      const inode = statSync(file).ino;
      expect(await adoptFile(root, "snapshots/pg/1/base.tar.zst", file)).toEqual({ bytes: 3_000_000 });
      expect(existsSync(file)).toBe(false);
      expect(statSync(join(root, "snapshots/pg/1/base.tar.zst")).ino).toBe(inode);
      const hash = createHash("sha256");
      for await (const piece of await store.get("snapshots/pg/1/base.tar.zst")) hash.update(piece as Buffer);
      expect(hash.digest("hex")).toBe(createHash("sha256").update(Buffer.alloc(3_000_000, "x")).digest("hex"));
    });

    test("must be a file: a link or a folder is refused", async () => {
      symlinkSync("/etc/passwd", join(root, "link"));
      await expect(adoptFile(root, "objects/x", join(root, "link"))).rejects.toThrow();
      await expect(adoptFile(root, "objects/x", root)).rejects.toThrow();
      await expect(adoptFile(root, "objects/x", join(root, "none"))).rejects.toMatchObject({ code: "store-absent" });
      await expect(adoptFile(root, "../x", staged())).rejects.toThrow("no key");
      expect(await listed()).toEqual([]);
    });
  });
});

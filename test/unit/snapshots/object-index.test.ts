import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { compareListings } from "../../../src/operations/backup/object-load.ts";
import {
  type IndexedVersion,
  identityOf,
  keysOfIndex,
  type ObjectIndex,
  objectKeyOf,
  parseIndex,
  printIndex,
} from "../../../src/snapshots/object-index.ts";

const hash = (digit: string) => digit.repeat(64);

function version(key: string, given: Partial<IndexedVersion> = {}): IndexedVersion {
  const base = { bucket: "uploads", key, version: "null", latest: true, modified: 1_000, etag: "e", size: 3 };
  return { ...base, sha256: hash("a"), ...given };
}

function marker(key: string, given: Partial<IndexedVersion> = {}): IndexedVersion {
  return { bucket: "uploads", key, version: "v9", latest: true, modified: 2_000, ...given };
}

const index: ObjectIndex = {
  buckets: [{ bucket: "uploads", versioning: "Enabled", policy: '{"Version":"2012-10-17"}', tags: { team: "web" } }],
  versions: [
    version("plain", { contentType: "text/plain", metadata: { owner: "ann" }, tags: { a: "b" } }),
    version("line\nbreak 🎉", { sha256: hash("b") }),
    version("same", { sha256: hash("a") }),
    marker("gone"),
  ],
};

describe("the index of an object store", () => {
  test("comes back as it was written, whatever is in the keys", () => {
    expect(parseIndex(printIndex(index))).toEqual(index);
    expect(parseIndex(printIndex({ buckets: [], versions: [] }))).toEqual({ buckets: [], versions: [] });
  });

  test("is one JSON object a line, for jq", () => {
    const lines = gunzipSync(printIndex(index)).toString("utf8").trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line).key)).toEqual([undefined, "plain", "line\nbreak 🎉", "same", "gone"]);
  });

  test("is the same bytes for the same content", () => {
    expect(printIndex(index).equals(printIndex(index))).toBe(true);
  });

  test.each([
    ["cut short", '{"bucket":"a"}'],
    ["without a bucket", '{"key":"a"}\n'],
    ["with bytes without a hash", '{"bucket":"a","key":"b","version":"null","modified":1,"etag":"e","size":1}\n'],
    ["with a hash that is none", `${JSON.stringify(version("a", { sha256: "../../etc" }))}\n`],
    ["that is no JSON", "bucket\n"],
  ])("%s is refused", (_, text) => {
    expect(() => parseIndex(gzipSync(text))).toThrow();
  });

  test("names each content once, below its source", () => {
    expect(keysOfIndex("minio", index)).toEqual([objectKeyOf("minio", hash("a")), objectKeyOf("minio", hash("b"))]);
    expect(objectKeyOf("minio", hash("a"))).toBe(`objects/minio/aa/${hash("a")}`);
  });

  test("knows a version again by all that a listing tells of it, but not by being the newest", () => {
    const one = identityOf(version("a"));
    expect(identityOf(version("a", { latest: false, contentType: "x" }))).toBe(one);
    const others = [{ key: "b" }, { bucket: "c" }, { version: "v" }, { etag: "f" }, { size: 4 }, { modified: 2 }];
    for (const other of others) expect(identityOf(version("a", other))).not.toBe(one);
    // No two fields run into each other.
    expect(identityOf(version("c", { bucket: "a/b" }))).not.toBe(identityOf(version("b/c", { bucket: "a" })));
  });
});

describe("what a filled server lists", () => {
  const wanted = [
    version("a", { version: "2", size: 5, modified: 2 }),
    version("a", { version: "1", size: 3, modified: 1, latest: false }),
    marker("b"),
    version("b", { version: "1", latest: false }),
  ];

  test("is compared by the lengths of each key's versions; ids and times are new", () => {
    const found = wanted.map((one) => ({ ...one, version: `new-${one.version}`, modified: one.modified + 9 }));
    expect(compareListings(wanted, found)).toEqual({ ok: true, detail: "4 versions of 2 keys" });
  });

  test.each<[string, (found: IndexedVersion[]) => IndexedVersion[]]>([
    ["a version less", (found) => found.filter(({ version: id }) => id !== "1")],
    ["another length", (found) => found.map((one) => (one.size === 5 ? { ...one, size: 6 } : one))],
    ["a key more", (found) => [...found, version("c")]],
    ["a delete marker less", (found) => found.filter(({ sha256 }) => sha256 !== undefined)],
    [
      "an older version as the newest",
      (found) => found.map((one) => ({ ...one, latest: one.key === "b" ? one.latest : !one.latest })),
    ],
  ])("%s is found", (_, change) => {
    expect(compareListings(wanted, change(wanted)).ok).toBe(false);
  });
});

import { describe, expect, test } from "vitest";
import { checkPrefix, compareKeys, isObjectKey } from "../../../src/snapshots/object-key.ts";

describe("keys of objects", () => {
  test.each([
    "snapshots/postgres/20261121T020000Z-3f9a1c/manifest.json",
    "wal/postgres/7412345678901234567/000000010000000000000001.zst.age",
    "objects/minio/ab/abcdef",
    "objects/with space, ünïcode and \u{1F600}",
    "objects/...",
    "objects/.hidden",
  ])("%s", (key) => expect(isObjectKey(key)).toBe(true));

  test.each([
    "",
    "snapshots",
    "snapshots/",
    "/snapshots/x",
    "other/x",
    "../snapshots/x",
    "snapshots/../x",
    "snapshots/./x",
    "snapshots//x",
    "snapshots/x/",
    "snapshots/x/..",
    "snapshots/a\\b",
    "snapshots/a\0b",
    "snapshots/\uD83D",
    `snapshots/${"x".repeat(256)}`,
    `snapshots/${"x/".repeat(600)}x`,
    "Snapshots/x",
    ".staging/x",
    "spool/x",
  ])("not %j", (key) => expect(isObjectKey(key)).toBe(false));

  test("a prefix is empty or a folder", () => {
    for (const prefix of ["", "snapshots/", "snapshots/postgres/"]) expect(() => checkPrefix(prefix)).not.toThrow();
    for (const prefix of ["snapshots", "snapshots/post", "/", "../", "other/", "snapshots//"])
      expect(() => checkPrefix(prefix), prefix).toThrow();
  });

  test("are ordered by their bytes, as S3 orders them", () => {
    const keys = ["b", "a/x", "a.x", "a-x", "\u{1F600}", "\uFF5E", "é", "Z"];
    expect(keys.sort(compareKeys)).toEqual(["Z", "a-x", "a.x", "a/x", "b", "é", "\uFF5E", "\u{1F600}"]);
  });
});

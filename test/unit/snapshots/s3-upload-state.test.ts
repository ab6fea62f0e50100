import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  forgetUpload,
  noteBegun,
  notePart,
  readUploadState,
  rememberedUploads,
  uploadStateFile,
} from "../../../src/snapshots/s3-upload-state.ts";

const begun = {
  format: 1,
  server: "https://s3.test",
  bucket: "b",
  key: "objects/x",
  uploadId: "u",
  begunAt: 5,
  size: 20,
  partSize: 8,
} as const;
const part = (number: number) => ({ number, tag: `t${number}`, md5: `m${number}` });

describe("the memory of an upload", () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "upload-state-"));
    file = uploadStateFile(folder, begun);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test("holds what was begun and the parts that are there, for the owner alone", () => {
    noteBegun(file, begun);
    notePart(file, part(2));
    notePart(file, part(1));
    const state = readUploadState(file);
    expect(state?.begun).toEqual(begun);
    expect([...(state?.parts.values() ?? [])]).toEqual([part(2), part(1)]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(rememberedUploads(folder)).toEqual([{ file, begun }]);
  });

  test("a line that a crash cut counts as not written", () => {
    noteBegun(file, begun);
    notePart(file, part(1));
    appendFileSync(file, '{"number":2,"ta');
    expect([...(readUploadState(file)?.parts.keys() ?? [])]).toEqual([1]);
  });

  test.each(["", "{", "null\n", '{"format":2}\n', '{"format":1,"key":"x"}\n', "\n\n"])("%j is no memory", (text) => {
    writeFileSync(file, text);
    expect(readUploadState(file)).toBeUndefined();
    expect(rememberedUploads(folder)).toEqual([]);
  });

  test("nothing is remembered where nothing was begun, or of what was forgotten", () => {
    expect(readUploadState(file)).toBeUndefined();
    expect(rememberedUploads(join(folder, "none"))).toEqual([]);
    noteBegun(file, begun);
    forgetUpload(file);
    forgetUpload(file);
    expect(rememberedUploads(folder)).toEqual([]);
  });

  test("every object of every store has a file of its own, without its name", () => {
    const files = [begun, { ...begun, key: "objects/y" }, { ...begun, bucket: "c" }, { ...begun, server: "" }].map(
      (each) => uploadStateFile(folder, each),
    );
    expect(new Set(files).size).toBe(4);
    noteBegun(file, begun);
    expect(readFileSync(file, "utf8")).toContain("objects/x");
    expect(file).not.toContain("objects");
  });
});

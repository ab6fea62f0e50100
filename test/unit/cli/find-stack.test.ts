import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findStack, modelIfAny, readModel } from "../../../src/cli/find-stack.ts";

let folder = "";
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "find-stack-")));
  mkdirSync(join(folder, "shop/config/redis"), { recursive: true });
  mkdirSync(join(folder, "shop/.stack"));
  writeFileSync(join(folder, "shop/stack.yaml"), "");
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("which stack a command is about", () => {
  test("the nearest one upwards", () => {
    expect(findStack(undefined, undefined, join(folder, "shop/config/redis"))).toBe(join(folder, "shop"));
    expect(findStack(undefined, undefined, folder)).toBeUndefined();
  });

  test("--dir says it, relative to where one is, and is not searched upwards", () => {
    expect(findStack("shop", undefined, folder)).toBe(join(folder, "shop"));
    expect(findStack("shop/config", undefined, folder)).toBeUndefined();
  });

  test("the program of a stack is about that stack, wherever it is called from", () => {
    const program = join(folder, "shop/.stack/create-stack.mjs");
    expect(findStack(undefined, program, "/")).toBe(join(folder, "shop"));
    expect(findStack("other", program, folder)).toBeUndefined();
  });
});

describe("its model", () => {
  const write = (text: string) => writeFileSync(join(folder, "shop/.stack/model.json"), text);

  test.each([
    ["there is none", undefined, /was not generated yet/],
    ["it was cut off", "{", /is not readable/],
    ["another version wrote it", '{"format":9}', /written by another version/],
  ])("%s: says so, and how to make it", (_, text, message) => {
    if (text !== undefined) write(text);
    expect(() => readModel(join(folder, "shop"))).toThrow(
      expect.objectContaining({ hint: "make it again: ./prod.sh generate", message: expect.stringMatching(message) }),
    );
    expect(modelIfAny(join(folder, "shop"))).toBeUndefined();
  });
});

import { describe, expect, test } from "vitest";
import { applyImageLock, lockableImages, parseImageLock, printImageLock } from "../../../src/generator/image-lock.ts";
import { renderStack } from "../../../src/operations/generate.ts";
import { StackError } from "../../../src/support/errors.ts";
import { carried, catalogue, modelOf } from "../../support/catalogue.ts";

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;

const stack = (tag: string) => `
name: shop
components:
  server: { type: app, image: "ghcr.io/you/server:${tag}", uses: [redis], migrate: [migrate] }
  pinned: { type: app, image: "you/pinned:1@${digest("f")}" }
  redis: {}
`;

const redis = "redis:8.2.9-bookworm";

function complaintOf(text: string): string {
  try {
    parseImageLock(text);
  } catch (error) {
    if (error instanceof StackError) return `${error.message} (${error.hint})`;
    throw error;
  }
  return "fine";
}

describe("the lock's text", () => {
  test("is sorted and read back as it was", () => {
    const lock = { "b:1": digest("b"), "a:1": digest("a") };
    const text = printImageLock(lock);
    expect(text).toBe(
      `{\n  "format": 1,\n  "images": {\n    "a:1": "${digest("a")}",\n    "b:1": "${digest("b")}"\n  }\n}\n`,
    );
    expect(parseImageLock(text)).toEqual(lock);
  });

  test("no text is an empty lock", () => {
    expect(parseImageLock(undefined)).toEqual({});
  });

  test.each([
    ["{", "is not JSON"],
    ["null", "is of another format"],
    ['{"format":2,"images":{}}', "is of another format"],
    ['{"format":1}', "has no images"],
    ['{"format":1,"images":{"a:1":"latest"}}', "says for a:1 what is no digest"],
    [`{"format":1,"images":{"a:1":"${digest("a")}\\ninjected: true"}}`, "says for a:1 what is no digest"],
  ])("refuses %s", (text, words) => {
    expect(complaintOf(text)).toContain(`images.lock.json ${words}`);
    expect(complaintOf(text)).toContain("./prod.sh lock");
  });
});

describe("the model with a lock", () => {
  test("what can be locked: each image once, not the one that stack.yaml pins itself", () => {
    expect(lockableImages(modelOf(stack("1.4.2")))).toEqual(["ghcr.io/you/server:1.4.2", redis]);
  });

  test("every service of a locked image gets its digest, the others stay", () => {
    const model = modelOf(stack("1.4.2"));
    const before = structuredClone(model);
    const locked = applyImageLock(model, { "ghcr.io/you/server:1.4.2": digest("a") });
    expect(Object.fromEntries(locked.services.map(({ name, image }) => [name, image]))).toEqual({
      server: `ghcr.io/you/server:1.4.2@${digest("a")}`,
      "server-migrate": `ghcr.io/you/server:1.4.2@${digest("a")}`,
      pinned: `you/pinned:1@${digest("f")}`,
      redis,
      "redis-setup": redis,
    });
    expect(model).toEqual(before);
  });

  test("a new tag in stack.yaml leaves the old entry behind", () => {
    const model = modelOf(stack("1.5.0"));
    expect(applyImageLock(model, { "ghcr.io/you/server:1.4.2": digest("a") })).toEqual(model);
  });

  test("an entry for an image that stack.yaml pins itself is not put on top of it", () => {
    const model = modelOf(stack("1.4.2"));
    expect(applyImageLock(model, { [`you/pinned:1@${digest("f")}`]: digest("a") })).toEqual(model);
  });

  test("is printed: the tag with its digest in .env, an image without a variable in its file", () => {
    const lock = { "ghcr.io/you/server:1.4.2": digest("a"), [redis]: digest("b") };
    const { files } = renderStack(stack("1.4.2"), catalogue, carried, { imageLock: lock });
    const textOf = (path: string) => files.find((file) => file.path === path)?.content ?? "";
    expect(textOf(".env")).toContain(`SERVER_TAG=1.4.2@${digest("a")}\n`);
    expect(textOf("compose.yaml")).toContain("image: ghcr.io/you/server:${SERVER_TAG:?");
    expect(textOf("compose.data.yaml")).toContain(`image: ${redis}@${digest("b")}\n`);
    expect(JSON.parse(textOf(".stack/model.json")).services[0].image).toContain(digest("a"));
  });
});

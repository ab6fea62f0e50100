import { beforeEach, expect, test } from "vitest";
import { runContainer, withContainer } from "../../../src/operations/backup/container.ts";
import type { Context } from "../../../src/operations/context.ts";
import { contextFor } from "../../support/backup-jobs.ts";
import { type FakeEngine, fakeEngine } from "../../support/fake-engine.ts";
import { model } from "../../support/models.ts";

const spec = { purpose: "backup-uploads", image: "alpine:3.22", command: ["true"] };

let engine: FakeEngine;
let abort: AbortController;
let context: Context;
beforeEach(() => {
  engine = fakeEngine();
  abort = new AbortController();
  context = contextFor({ directory: "/nowhere", model: model([]) }, engine, abort.signal);
});

/** What was done, without the names' random ends. */
const done = () => engine.done.map((line) => line.replace(/-[0-9a-f]{8}/, ""));

test("a container is there as long as it is used, and gone afterwards", async () => {
  await withContainer(context, spec, async (id) => {
    expect((await engine.inspect(id))?.state).toBe("running");
  });
  expect(done()).toEqual(["create shop-backup-uploads", "start shop-backup-uploads", "remove shop-backup-uploads"]);
});

test("one whose use failed is gone as well", async () => {
  await expect(withContainer(context, spec, () => Promise.reject(new Error("no room")))).rejects.toThrow("no room");
  expect(done().at(-1)).toBe("remove shop-backup-uploads");
});

test.each(["create", "start", "waitForExit"] as const)("an abort within %s kills it and says why", async (call) => {
  const real = engine[call] as (...words: unknown[]) => Promise<unknown>;
  engine[call] = (async (...words: unknown[]) => {
    const answer = real(...words);
    abort.abort(new Error("interrupted by the test"));
    return await answer;
  }) as never;
  await expect(runContainer(context, spec)).rejects.toThrow("interrupted by the test");
  expect(done().slice(-2)).toEqual(["kill shop-backup-uploads SIGKILL", "remove shop-backup-uploads"]);
});

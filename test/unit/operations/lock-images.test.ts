import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ImageResolver, ResolvedImage } from "../../../src/engine/image-digest.ts";
import { runCreate, runGenerate } from "../../../src/operations/generate.ts";
import { type LockOptions, planLock, runLock } from "../../../src/operations/lock-images.ts";
import { carried, catalogue } from "../../support/catalogue.ts";

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;
const server = "ghcr.io/you/server:1.4.2";
const redis = "redis:8.2.9-bookworm";
const stackYaml = (tag = "1.4.2") => `
name: shop
components:
  server: { type: app, image: "ghcr.io/you/server:${tag}", uses: [redis] }
  redis: {}
`;

describe("the plan", () => {
  const answers = (entries: [string, ResolvedImage][]) => new Map(entries);

  test("tells what is new, moved, the same, unknown and dropped", () => {
    const known = { "moved:1": digest("1"), "same:1": digest("2"), "silent:1": digest("3"), "gone:1": digest("4") };
    const plan = planLock(
      ["moved:1", "new:1", "never:1", "same:1", "silent:1"],
      known,
      answers([
        ["moved:1", { digest: digest("a") }],
        ["new:1", { digest: digest("b") }],
        ["never:1", { reason: "no such tag" }],
        ["same:1", { digest: digest("2") }],
        ["silent:1", { reason: "no network" }],
      ]),
    );
    expect(plan.images).toEqual([
      { image: "moved:1", state: "moved", before: digest("1"), after: digest("a") },
      { image: "new:1", state: "new", after: digest("b") },
      { image: "never:1", state: "unknown", reason: "no such tag" },
      { image: "same:1", state: "same", before: digest("2"), after: digest("2") },
      { image: "silent:1", state: "unknown", before: digest("3"), after: digest("3"), reason: "no network" },
      { image: "gone:1", state: "dropped", before: digest("4") },
    ]);
    expect(plan.lock).toEqual({
      "moved:1": digest("a"),
      "new:1": digest("b"),
      "same:1": digest("2"),
      "silent:1": digest("3"),
    });
  });
});

describe("in a stack's directory", () => {
  let directory = "";
  let asked: string[] = [];
  const registry = new Map<string, string>();

  const resolve: ImageResolver = async (reference) => {
    asked.push(reference);
    const found = registry.get(reference);
    return found === undefined ? { reason: "no network" } : { digest: found };
  };
  const request = () => ({ directory, catalogue, carried, today: new Date("2026-01-01") });
  const lock = (options: LockOptions = {}) => runLock({ ...request(), resolve }, options);
  const textOf = (path: string) => readFileSync(join(directory, path), "utf8");
  const lockPath = () => join(directory, "images.lock.json");
  const states = ({ images }: { images: { image: string; state: string }[] }) =>
    images.map(({ image, state }) => `${image} ${state}`);

  beforeEach(async () => {
    directory = join(mkdtempSync(join(tmpdir(), "lock-")), "shop");
    asked = [];
    registry.clear();
    registry.set(server, digest("a")).set(redis, digest("b"));
    await runCreate(request(), stackYaml());
  });

  afterEach(() => rmSync(join(directory, ".."), { recursive: true, force: true }));

  test("writes the lock and what follows from it; a second time changes nothing", async () => {
    const first = await lock();
    expect(first.exit).toBeUndefined();
    expect(states(first)).toEqual([`${server} new`, `${redis} new`]);
    expect(JSON.parse(textOf("images.lock.json")).images).toEqual({ [server]: digest("a"), [redis]: digest("b") });
    expect(textOf(".env")).toContain(`SERVER_TAG=1.4.2@${digest("a")}`);
    expect(textOf("compose.data.yaml")).toContain(`${redis}@${digest("b")}`);
    expect(first.changes.map((change) => change.path)).toEqual(
      expect.arrayContaining([".env", "compose.data.yaml", ".stack/model.json"]),
    );

    const second = await lock();
    expect(states(second)).toEqual([`${server} same`, `${redis} same`]);
    expect(second.changes).toEqual([]);
    expect((await runGenerate(request())).changes).toEqual([]);
  });

  test("asks for each image once, by what stack.yaml says and not by what is locked", async () => {
    await lock();
    asked = [];
    await lock();
    expect(asked.sort()).toEqual([server, redis]);
  });

  test("a registry that does not answer: partial, says which and why, keeps what is known", async () => {
    await lock();
    registry.delete(redis);
    registry.set(server, digest("c"));
    const result = await lock();
    expect(result.exit).toBe("partial");
    expect(result.images.find(({ image }) => image === redis)).toMatchObject({
      state: "unknown",
      reason: "no network",
    });
    expect(JSON.parse(textOf("images.lock.json")).images).toEqual({ [server]: digest("c"), [redis]: digest("b") });
    expect(textOf("compose.data.yaml")).toContain(`${redis}@${digest("b")}`);
  });

  test("no registry at all: no empty lock is left behind", async () => {
    registry.clear();
    const result = await lock();
    expect(result.exit).toBe("partial");
    expect(existsSync(lockPath())).toBe(false);
    expect(result.changes).toEqual([]);
  });

  test("a tag that changed in stack.yaml is unlocked until it is locked, and the old entry goes", async () => {
    await lock();
    writeFileSync(join(directory, "stack.yaml"), stackYaml("1.5.0"));
    await runGenerate(request());
    expect(textOf(".env")).toContain("SERVER_TAG=1.5.0\n");
    expect(textOf("compose.data.yaml")).toContain(`${redis}@${digest("b")}`);
    registry.set("ghcr.io/you/server:1.5.0", digest("d"));
    const result = await lock();
    expect(states(result)).toEqual(["ghcr.io/you/server:1.5.0 new", `${redis} same`, `${server} dropped`]);
    expect(Object.keys(JSON.parse(textOf("images.lock.json")).images)).toEqual(["ghcr.io/you/server:1.5.0", redis]);
  });

  test("check tells what moved, and writes nothing", async () => {
    expect((await lock({ check: true })).exit).toBe("unhealthy");
    expect(existsSync(lockPath())).toBe(false);
    await lock();
    expect((await lock({ check: true })).exit).toBeUndefined();
    registry.set(server, digest("e"));
    const before = textOf("images.lock.json");
    const result = await lock({ check: true });
    expect(result.exit).toBe("unhealthy");
    expect(states(result)).toEqual([`${server} moved`, `${redis} same`]);
    expect(textOf("images.lock.json")).toBe(before);
    registry.delete(redis);
    expect((await lock({ check: true })).exit).toBe("partial");
  });

  test("a dry run writes nothing", async () => {
    expect(states(await lock({ dryRun: true }))).toEqual([`${server} new`, `${redis} new`]);
    expect(existsSync(lockPath())).toBe(false);
    expect(textOf(".env")).toContain("SERVER_TAG=1.4.2\n");
  });

  test("a generated file that the user edited: nothing is written, the lock neither", async () => {
    writeFileSync(join(directory, ".env"), `${textOf(".env")}MINE=1\n`);
    await expect(lock()).rejects.toMatchObject({ code: "edited-files" });
    expect(existsSync(lockPath())).toBe(false);
  });

  test("a lock that is no lock stops generate and lock alike", async () => {
    writeFileSync(lockPath(), "{");
    await expect(lock()).rejects.toMatchObject({ code: "image-lock-broken" });
    await expect(runGenerate(request())).rejects.toMatchObject({ code: "image-lock-broken" });
  });
});

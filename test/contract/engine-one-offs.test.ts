import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ContainerSpec, Engine } from "../../src/engine/engine.ts";
import { describeWithDocker, smallImage } from "../support/docker.ts";
import { fakeEngine } from "../support/fake-engine.ts";

const label = "create-stack.test";

/** What both engines must agree on of containers and volumes that operations make beside Compose. */
function suite(open: () => Engine): void {
  const run = randomBytes(4).toString("hex");
  let engine: Engine;
  beforeAll(() => {
    engine = open();
  });
  afterAll(async () => {
    for (const { id } of await engine.labelled(label, run)) await engine.remove(id);
    for (const { name } of await engine.labelledVolumes(label, run)) await engine.removeVolume(name);
  });

  const spec = (name: string, more: Partial<ContainerSpec> = {}): ContainerSpec => ({
    name: `one-off-${run}-${name}`,
    image: smallImage,
    command: ["sleep", "600"],
    labels: { [label]: run, "create-stack.more": name },
    stopTimeout: 1,
    ...more,
  });

  test("a container is made, started, frozen, let go on and ended; each twice is the same as once", async () => {
    const id = await engine.create(spec("life"));
    const state = async () => (await engine.inspect(id))?.state;
    expect(await state()).toBe("created");
    // Not running: nothing to freeze.
    await engine.pause(id);
    expect(await state()).toBe("created");
    for (const [act, wanted] of [
      ["start", "running"],
      ["start", "running"],
      ["pause", "paused"],
      ["pause", "paused"],
      ["unpause", "running"],
      ["unpause", "running"],
    ] as const) {
      await engine[act](id);
      expect(await state(), act).toBe(wanted);
    }
    await engine.pause(id);
    await engine.kill(id, "SIGKILL");
    expect(await engine.waitForExit(id)).toMatchObject({ exitCode: 137 });
    expect(await state()).toBe("exited");
    await engine.start(id);
    expect(await state()).toBe("running");
    await engine.remove(id);
    expect(await engine.inspect(id)).toBeUndefined();
    await engine.pause(id);
    await engine.unpause(id);
  });

  test("a name that is taken is refused", async () => {
    await engine.create(spec("taken"));
    await expect(engine.create(spec("taken"))).rejects.toThrow();
  });

  test("containers are found by label, with all their labels, running or not", async () => {
    const id = await engine.create(spec("labelled"));
    const found = (await engine.labelled(label, run)).find((one) => one.id === id);
    expect(found).toMatchObject({
      name: `one-off-${run}-labelled`,
      state: "created",
      labels: { "create-stack.more": "labelled" },
    });
    expect(await engine.labelled(label, "another")).toEqual([]);
    const { labels: _, ...seen } = found ?? { labels: {} };
    expect(seen).toEqual(await engine.inspect(id));
  });

  test("volumes are made, found by label, and tell who uses them; one in use cannot be removed", async () => {
    const volume = `one-off-${run}`;
    expect(await engine.volume(volume)).toBeUndefined();
    const began = Date.now();
    await engine.createVolume(volume, { [label]: run });
    const made = await engine.volume(volume);
    expect(made).toMatchObject({ name: volume, driver: "local", options: {}, labels: { [label]: run } });
    expect(made?.mountpoint).toMatch(new RegExp(`/${volume}/_data$`));
    // The engine counts whole seconds.
    expect(made?.changedAt).toBeGreaterThan(began - 2_000);
    expect(made?.changedAt).toBeLessThan(Date.now() + 2_000);
    expect(await engine.labelledVolumes(label, run)).toEqual([made]);
    expect(await engine.labelledVolumes(label, "another")).toEqual([]);
    expect(await engine.usersOf(volume)).toEqual([]);
    const user = await engine.create(spec("user", { volumes: [{ volume, target: "/data", readOnly: true }] }));
    expect((await engine.usersOf(volume)).map(({ id, state }) => ({ id, state }))).toEqual([
      { id: user, state: "created" },
    ]);
    expect(await engine.usersOf(volume.slice(0, -1))).toEqual([]);
    await expect(engine.removeVolume(volume)).rejects.toThrow();
    await engine.remove(user);
    expect(await engine.usersOf(volume)).toEqual([]);
    await engine.removeVolume(volume);
    expect(await engine.volume(volume)).toBeUndefined();
    await engine.removeVolume(volume);
  });
}

describe("containers and volumes beside Compose: fake engine", () => suite(fakeEngine));

await describeWithDocker("containers and volumes beside Compose: real engine", [smallImage], (engine) => {
  suite(() => engine);

  test("what is made has no network, no rights and a root that cannot be written to, but for what it asks for", async () => {
    const name = `one-off-${randomBytes(4).toString("hex")}`;
    const script =
      "grep -E '^Cap(Eff|Bnd)|NoNewPrivs' /proc/self/status; ls /sys/class/net; touch /file 2>&1; echo /scratch/*; touch /scratch/a && id -u";
    const id = await engine.create({
      name,
      image: smallImage,
      user: "1234:1234",
      command: ["sh", "-c", script],
      capabilities: ["CHOWN"],
      tmpfs: [{ target: "/scratch", options: "size=1m,mode=1777" }],
      memory: 16 * 1024 ** 2,
      labels: {},
    });
    try {
      await engine.start(id);
      expect(await engine.waitForExit(id)).toEqual({ exitCode: 0, oomKilled: false });
      expect(await engine.logTail(id, 20)).toEqual([
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000001",
        "NoNewPrivs:\t1",
        "lo",
        "touch: /file: Read-only file system",
        "/scratch/*",
        "1234",
      ]);
      expect((await engine.inspect(id))?.memoryLimit).toBe(16 * 1024 ** 2);
    } finally {
      await engine.remove(id);
    }
  });
});

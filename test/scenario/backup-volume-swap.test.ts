import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { ContainerSpec, Engine } from "../../src/engine/engine.ts";
import { ownLabels } from "../../src/operations/backup/container.ts";
import { openJournal, unfinishedOperations } from "../../src/operations/journal.ts";
import { recover } from "../../src/operations/recover.ts";
import { removeKept } from "../../src/operations/restore/kept.ts";
import { keptVolumes, swapVolumes } from "../../src/operations/restore/swap.ts";
import { systemClock } from "../../src/support/clock.ts";
import { oneOffs, removeOneOffs } from "../support/backup-jobs.ts";
import { describeWithDocker, smallImage } from "../support/docker.ts";
import { type SmallStack, smallService, smallStack } from "../support/scenario.ts";
import { inVolume, toolboxImage } from "../support/volume-content.ts";

const program = join(import.meta.dirname, "..", "support", "volume-child.ts");

/** A stack with the volumes `a` and `b`, and for each a restored one, which belongs to somebody else and is open to few. */
async function stackWithPairs() {
  const mounts = ["a", "b"].map((volume) => ({
    kind: "volume" as const,
    volume,
    target: `/${volume}`,
    readOnly: false,
  }));
  const stack = await smallStack([smallService("web", { mounts })], {
    volumes: ["a", "b"].map((name) => ({ name, component: "web", about: "Data." })),
  });
  await stack.compose("up", "-d", "--wait");
  await stack.compose("stop");
  const { context, model } = stack;
  onTestFinished(() => removeOneOffs(context));
  const pairs = ["a", "b"].map((name) => ({
    restored: `${model.name}_${name}_restored`,
    replaces: `${model.name}_${name}`,
  }));
  for (const { restored, replaces } of pairs) {
    const labels = { ...ownLabels(model, "restore"), "create-stack.volume": replaces };
    await context.engine.createVolume(restored, labels);
    inVolume(replaces, "echo old >file; chmod 755 .");
    inVolume(restored, "echo new >file; chown 4711:4712 . file; chmod 700 .");
  }
  return { stack, context, pairs };
}

const before = ["a: old 0 755", "a_restored: new 4711 700", "b: old 0 755", "b_restored: new 4711 700"];
const after = ["a: new 4711 700", "a_restored: old 0 755", "b: new 4711 700", "b_restored: old 0 755"];

/** What is in the four volumes: content, owner and mode of the folder itself. */
function content({ model }: SmallStack): string[] {
  const names = ["a", "a_restored", "b", "b_restored"];
  const mounts = names.flatMap((name) => ["--mount", `type=volume,source=${model.name}_${name},target=/v/${name}`]);
  const script = `for name in ${names.join(" ")}; do echo "$name: $(cat /v/$name/file) $(stat -c '%u %a' /v/$name)"; done`;
  const argv = ["run", "--rm", "--network", "none", ...mounts, smallImage, "sh", "-c", script];
  return execFileSync("docker", argv, { encoding: "utf8" }).trim().split("\n");
}

/** An engine on which the script that moves folders ends where `change` says, and nothing can be made after that. */
function dyingEngine(engine: Engine, change: (script: string) => string): Engine {
  let dead = false;
  return {
    ...engine,
    async create(spec: ContainerSpec) {
      if (dead) throw new Error("this process is dead");
      const [shell = "", option = "", script = "", ...more] = spec.entrypoint ?? [];
      if (spec.command[0] !== "place") return engine.create(spec);
      dead = true;
      expect(change(script)).not.toBe(script);
      return engine.create({ ...spec, entrypoint: [shell, option, change(script), ...more] });
    },
  };
}

const withoutExchange = (script: string) => script.replace("mv --exchange", "false");
const endingAtCall = (name: string, call: number) => (script: string) =>
  script.replace(`${name}() {`, `calls=0\n${name}() {\n  calls=$((calls + 1)); [ $calls -lt ${call} ] || exit 9`);

await describeWithDocker("volumes: the swap", [smallImage, toolboxImage], () => {
  test("contents are exchanged with all that belongs to them, and back by the same call; what is put aside is kept for a while", async () => {
    const { stack, context, pairs } = await stackWithPairs();
    const journal = openJournal(stack.directory, "restore", systemClock);
    for (const { restored } of pairs)
      journal.begin({ id: restored, undo: { kind: "remove-volume", volume: restored } });
    expect(content(stack)).toEqual(before);
    // The age of what is put aside counts from the swap; the engine counts whole seconds.
    const youngest = async () => Math.min(...(await keptVolumes(context)).map(({ age }) => age));
    await expect.poll(youngest, { timeout: 10_000 }).toBeGreaterThan(2_000);
    const made = (await keptVolumes(context)).map(({ age }) => Date.now() - age);
    await swapVolumes(context, journal, pairs);
    const swapped = (await keptVolumes(context)).map(({ age }) => Date.now() - age);
    expect(Math.min(...swapped)).toBeGreaterThan(Math.max(...made) + 500);
    expect(content(stack)).toEqual(after);
    // The volumes hold now what was there before: nothing that fails later may remove them.
    expect(unfinishedOperations(stack.directory)).toMatchObject([{ undo: [] }]);
    const kept = await keptVolumes(context);
    expect(kept.map(({ name, volume }) => ({ restored: name, replaces: volume }))).toEqual(pairs);
    for (const { age } of kept) expect(age).toBeLessThan(60_000);
    expect((await removeKept(context)).removed).toEqual([]);
    await swapVolumes(context, journal, pairs);
    expect(content(stack)).toEqual(before);
    // Without the exchange of two names in one step, which older systems lack.
    const create: Engine["create"] = (spec) => {
      const [shell = "", option = "", script = "", ...more] = spec.entrypoint ?? [];
      return context.engine.create({ ...spec, entrypoint: [shell, option, withoutExchange(script), ...more] });
    };
    await swapVolumes({ ...context, engine: { ...context.engine, create } }, journal, pairs);
    expect(content(stack)).toEqual(after);
    const later = { ...systemClock, now: () => Date.now() + 73 * 3_600_000 };
    expect((await removeKept({ ...context, clock: later })).removed.sort()).toEqual(
      pairs.map(({ restored }) => `removed volume ${restored}, put aside by a restore`).sort(),
    );
    expect(await oneOffs(context)).toEqual([]);
  });

  test("a volume that is in use, or is more than a folder, is refused and untouched", async () => {
    const { stack, context, pairs } = await stackWithPairs();
    const journal = openJournal(stack.directory, "restore", systemClock);
    await stack.compose("start", "web");
    await expect(swapVolumes(context, journal, pairs)).rejects.toMatchObject({
      code: "volume-in-use",
      hint: "./prod.sh stop web",
    });
    await stack.compose("stop", "web");
    const odd = `${stack.model.name}_odd`;
    execFileSync("docker", ["volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", odd]);
    onTestFinished(() => void execFileSync("docker", ["volume", "rm", odd]));
    const [first] = pairs;
    if (first === undefined) throw new Error("no pair");
    await expect(swapVolumes(context, journal, [{ restored: odd, replaces: first.replaces }])).rejects.toMatchObject({
      code: "volume-not-swappable",
      message: expect.stringContaining("it has options (device, type)"),
      hint: expect.stringContaining("--into"),
    });
    const missing = [{ restored: "no-such-volume", replaces: first.replaces }];
    await expect(swapVolumes(context, journal, missing)).rejects.toMatchObject({ code: "volume-not-swappable" });
    expect(content(stack)).toEqual(before);
    expect(unfinishedOperations(stack.directory)).toMatchObject([{ undo: [] }]);
  });

  test("what fails half way is taken back at once", async () => {
    const { stack, context, pairs } = await stackWithPairs();
    const journal = openJournal(stack.directory, "restore", systemClock);
    const engine = dyingEngine(context.engine, endingAtCall("place", 2));
    let made = 0;
    const create: Engine["create"] = (spec) => {
      made += 1;
      return made === 3 ? context.engine.create(spec) : engine.create(spec);
    };
    const swapping = swapVolumes({ ...context, engine: { ...context.engine, create } }, journal, pairs);
    await expect(swapping).rejects.toMatchObject({ message: "Exchanging the folders of volumes failed: exit code 9" });
    expect(content(stack)).toEqual(before);
    expect(unfinishedOperations(stack.directory)).toMatchObject([{ undo: [] }]);
  });

  test("whatever rename was the last when everything died: the next command takes all of it back", async () => {
    const { stack, context, pairs } = await stackWithPairs();
    const ends = [endingAtCall("place", 2)];
    for (let call = 1; call <= 6; call += 1) ends.push((script) => endingAtCall("move", call)(withoutExchange(script)));
    for (const [index, end] of ends.entries()) {
      const journal = openJournal(stack.directory, "restore", systemClock, undefined, { pid: 0 });
      const engine = dyingEngine(context.engine, end);
      await expect(swapVolumes({ ...context, engine }, journal, pairs)).rejects.toThrow("this process is dead");
      expect(unfinishedOperations(stack.directory)).toMatchObject([{ ended: false, undo: [{}] }]);
      await recover(context);
      expect(content(stack), `end ${index}`).toEqual(before);
      expect(unfinishedOperations(stack.directory)).toEqual([]);
    }
    expect(stack.progress.lines).toContain("Volumes that were being exchanged hold again what they held");
  });

  test("killed at every step: the next command finds all exchanged or all as before", async () => {
    const { stack, context, pairs } = await stackWithPairs();
    const child = (step: number) =>
      spawnSync(
        process.execPath,
        [
          "--import",
          "tsx",
          program,
          stack.directory,
          "swap",
          String(step),
          ...pairs.map((pair) => `${pair.restored}=${pair.replaces}`),
        ],
        { encoding: "utf8" },
      );
    const whole = child(0);
    expect(whole.stderr).toBe("");
    expect(content(stack)).toEqual(after);
    const steps = whole.stdout.trim().split("\n").slice(0, -1);
    let found = after;
    const outcomes: string[] = [];
    // From the step on at which the folders are to move; of two steps with nothing between them one is enough.
    const moving = steps.slice(steps.findIndex((name) => name.endsWith("before begin")));
    for (const name of moving.filter((one) => /before (create|start|done|settled)|after (start|settled)/.test(one))) {
      const step = Number(name.split(" ")[0]);
      expect(child(step).signal).toBe("SIGKILL");
      await recover(context);
      const now = content(stack);
      const exchanged = now.join() !== found.join();
      expect(now, name).toEqual(now.join() === after.join() ? after : before);
      outcomes.push(exchanged ? "exchanged" : "as before");
      found = now;
      expect((await oneOffs(context)).sort()).toEqual(pairs.map(({ restored }) => restored).sort());
      expect(unfinishedOperations(stack.directory)).toEqual([]);
    }
    // Only once it is noted that it stands does it stand.
    expect(outcomes.lastIndexOf("as before")).toBe(outcomes.length - 2);
    expect(outcomes.at(-1)).toBe("exchanged");
  });
});

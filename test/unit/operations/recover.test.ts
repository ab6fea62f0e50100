import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { processLabel, purposeLabel, stackLabel } from "../../../src/operations/backup/container.ts";
import type { Context } from "../../../src/operations/context.ts";
import { openJournal, readJournal, type Undo, unfinishedOperations } from "../../../src/operations/journal.ts";
import { exclusively } from "../../../src/operations/operation.ts";
import { recover } from "../../../src/operations/recover.ts";
import { systemClock } from "../../../src/support/clock.ts";
import { StackError } from "../../../src/support/errors.ts";
import { describeProcess } from "../../../src/support/process-identity.ts";
import { type FakeEngine, fakeEngine } from "../../support/fake-engine.ts";
import { model } from "../../support/models.ts";
import { type RecordedProgress, recordedProgress } from "../../support/scenario.ts";

const dead = { pid: 0 };

let directory: string;
let engine: FakeEngine;
let progress: RecordedProgress;
let context: Context;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "recover-"));
  engine = fakeEngine();
  progress = recordedProgress();
  const compose = {
    run: async () => ({ code: 0, signal: undefined, stdout: "", stderr: "" }),
  } as unknown as Context["compose"];
  const signal = new AbortController().signal;
  context = { directory, model: model([]), engine, compose, clock: systemClock, progress, signal };
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const goOn = (kind: string, service: string, ...containers: string[]): Undo => ({
  kind,
  project: "shop",
  service,
  containers,
});

/** A journal of a process that has died after it began these steps. */
function left(operation: string, ...undo: Undo[]): string {
  const journal = openJournal(directory, operation, systemClock, undefined, dead);
  for (const [index, one] of undo.entries()) journal.begin({ id: String(index), undo: one });
  return journal.id;
}

test("what stood still goes on: only containers that ran, whatever their ids are now, and not what a person has started since", async () => {
  engine.add({ service: "web", name: "shop-web-2", state: "exited" });
  engine.add({ service: "web", name: "shop-web-1", state: "exited" });
  engine.add({ service: "worker", name: "shop-worker-1", state: "paused" });
  engine.add({ service: "db", name: "shop-db-1", state: "running" });
  const id = left(
    "backup",
    goOn("start-service", "web", "shop-web-2"),
    goOn("unpause", "worker", "shop-worker-1"),
    goOn("start-service", "db", "shop-db-1"),
    goOn("start-service", "gone", "shop-gone-1"),
  );
  await recover(context);
  expect(engine.done).toEqual(["unpause worker", "start web"]);
  expect((await engine.observe("shop")).containers.map(({ name, state }) => `${name} ${state}`)).toEqual([
    "shop-db-1 running",
    "shop-web-1 exited",
    "shop-web-2 running",
    "shop-worker-1 running",
  ]);
  expect(readJournal(directory, id).at(-1)).toMatchObject({ type: "end", outcome: "undone" });
  expect(progress.lines).toContain("The last backup was cut short; putting right what it left");
  await recover(context);
  expect(engine.done).toHaveLength(2);
});

test("a service that was made anew meanwhile and runs is let be; one that does not run is started", async () => {
  engine.add({ service: "web", name: "shop-web-7", state: "running" });
  engine.add({ service: "web", name: "shop-web-8", state: "exited" });
  engine.add({ service: "worker", name: "shop-worker-5", state: "exited" });
  left("backup", goOn("start-service", "web", "shop-web-1"), goOn("start-service", "worker", "shop-worker-1"));
  await recover(context);
  expect(engine.done).toEqual(["start worker"]);
});

test("the command after a copy is run where the service runs; what it complains of is told once", async () => {
  const run = (command: readonly string[]) => {
    engine.done.push(command.join(" "));
    return { exitCode: 4, stdout: "", stderr: "not frozen" };
  };
  engine.add({ service: "web", name: "shop-web-1", run });
  left(
    "backup",
    { kind: "run-after", project: "shop", service: "web", command: ["thaw", "all"] },
    { kind: "run-after", project: "shop", service: "gone", command: ["thaw"] },
  );
  await recover(context);
  expect(engine.done).toEqual(["thaw all"]);
  expect(progress.lines).toContain("warning: web does not go on: exit code 4, not frozen");
  await recover(context);
  expect(engine.done).toEqual(["thaw all"]);
});

test("a service that does not start again is told and does not block the next command; an engine that is away does", async () => {
  engine.add({ service: "web", name: "shop-web-1", state: "exited" });
  left("backup", goOn("start-service", "web", "shop-web-1"));
  const start = engine.start;
  engine.start = async () => {
    throw new StackError({ code: "engine-unreachable", exit: "engineUnreachable", message: "away" });
  };
  await expect(recover(context)).rejects.toMatchObject({ code: "engine-unreachable" });
  expect(unfinishedOperations(directory)).toMatchObject([{ undo: [{ step: "0" }] }]);
  engine.start = async () => {
    throw new StackError({ code: "engine-refused", exit: "unhealthy", message: "port is already allocated" });
  };
  await recover(context);
  expect(progress.lines).toContain("warning: web does not go on: port is already allocated");
  engine.start = start;
  await recover(context);
  expect(engine.done).toEqual([]);
});

test("an operation that ended with a service still standing is put right; what it keeps on purpose stays", async () => {
  engine.add({ service: "web", name: "shop-web-1", state: "exited" });
  await engine.createVolume("shop_copy", {});
  const journal = openJournal(directory, "backup", systemClock, undefined, dead);
  journal.begin({ id: "volume", undo: { kind: "remove-volume", volume: "shop_copy" } });
  journal.begin({ id: "stop", undo: goOn("start-service", "web", "shop-web-1") });
  journal.end("done");
  await recover(context);
  expect(engine.done).toEqual(["start web"]);
  expect(await engine.volume("shop_copy")).toBeDefined();
});

test("a living process is not recovered from under; volumes, containers and folders of dead ones go, kept ones stay", async () => {
  const alive = { [stackLabel]: "shop", [processLabel]: JSON.stringify(describeProcess()) };
  const lost = { [stackLabel]: "shop", [processLabel]: JSON.stringify(dead) };
  const spec = { image: "busybox:1.38.0", command: [] };
  await engine.create({ ...spec, name: "mine", labels: alive });
  await engine.create({ ...spec, name: "lost", labels: lost });
  await engine.create({ ...spec, name: "of-another-stack", labels: { ...lost, [stackLabel]: "blog" } });
  await engine.create({ ...spec, name: "of-nobody-knows", labels: { [stackLabel]: "shop" } });
  for (const [name, labels] of [
    ["drill", { ...lost, [purposeLabel]: "drill" }],
    ["kept", { ...lost, [purposeLabel]: "restore" }],
    ["drill-now", { ...alive, [purposeLabel]: "drill" }],
    ["half-restored", { ...lost, [purposeLabel]: "restore" }],
  ] as const)
    await engine.createVolume(name, labels);
  left("restore", { kind: "remove-volume", volume: "half-restored" });
  openJournal(directory, "backup", systemClock).begin({ id: "stop", undo: goOn("start-service", "web", "shop-web-1") });
  engine.add({ service: "web", name: "shop-web-1", state: "exited" });

  const staging = join(directory, "backups", ".staging");
  const stage = (name: string, owner?: object) => {
    mkdirSync(join(staging, name), { recursive: true });
    writeFileSync(join(staging, name, "part"), "");
    if (owner !== undefined) writeFileSync(join(staging, `${name}.process`), JSON.stringify(owner));
  };
  stage("of-mine", describeProcess());
  stage("of-dead", dead);
  stage("unsaid");
  stage("unsaid-long-ago");
  utimesSync(join(staging, "unsaid-long-ago"), 0, 0);
  writeFileSync(join(staging, "finished.process"), JSON.stringify(describeProcess()));

  await recover(context);
  expect(engine.done.filter((text) => !text.startsWith("create"))).toEqual(["remove lost"]);
  expect([...engine.madeVolumes.keys()]).toEqual(["kept", "drill-now"]);
  expect(readdirSync(staging).sort()).toEqual(["of-mine", "of-mine.process", "unsaid"]);
});

test("a half-done exchange of volumes that cannot be taken back stops the command, and nothing after it is removed", async () => {
  engine.images.set(context.model.backup.toolbox, { id: "sha256:1", architecture: "amd64", size: 1, digests: [] });
  await engine.createVolume("restored", {});
  engine.add({ service: "foreign", name: "foreign", project: "blog", mounted: ["live"] });
  left(
    "restore",
    { kind: "remove-volume", volume: "restored" },
    {
      kind: "swap-volumes",
      root: "/volumes",
      placements: [{ restored: { volume: "restored", inode: "1" }, replaces: { volume: "live", inode: "2" } }],
    },
  );
  const body = async () => "started";
  await expect(exclusively(context, "start", 0, body)).rejects.toMatchObject({ code: "volume-in-use" });
  expect(await engine.volume("restored")).toBeDefined();
  expect(unfinishedOperations(directory)).toMatchObject([{ ended: false, undo: [{ step: "1" }, { step: "0" }] }]);
});

test("with nothing to do it does nothing, and a command without an engine does not ask it", async () => {
  await recover(context);
  expect(engine.done).toEqual([]);
  expect(existsSync(join(directory, ".stack"))).toBe(false);
  engine.labelled = async () => {
    throw new Error("asked");
  };
  const { directory: where, clock, signal } = context;
  expect(await exclusively({ directory: where, clock, signal, progress }, "prune", 0, async () => 1)).toBe(1);
  await expect(exclusively(context, "start", 0, async () => 1)).rejects.toThrow("asked");
});

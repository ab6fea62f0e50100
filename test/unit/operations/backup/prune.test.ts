import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { runPrune } from "../../../../src/operations/backup/prune.ts";
import { changeBackupState, noteSourceRun, readBackupState } from "../../../../src/operations/backup/state.ts";
import { bytesOf } from "../../../../src/snapshots/byte-source.ts";
import { readCatalogue } from "../../../../src/snapshots/catalogue.ts";
import { localStore } from "../../../../src/snapshots/local-store.ts";
import {
  manifestName,
  printManifest,
  type SnapshotManifest,
  snapshotFolder,
} from "../../../../src/snapshots/manifest.ts";
import type { SnapshotStore } from "../../../../src/snapshots/store.ts";
import type { S3Destination } from "../../../../src/stack/backup-settings.ts";
import type { DataSource } from "../../../../src/stack/data-source.ts";
import { type BackupStack, backupStack, keysIn } from "../../../support/backup-stack.ts";
import { type MemoryStore, memoryStore } from "../../../support/memory-store.ts";
import { backupSettings } from "../../../support/models.ts";
import {
  baseFacts,
  day,
  hour,
  idAt,
  manifest,
  noon,
  putSnapshot,
  segment,
  sha256,
} from "../../../support/snapshots.ts";

const offsite: S3Destination = {
  name: "offsite",
  type: "s3",
  bucket: "b",
  prefix: "shop",
  credentials: "s3",
  appendOnly: false,
  keep: 7 * day,
};

function stackWith(destination: Partial<S3Destination> = {}): BackupStack & { local: MemoryStore } {
  const stack = backupStack({ backup: backupSettings({ destinations: [{ ...offsite, ...destination }] }) });
  // No waiting for a disk where the disk is not what it is about.
  return { ...stack, local: memoryStore({ name: "local", offHost: false, now: () => stack.time.now - 2 * day }) };
}

function stackOnDisk(): BackupStack & { local: SnapshotStore } {
  const stack = stackWith();
  return { ...stack, local: localStore(join(stack.directory, "backups")) };
}

/** One full set a day. */
async function fillDaily(store: SnapshotStore, days: readonly number[]): Promise<void> {
  for (const ago of days) await putSnapshot(store, manifest({ at: noon - ago * day }));
}

async function daysIn(store: SnapshotStore): Promise<number[]> {
  const { snapshots } = await readCatalogue(store);
  expect(snapshots.flatMap(({ problems }) => problems)).toEqual([]);
  return snapshots.map(({ manifest: { startedAt } }) => (noon - Date.parse(startedAt)) / day);
}

describe("prune", () => {
  test("removes old sets from the folder on this host, and nothing else there", async () => {
    const { context, directory, local } = stackOnDisk();
    await fillDaily(local, [9, 8, 3, 2, 1, 0]);
    mkdirSync(join(directory, "backups", "snapshots-old", "files"), { recursive: true });
    writeFileSync(join(directory, "backups", "snapshots-old", "files", "mine"), "");
    writeFileSync(join(directory, "backups", "snapshots", "files", "notes.txt"), "");
    const { stores } = await runPrune(context, [local]);
    expect(stores[0]?.removed).toMatchObject({ sets: 1, refused: 0, leftovers: 0 });
    expect(stores[0]?.plan[0]).toBe(`remove files full ${idAt(noon - 9 * day)}: 9d older than the newest checked one`);
    expect(await daysIn(local)).toEqual([8, 3, 2, 1, 0]);
    expect(existsSync(join(directory, "backups", "snapshots", "files", idAt(noon - 9 * day)))).toBe(false);
    expect(existsSync(join(directory, "backups", "snapshots-old", "files", "mine"))).toBe(true);
    expect(existsSync(join(directory, "backups", "snapshots", "files", "notes.txt"))).toBe(true);
    expect(readBackupState(directory)).toMatchObject({
      lastSeenNow: noon,
      lastPrune: { local: { at: noon, removed: 1 } },
      pruning: {},
    });
    // The next one finds the other.
    await runPrune(context, [local]);
    expect(await daysIn(local)).toEqual([3, 2, 1, 0]);
  });

  test("on trial tells the same and changes nothing", async () => {
    const { context, directory, local } = stackWith();
    await fillDaily(local, [9, 3, 2, 1, 0]);
    const before = await keysIn(local);
    const trial = await runPrune(context, [local], { dryRun: true });
    expect(await keysIn(local)).toEqual(before);
    expect(existsSync(join(directory, ".stack", "backup", "state.json"))).toBe(false);
    expect(existsSync(join(directory, ".stack", "journal"))).toBe(false);
    const { stores } = await runPrune(context, [local]);
    expect(trial.stores[0]?.plan).toEqual(stores[0]?.plan);
  });

  test("in a store that refuses is no failure, and takes no parent, log or object of a set that stays", async () => {
    const { context, local } = stackWith();
    const refusing = memoryStore({ name: "offsite", appendOnly: true });
    const full = manifest({ at: noon - 20 * day });
    await putSnapshot(refusing, full);
    await putSnapshot(refusing, manifest({ at: noon - 19 * day, type: "incremental", parent: full.id }));
    await fillDaily(refusing, [2, 1, 0]);
    for (const ago of [3, 2, 1])
      await putSnapshot(
        refusing,
        manifest({ at: noon - ago * hour, type: "incremental", parent: idAt(noon - 2 * day) }),
      );
    // Only the increment's manifest is refused: a lock holds it.
    const partly: SnapshotStore = {
      ...refusing,
      async remove(key) {
        if (key.includes(idAt(noon - 19 * day))) return "refused";
        return refusing.objects.delete(key) ? "removed" : "absent";
      },
    };
    const { stores } = await runPrune(context, [local, partly], { force: true });
    const [, result] = stores;
    expect([result?.error, result?.removed]).toMatchObject([undefined, { sets: 0, refused: 1 }]);
    expect(await daysIn(partly)).toContain(20);
  });

  test("tells what lies of a source that stack.yaml does not name, and removes it by its name alone", async () => {
    const { context, local } = stackWith();
    const uploads = { name: "uploads", kind: "volume", component: "app", service: "app", volume: "uploads" };
    const source = { ...uploads, consistency: { kind: "live" } } as unknown as DataSource;
    const known = { ...context, model: { ...context.model, dataSources: [source] } };
    const full = manifest({ at: noon - 2 * day, source: "old" });
    await putSnapshot(local, full);
    await putSnapshot(local, manifest({ at: noon - day, source: "old", type: "incremental", parent: full.id }));
    for (const key of ["objects/old/aa/x", `wal/old/7312345678901234567/${segment(1)}.zst`, "objects/older/aa/x"])
      await local.put(key, bytesOf("x"));
    for (const ago of [1, 0]) await putSnapshot(local, manifest({ at: noon - ago * day, source: "uploads" }));
    const { stores } = await runPrune(known, [local]);
    expect(stores[0]).toMatchObject({ removedSources: [{ source: "old", sets: 2 }], removed: { sets: 0 } });
    for (const name of ["uploads", "stack"])
      await expect(runPrune(known, [local], { source: name })).rejects.toThrow("is a source of this stack");
    await expect(runPrune(known, [local], { source: "ol" })).rejects.toThrow("No store holds a copy of a source ol");
    const before = await keysIn(local);
    await runPrune(known, [local], { source: "old", dryRun: true });
    expect(await keysIn(local)).toEqual(before);
    const removed = await runPrune(known, [local], { source: "old" });
    expect(removed.stores[0]?.removed).toMatchObject({ sets: 2, log: 1, objects: 1 });
    expect(await keysIn(local)).toEqual(before.filter((key) => !key.includes("/old/")));
    expect((await runPrune(known, [local])).stores[0]?.removedSources).toEqual([]);
  });

  test("gives up on a store that lets nothing go", async () => {
    const { context, local } = stackWith();
    const refusing = memoryStore({ name: "offsite", appendOnly: true });
    const tried: string[] = [];
    const counting: SnapshotStore = {
      ...refusing,
      remove: async (key) => {
        tried.push(key);
        return refusing.remove(key);
      },
    };
    for (let source = 0; source < 20; source += 1)
      for (const ago of [30, 2, 1, 0])
        await putSnapshot(refusing, manifest({ at: noon - ago * day, source: `files-${source}` }));
    const { stores } = await runPrune(context, [local, counting]);
    expect(tried).toHaveLength(10);
    expect([stores[1]?.error, stores[1]?.removed]).toMatchObject([undefined, { sets: 0, refused: 10 }]);
  });

  test("leaves a destination alone that is said to be append-only", async () => {
    const { context, directory, local } = stackWith({ appendOnly: true });
    const remote = memoryStore({ name: "offsite" });
    await fillDaily(remote, [9, 3, 2, 1, 0]);
    const { stores } = await runPrune(context, [local, remote]);
    expect(stores[1]).toMatchObject({ skipped: "skipped by policy: its own rules remove what is old (appendOnly)" });
    expect(readBackupState(directory).lastPrune.offsite?.held).toEqual([]);
    expect(await daysIn(remote)).toHaveLength(5);
  });

  test("of one store goes on where another does not answer, and what that one may lack stays longer", async () => {
    const { context, local } = stackWith();
    const dead: SnapshotStore = {
      ...memoryStore({ name: "offsite" }),
      // biome-ignore lint/correctness/useYield: it fails before the first object
      async *list() {
        throw new Error("no answer");
      },
    };
    await fillDaily(local, [20, 9, 3, 2, 1, 0]);
    const { stores } = await runPrune(context, [local, dead]);
    expect(stores.map(({ error }) => error?.message)).toEqual([undefined, "no answer"]);
    expect(await daysIn(local)).toEqual([9, 3, 2, 1, 0]);
  });

  test("never follows a failed run, and says so", async () => {
    const { context, directory, local } = stackWith();
    await fillDaily(local, [9, 3, 2, 1, 0]);
    changeBackupState(directory, (state) =>
      noteSourceRun(state, "files", "full", noon, { ok: false, message: "disk full" }),
    );
    const { stores } = await runPrune(context, [local], { force: true });
    expect(stores[0]?.held[0]?.source).toBe("files");
    expect(await daysIn(local)).toHaveLength(5);
    expect(readBackupState(directory).lastPrune.local?.held[0]).toMatch(/^files: its newest run \(full, .*\) failed$/);
  });

  test("never follows a leap of the clock; a day later, or when a store agrees, it goes on", async () => {
    const { context, directory, local, time } = stackWith();
    await fillDaily(local, [9, 3, 2, 1, 0]);
    changeBackupState(directory, (state) => {
      state.lastSeenNow = noon - 3 * day;
    });
    const { stores } = await runPrune(context, [local]);
    expect(stores[0]?.refused).toBe("the clock was last seen 3d ago: it jumped, or nothing ran since");
    time.now += hour;
    expect((await runPrune(context, [local])).stores[0]?.refused).toBe(
      "the clock jumped 1h ago: nothing is removed for a day",
    );
    const remote = memoryStore({ name: "offsite" });
    await fillDaily(remote, [9]);
    expect((await runPrune(context, [local, remote], { dryRun: true })).stores[0]?.refused).toBeUndefined();
    time.now += 23 * hour;
    expect((await runPrune(context, [local])).stores[0]?.refused).toBeUndefined();
    expect(await daysIn(local)).toEqual([3, 2, 1, 0]);
  });

  test("takes the log that no base needs any more, at every store by what that store keeps", async () => {
    const { context, local } = stackWith();
    const base = (ago: number, start: number) =>
      manifest({ source: "postgres", type: "base", at: noon - ago * day, facts: baseFacts(segment(start)) });
    for (const [ago, start] of [
      [9, 10],
      [2, 20],
      [1, 30],
      [0, 40],
    ] as const)
      await putSnapshot(local, base(ago, start));
    for (const number of [9, 19, 20, 41])
      await local.put(`wal/postgres/7312345678901234567/${segment(number)}.zst`, bytesOf("log"));
    const { stores } = await runPrune(context, [local]);
    expect(stores[0]?.removed).toMatchObject({ sets: 1, log: 2 });
    expect((await keysIn(local, "wal/")).map((key) => key.split("/").at(-1))).toEqual([
      `${segment(20)}.zst`,
      `${segment(41)}.zst`,
    ]);
  });
});

describe("shared objects", () => {
  /** A snapshot that refers to objects; the list is its only part. */
  function referring(ago: number, keys: readonly string[], suffix = ""): { described: SnapshotManifest; list: Buffer } {
    const list = gzipSync(`${keys.join("\n")}\n`);
    const content = { bytes: list.length, sha256: sha256(list) };
    const name = "objects.list.gz";
    const parts = [{ name, content, stored: { name: `${name}${suffix}`, ...content } }];
    const encryption = suffix === "" ? ("none" as const) : ("age" as const);
    return {
      described: manifest({ source: "minio", at: noon - ago * day, parts, objectsPart: name, encryption }),
      list,
    };
  }

  async function put(store: SnapshotStore, ago: number, keys: readonly string[], suffix = ""): Promise<void> {
    const { described, list } = referring(ago, keys, suffix);
    const folder = snapshotFolder("minio", described.id);
    const bytes = suffix === "" ? list : Buffer.alloc(list.length);
    await store.put(`${folder}objects.list.gz${suffix}`, bytesOf(bytes));
    await store.put(`${folder}${manifestName}`, bytesOf(printManifest(described)));
  }

  const key = (name: string) => `objects/minio/aa/${name}`;
  const lists: [number, string[]][] = [
    [9, [key("old"), key("both")]],
    [2, [key("both")]],
    [1, [key("both")]],
    [0, [key("new")]],
  ];

  test("go when no set that stays refers to them, also where lists are encrypted: this host remembers", async () => {
    const { context, directory, local } = stackOnDisk();
    const remote = memoryStore({ name: "offsite", now: () => noon - 2 * day });
    for (const [ago, keys] of lists) {
      await put(local, ago, keys);
      await put(remote, ago, keys, ".age");
    }
    for (const name of ["old", "both", "new", "stray"]) {
      await remote.put(`${key(name)}.age`, bytesOf(name));
      await local.put(key(name), bytesOf(name));
      const old = (noon - 2 * day) / 1_000;
      utimesSync(join(directory, "backups", key(name)), old, old);
    }
    const { stores } = await runPrune(context, [local, remote]);
    expect(stores.map(({ removed }) => [removed?.sets, removed?.objects])).toEqual([
      [1, 2],
      [1, 2],
    ]);
    expect(await keysIn(local, "objects/")).toEqual([key("both"), key("new")]);
    expect(await keysIn(remote, "objects/")).toEqual([`${key("both")}.age`, `${key("new")}.age`]);
  });

  test("all stay where one list is not known, is damaged, or a manifest cannot be read", async () => {
    const { context, local } = stackWith();
    const remote = memoryStore({ name: "offsite", now: () => noon - 2 * day });
    for (const [ago, keys] of lists) await put(remote, ago, keys, ".age");
    await remote.put(`${key("stray")}.age`, bytesOf("stray"));
    const [, result] = (await runPrune(context, [local, remote])).stores;
    expect(result?.plan.at(-1)).toBe(
      `keep all objects of minio: what ${idAt(noon - 2 * day)} refers to is not known on this host`,
    );
    // The local copy is damaged: it is not the list that the manifest names.
    for (const [ago, keys] of lists) await put(local, ago, keys);
    const damaged = `${snapshotFolder("minio", idAt(noon - day))}objects.list.gz`;
    await local.put(damaged, bytesOf(gzipSync("objects/minio/aa/other\n")));
    expect((await runPrune(context, [local, remote])).stores[1]?.removed?.objects).toBe(0);
    expect(await keysIn(remote, "objects/")).toHaveLength(1);
  });

  test("stay where the list that this host remembers is not the right one any more", async () => {
    const { context, directory, local } = stackWith();
    const remote = memoryStore({ name: "offsite", now: () => noon - 2 * day });
    for (const [ago, keys] of lists) {
      await put(local, ago, keys);
      await put(remote, ago, keys, ".age");
    }
    await runPrune(context, [local, remote]);
    const remembered = join(directory, ".stack", "backup", "references");
    const newest = readdirSync(remembered).sort().at(-1) ?? "";
    writeFileSync(join(remembered, newest), gzipSync("objects/minio/aa/other\n"));
    await remote.put(`${key("stray")}.age`, bytesOf("stray"));
    for (const held of [...local.objects.keys()]) local.objects.delete(held);
    expect((await runPrune(context, [local, remote])).stores[1]?.removed?.objects).toBe(0);
  });

  test("stay that only a set refers to which is still to be delivered", async () => {
    const { context, local } = stackWith();
    const remote = memoryStore({ name: "offsite", now: () => noon - 2 * day });
    for (const [ago, keys] of lists) {
      await put(local, ago, keys);
      if (ago > 0) await put(remote, ago, keys, ".age");
    }
    await remote.put(`${key("new")}.age`, bytesOf("new"));
    await runPrune(context, [local, remote]);
    expect(await keysIn(remote, "objects/")).toEqual([`${key("new")}.age`]);
  });
});

describe("a prune that is killed", () => {
  async function filled(): Promise<MemoryStore> {
    const store = memoryStore({ name: "offsite", now: () => noon - hour });
    const full = manifest({ at: noon - 20 * day });
    await putSnapshot(store, full);
    await putSnapshot(store, manifest({ at: noon - 19 * day, type: "incremental", parent: full.id }));
    await fillDaily(store, [2, 1, 0]);
    for (const ago of [3, 2, 1])
      await putSnapshot(store, manifest({ at: noon - ago * hour, type: "incremental", parent: idAt(noon - 2 * day) }));
    for (const [ago, start] of [
      [9, 10],
      [2, 20],
      [1, 30],
      [0, 40],
    ] as const)
      await putSnapshot(
        store,
        manifest({ source: "postgres", type: "base", at: noon - ago * day, facts: baseFacts(segment(start)) }),
      );
    for (const number of [9, 19, 20])
      await store.put(`wal/postgres/7312345678901234567/${segment(number)}`, bytesOf("log"));
    return store;
  }

  test("at any removal leaves whole sets and closed chains, and the next one finishes", async () => {
    const whole = await filled();
    const undisturbed = stackWith();
    await runPrune(undisturbed.context, [undisturbed.local, whole], { force: true });
    const wanted = await keysIn(whole);
    let removals = 0;
    for (let survives = 0; ; survives += 1) {
      const { context, directory, local } = stackWith();
      const store = await filled();
      let done = 0;
      const dying: SnapshotStore = {
        ...store,
        async remove(key) {
          if (done >= survives) throw new Error("killed");
          done += 1;
          return store.remove(key);
        },
      };
      const [, result] = (await runPrune(context, [local, dying], { force: true })).stores;
      const { snapshots } = await readCatalogue(store);
      const here = new Set(snapshots.map(({ manifest: { id } }) => id));
      expect(snapshots.flatMap(({ problems }) => problems)).toEqual([]);
      for (const {
        manifest: { parent },
      } of snapshots)
        if (parent !== undefined) expect(here.has(parent)).toBe(true);
      if (result?.error === undefined) {
        removals = survives;
        break;
      }
      expect(result.error.message).toBe("killed");
      await runPrune(context, [local, store], { force: true });
      expect(await keysIn(store)).toEqual(wanted);
      expect(readBackupState(directory).pruning).toEqual({});
    }
    // Three sets of two objects each, and two files of the log.
    expect(removals).toBe(8);
  });

  test("is in the journal, step by step", async () => {
    const { context, directory, local } = stackWith();
    await fillDaily(local, [9, 3, 2, 1, 0]);
    await runPrune(context, [local]);
    const [name = ""] = readdirSync(join(directory, ".stack", "journal"));
    const records = readFileSync(join(directory, ".stack", "journal", name), "utf8")
      .trim()
      .split("\n");
    expect(records.map((line) => (JSON.parse(line) as { type: string; step?: string }).step ?? "")).toEqual([
      "",
      `remove:local/files/${idAt(noon - 9 * day)}`,
      `remove:local/files/${idAt(noon - 9 * day)}`,
      "",
    ]);
  });
});

import { execFileSync, spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { composeIn } from "../../../../src/engine/compose.ts";
import { shipLogs } from "../../../../src/operations/backup/log.ts";
import { runPrune } from "../../../../src/operations/backup/prune.ts";
import type { Failure } from "../../../../src/operations/backup/result.ts";
import { runBackup } from "../../../../src/operations/backup/run.ts";
import { readBackupState } from "../../../../src/operations/backup/state.ts";
import { openStores } from "../../../../src/operations/backup/stores.ts";
import type { Context } from "../../../../src/operations/context.ts";
import { unfinishedOperations } from "../../../../src/operations/journal.ts";
import { silentProgress } from "../../../../src/operations/progress.ts";
import { readCatalogue } from "../../../../src/snapshots/catalogue.ts";
import type { SnapshotStore } from "../../../../src/snapshots/store.ts";
import { isDiskFull } from "../../../../src/support/disk.ts";
import { messageOf, StackError } from "../../../../src/support/errors.ts";
import { fakeEngine } from "../../../support/fake-engine.ts";
import { type FaultyS3, startFaultyS3 } from "../../../support/faulty-s3.ts";
import { backupSettings, model, postgresSource, service } from "../../../support/models.ts";
import { day, manifest, noon, putSnapshot } from "../../../support/snapshots.ts";

/** A disk of 4 MiB, which knows pages of 4 KiB; undefined where nobody may make one. */
function smallDisk(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "pages-"));
  const options = "size=4m,mode=700";
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", options, "none", folder], { stdio: "ignore" });
  if (status === 0) return folder;
  rmdirSync(folder);
  process.stderr.write("skipped: a disk that fills up at each write (no file system can be mounted)\n");
  return undefined;
}

const disk = smallDisk() ?? "";
const pageSize = 4_096;
/** No run writes more pages than this. */
const border = 200;

describe.skipIf(disk === "")("a disk that fills up at any write", () => {
  const directory = join(disk, "stack");
  const filler = join(disk, "filler");
  const time = { now: noon };
  let bucket: FaultyS3;
  let context: Context;

  beforeAll(async () => {
    bucket = await startFaultyS3();
    mkdirSync(join(directory, "secrets"), { recursive: true });
    writeFileSync(join(directory, "secrets/s3"), "key\nsecret\n");
    writeFileSync(join(directory, "stack.yaml"), "name: shop\n");
    const recipients = [await identityToRecipient(await generateX25519Identity())];
    const backup = backupSettings({
      encrypt: { kind: "age", recipients },
      destinations: [
        {
          name: "offsite",
          type: "s3",
          bucket: "b",
          prefix: "shop",
          endpoint: bucket.endpoint,
          credentials: "s3",
          appendOnly: false,
        },
      ],
    });
    context = {
      directory,
      model: model([], { backup }),
      engine: fakeEngine(),
      compose: composeIn(directory),
      clock: { now: () => time.now, sleep: async () => {} },
      progress: silentProgress,
      signal: new AbortController().signal,
    };
  });
  afterAll(async () => {
    await bucket?.close();
    execFileSync("umount", ["--lazy", disk]);
    rmdirSync(disk);
  });

  const makeRoom = () => rmSync(filler, { force: true });

  /** Fills the disk but for so many pages. */
  function leave(pages: number): void {
    const file = openSync(filler, "w");
    let size = 0;
    try {
      for (;;) size += writeSync(file, new Uint8Array(pageSize));
    } catch (error) {
      expect(messageOf(error)).toContain("ENOSPC");
      ftruncateSync(file, size - pages * pageSize);
    } finally {
      closeSync(file);
    }
    expect(statfsSync(disk).bavail).toBe(pages);
  }

  /** Every set that is listed, in any store, is whole. */
  async function countWhole(): Promise<number> {
    const [local, ...others] = await Promise.all(
      openStores(context).map(async (store) => (await readCatalogue(store)).snapshots),
    );
    for (const { problems } of [local ?? [], ...others].flat()) expect(problems).toEqual([]);
    return local?.length ?? 0;
  }

  const staged = () => {
    const folder = join(directory, "backups/.staging");
    return existsSync(folder) ? readdirSync(folder).filter((name) => !name.endsWith(".process")) : [];
  };

  function expectTold(failure: Failure | undefined): void {
    expect(failure?.code, failure?.message).not.toBe("bug");
    expect(failure?.message).toMatch(/full|space|ENOSPC/i);
    expect(failure?.hint, failure?.message).toMatch(/room|space|disk|backup/);
  }

  /** Runs with 0, 1, 2, … pages left until one run notices nothing; says how many did. */
  async function atEachWrite<Result>(
    run: () => Promise<Result>,
    look: (ended: Result | StackError) => Promise<boolean>,
    prepare = async () => {},
  ): Promise<number> {
    for (let pages = 0; pages < border; pages += 1) {
      time.now += 60_000;
      await prepare();
      leave(pages);
      const ended = await run().catch((error: unknown) => error as StackError);
      if (ended instanceof Error) {
        expect(ended).toBeInstanceOf(StackError);
        expectTold(ended as Failure);
      }
      const unnoticed = await look(ended);
      makeRoom();
      if (unnoticed) return pages;
    }
    throw new Error(`${border} pages are not enough`);
  }

  const backup = () => runBackup(context, { only: ["stack"], version: "0.0.0" });

  test("during a backup: nothing half is listed, every complaint says so, and the next run is whole", async () => {
    await backup();
    let before = await countWhole();
    const noticed = await atEachWrite(backup, async (ended) => {
      let made = 0;
      let unnoticed = false;
      if (!(ended instanceof Error)) {
        made = ended.sources.filter(({ id }) => id !== undefined).length;
        for (const { outcome, error } of [...ended.sources, ...ended.deliveries])
          if (outcome === "failed") expectTold(error);
        unnoticed = [...ended.sources, ...ended.deliveries].every(({ outcome }) => outcome === "ok");
        unnoticed &&= !ended.notes.some((note) => note.includes("full"));
      }
      expect(staged()).toEqual([]);
      expect(await countWhole()).toBe(before + made);
      makeRoom();
      time.now += 60_000;
      const next = await backup();
      expect(next.sources.map(({ outcome }) => outcome)).toEqual(["ok"]);
      expect(next.deliveries.map(({ outcome, missing }) => [outcome, missing])).toEqual([["ok", 0]]);
      expect(unfinishedOperations(directory)).toEqual([]);
      before = await countWhole();
      return unnoticed;
    });
    expect(noticed).toBeGreaterThan(5);
  });

  describe("during a prune", () => {
    const old = [20, 21, 22].map((ago) => manifest({ at: noon - ago * day, source: "files" }));
    const fresh = [3, 2, 1, 0].map((ago) => manifest({ at: noon - ago * day, source: "files" }));
    const local = () => openStores(context, ["local"]);
    const reserve = () => join(directory, ".stack/backup/reserve");
    const prune = () => runPrune(context, local(), { force: true });

    async function put(): Promise<void> {
      for (const store of local()) for (const each of [...old, ...fresh]) await putSnapshot(store, each);
    }

    async function countFiles(): Promise<number> {
      const { snapshots } = await readCatalogue(local()[0] as SnapshotStore);
      return snapshots.filter((each) => each.manifest.source.name === "files").length;
    }

    test("sets go whole or stay, and the next one goes on, where no room was kept for it", async () => {
      const noticed = await atEachWrite(
        prune,
        async (ended) => {
          await countWhole();
          const errors = ended instanceof Error ? [ended] : ended.stores.flatMap(({ error }) => error ?? []);
          for (const error of errors) expectTold(error as Failure);
          makeRoom();
          const { stores } = await prune();
          expect(stores.flatMap(({ error }) => error ?? [])).toEqual([]);
          expect(readBackupState(directory).pruning).toEqual({});
          expect(await countFiles()).toBe(fresh.length);
          return errors.length === 0;
        },
        async () => {
          await put();
          rmSync(reserve(), { recursive: true });
        },
      );
      expect(noticed).toBeGreaterThan(1);
    });

    test("it makes room on a disk without a single free page, and the next one can do so again", async () => {
      await backup();
      for (let round = 0; round < 2; round += 1) {
        await put();
        leave(0);
        const { stores } = await prune();
        expect(stores).toMatchObject([{ store: "local", removed: { sets: old.length } }]);
        expect(stores[0]?.error).toBeUndefined();
        expect(readdirSync(reserve())).toHaveLength(8);
        expect(statfsSync(disk).bavail).toBeGreaterThan(0);
        expect(await countFiles()).toBe(fresh.length);
        makeRoom();
      }
    });
  });

  test("while the log of Postgres is shipped: no segment is lost or half there, and the next call brings it everywhere", async () => {
    const source = postgresSource();
    const server = { ...context, model: { ...context.model, services: [service("postgres")], dataSources: [source] } };
    const system = "7710468822763765784";
    const spool = join(directory, source.spool);
    const [local, offsite] = openStores(server) as [SnapshotStore, SnapshotStore];
    mkdirSync(spool, { recursive: true });
    let number = 0;
    const key = () =>
      `wal/postgres/${system}/0000000100000000${number.toString(16).toUpperCase().padStart(8, "0")}.zst`;
    const spooled = () => join(spool, `${system}.${basename(key())}`);
    const content = () => `segment ${number}`.padEnd(2 * pageSize, "-");
    const ship = async () => (await shipLogs(server))?.sources ?? [];
    const noticed = await atEachWrite(
      ship,
      async (ended) => {
        const failed = ended instanceof Error ? [ended] : ended.flatMap(({ error }) => error ?? []);
        for (const error of failed) expectTold(error as Failure);
        const kept = join(directory, "backups", key());
        const places = [spooled(), kept].filter((path) => existsSync(path));
        expect(places.map((path) => readFileSync(path, "utf8"))).toEqual([content()]);
        const arrived = await offsite.head(`${key()}.age`);
        makeRoom();
        expect((await ship()).map(({ outcome, error }) => [outcome, error])).toEqual([["ok", undefined]]);
        expect(readdirSync(spool)).toEqual([]);
        expect(readFileSync(kept, "utf8")).toBe(content());
        const there = await offsite.head(`${key()}.age`);
        expect(there?.bytes).toBeGreaterThan(content().length);
        if (arrived !== undefined) expect(arrived.bytes).toBe(there?.bytes);
        if (ended instanceof Error) return false;
        // That a disk is nearly full is told in any case.
        const stuck = failed.filter(({ message }) => !message.startsWith("the disk of the log is full"));
        return stuck.length === 0 && !ended.some(({ warnings }) => warnings.join().includes("remembered"));
      },
      async () => {
        number += 1;
        writeFileSync(spooled(), content());
      },
    );
    expect(noticed).toBeGreaterThan(1);
    expect((await local.head(key()))?.bytes).toBe(content().length);
  });

  test("what the system says is known as a full disk, also as a cause", () => {
    leave(0);
    let thrown: unknown;
    try {
      writeFileSync(join(disk, "more"), "content");
    } catch (error) {
      thrown = error;
    }
    expect(isDiskFull(thrown)).toBe(true);
    expect(isDiskFull(new Error("outer", { cause: thrown }))).toBe(true);
    makeRoom();
  });
});

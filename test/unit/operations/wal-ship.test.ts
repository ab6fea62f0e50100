import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { shipWal } from "../../../src/operations/backup/wal-ship.ts";
import type { Context } from "../../../src/operations/context.ts";
import { silentProgress } from "../../../src/operations/progress.ts";
import { localStore } from "../../../src/snapshots/local-store.ts";
import type { SnapshotManifest } from "../../../src/snapshots/manifest.ts";
import { noSealer, type Sealer } from "../../../src/snapshots/seal.ts";
import type { SnapshotStore } from "../../../src/snapshots/store.ts";
import { defaultSegmentSize, findGaps, segmentOfLsn } from "../../../src/snapshots/wal-chain.ts";
import { type FakeEngine, fakeEngine } from "../../support/fake-engine.ts";
import { type MemoryStore, memoryStore } from "../../support/memory-store.ts";
import { model, postgresSource, service } from "../../support/models.ts";

const systemId = "7710468822763765784";
const minute = 60_000;
const start = Date.parse("2026-11-21T00:00:00Z");

const source = postgresSource();

/** Name of the segment of a number, counted from 1. */
function segment(number: number, timeline = 1): string {
  const position = BigInt(number) * BigInt(defaultSegmentSize);
  const lsn = `${(position >> 32n).toString(16)}/${(position & 0xffffffffn).toString(16)}`;
  return segmentOfLsn(timeline, lsn) ?? "";
}

function baseAt(number: number, timeline = 1, more: Record<string, unknown> = {}): SnapshotManifest {
  const time = new Date(start + number * minute).toISOString();
  return {
    format: 1,
    id: `20261121T00000${number}Z-00000${timeline}`,
    run: "",
    stack: "shop",
    source: { name: "postgres", kind: "postgres", component: "postgres", service: "postgres" },
    type: "base",
    startedAt: time,
    finishedAt: time,
    pointInTime: time,
    tool: "0",
    encryption: "none",
    parts: [],
    facts: {
      systemId,
      timeline,
      startSegment: segment(number, timeline),
      endSegment: segment(number, timeline),
      walSegmentSize: defaultSegmentSize,
      ...more,
    },
    checks: [],
    warnings: [],
  };
}

describe("shipping the log of Postgres", () => {
  let directory: string;
  let spool: string;
  let now: number;
  let local: SnapshotStore;
  let engine: FakeEngine;
  let context: Context;
  let concurrency: number;

  beforeEach(() => {
    concurrency = 4;
    directory = mkdtempSync(join(tmpdir(), "wal-ship-"));
    spool = join(directory, source.spool);
    mkdirSync(spool, { recursive: true });
    now = start;
    local = localStore(join(directory, "backups"));
    engine = fakeEngine();
    context = {
      directory,
      model: model([service("postgres")], { dataSources: [source] }),
      engine,
      compose: undefined as never,
      clock: { now: () => now, sleep: async () => {} },
      progress: silentProgress,
      signal: new AbortController().signal,
    };
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  /** What archive-wal.sh leaves. */
  function archive(file: string, content = file, at = now): void {
    const name = file.endsWith(".history") || file.endsWith(".dropped") ? file : `${file}.zst`;
    const path = join(spool, `${systemId}.${name}`);
    writeFileSync(path, content);
    utimesSync(path, at / 1_000, at / 1_000);
  }

  function ship(stores: readonly SnapshotStore[], bases = [baseAt(1)], sealer: Sealer = noSealer) {
    const destinations = stores.map((store) => ({ store, sealer }));
    return shipWal(context, source, { local, destinations, bases, concurrency });
  }

  /** A store that can be away, and says in which order it got what. */
  function farStore(name = "far"): MemoryStore & { away: boolean; got: string[]; listed: number } {
    const inner = memoryStore({ name, now: () => now });
    const far = {
      ...inner,
      away: false,
      got: [] as string[],
      listed: 0,
      async put(...[key, bytes, options]: Parameters<SnapshotStore["put"]>) {
        if (far.away) throw new Error(`${name} does not answer`);
        const stored = await inner.put(key, bytes, options);
        far.got.push(key.slice(`wal/postgres/${systemId}/`.length));
        return stored;
      },
      list(...args: Parameters<SnapshotStore["list"]>) {
        far.listed += 1;
        if (far.away) throw new Error(`${name} does not answer`);
        return inner.list(...args);
      },
    };
    return far;
  }

  const localNames = () => readdirSync(join(directory, "backups/wal/postgres", systemId)).sort();

  test("moves finished files into the local store and leaves unfinished and foreign ones", async () => {
    archive(segment(1));
    writeFileSync(join(spool, `.${systemId}.${segment(2)}.new`), "half");
    writeFileSync(join(spool, "notes.txt"), "not ours");
    const report = await ship([]);
    expect(report).toMatchObject({ systemId, moved: 1, holes: [], problems: [] });
    expect(localNames()).toEqual([`${segment(1)}.zst`]);
    expect(readdirSync(spool).sort()).toEqual([`.${systemId}.${segment(2)}.new`, "notes.txt"]);
    // The time of the last change in it goes with it.
    expect(report.stores[0]).toMatchObject({ store: "local", newest: { file: segment(1), at: start } });
  });

  test("delivers branches first and segments in order, and each only once", async () => {
    concurrency = 1;
    for (const number of [3, 1, 2]) archive(segment(number));
    archive("00000002.history");
    const far = farStore();
    const sealer: Sealer = { ...noSealer, suffix: ".age" };
    expect((await ship([far], [baseAt(1)], sealer)).stores[1]).toMatchObject({ delivered: 4, waiting: 0 });
    archive(segment(4));
    expect((await ship([far], [baseAt(1)], sealer)).stores[1]).toMatchObject({ delivered: 1, waiting: 0 });
    expect(far.got).toEqual(["00000002.history.age", ...[1, 2, 3, 4].map((number) => `${segment(number)}.zst.age`)]);
    expect(far.listed).toBe(1);
  });

  test("a destination that is away for a day keeps no other waiting, and lacks nothing afterwards", async () => {
    const [near, far] = [farStore("near"), farStore("far")];
    far.away = true;
    const bases = [baseAt(1)];
    for (let number = 1; number <= 1_440; number += 1) {
      now = start + number * minute;
      archive(segment(number));
      if (number % 30 !== 0) continue;
      const report = await ship([near, far], bases);
      expect(report.stores.map(({ waiting }) => waiting)).toEqual([0, 0, number]);
      expect(report.problems).toEqual(["far: far does not answer"]);
    }
    expect(readdirSync(spool)).toEqual([]);
    far.away = false;
    const report = await ship([near, far], bases);
    expect(report).toMatchObject({ holes: [], problems: [], spool: { waiting: 0 } });
    expect(report.stores[2]).toMatchObject({ delivered: 1_440, waiting: 0, newest: { file: segment(1_440) } });
    const there = [...far.objects.keys()].map((key) => key.slice(-28, -4));
    expect(there).toHaveLength(1_440);
    expect(findGaps(there, segment(1))).toEqual([]);
    expect([...near.objects.keys()].sort()).toEqual([...far.objects.keys()].sort());
    // Each file is really written through to the disk.
  }, 60_000);

  test("goes on after it was killed between storing and remembering, without storing again", async () => {
    archive(segment(1));
    const far = farStore();
    await ship([far]);
    archive(segment(2));
    far.objects.set(`wal/postgres/${systemId}/${segment(2)}.zst`, { bytes: Buffer.from("there"), modifiedAt: now });
    await ship([far]);
    // And when all that was remembered is lost.
    rmSync(join(directory, ".stack"), { recursive: true });
    expect((await ship([far])).stores[1]).toMatchObject({ delivered: 0, waiting: 0 });
    expect(far.got).toEqual([`${segment(1)}.zst`]);
  });

  test("what vanished from a destination is found out the next day and delivered again; what its age took is not", async () => {
    const far = farStore();
    for (const number of [1, 2, 3, 4]) archive(segment(number));
    await ship([far], [baseAt(1), baseAt(3)]);
    far.objects.delete(`wal/postgres/${systemId}/${segment(1)}.zst`);
    far.objects.delete(`wal/postgres/${systemId}/${segment(4)}.zst`);
    far.got.length = 0;
    expect((await ship([far], [baseAt(1), baseAt(3)])).stores[1]).toMatchObject({ delivered: 0 });
    now += 25 * 60 * minute;
    await ship([far], [baseAt(1), baseAt(3)]);
    expect(far.got).toEqual([`${segment(4)}.zst`]);
  });

  test("the same file twice is let go of, another content is put aside and told of", async () => {
    archive(segment(1));
    await ship([]);
    archive(segment(1));
    expect(await ship([])).toMatchObject({ moved: 0, problems: [] });
    expect(readdirSync(spool)).toEqual([]);
    archive("00000002.history", "one");
    await ship([]);
    archive("00000002.history", "other");
    const report = await ship([]);
    expect(report.problems).toEqual([
      `backups/spool/postgres/${systemId}.00000002.history.conflict differs from what is kept under its name: two servers, one log`,
    ]);
    expect(readdirSync(spool)).toEqual([`${systemId}.00000002.history.conflict`]);
  });

  test("a hole is told with the moment from which on nothing can be restored, and asks for a base", async () => {
    for (const number of [1, 2, 5]) archive(segment(number), "x", start + number * minute);
    const report = await ship([]);
    expect(report.holes).toEqual([
      { from: segment(3), to: segment(4), systemId, timeline: 1, since: start + 2 * minute },
    ]);
    expect(report.baseWanted).toBe(`the log is missing from ${segment(3)} to ${segment(4)}`);
    // A base from behind the hole makes it history.
    expect(await ship([], [baseAt(1), baseAt(5)])).toMatchObject({ holes: [], problems: [] });
  });

  test("a file that was let go of because the disk was full asks for a base until the hole shows by itself", async () => {
    archive(segment(1));
    archive(`${segment(2)}.dropped`, "");
    const first = await ship([]);
    expect(first.baseWanted).toBe(`the disk was full, and ${segment(2)} of the log was not kept`);
    expect(readdirSync(spool)).toEqual([`${systemId}.${segment(2)}.dropped`]);
    archive(segment(3));
    expect((await ship([])).holes).toMatchObject([{ from: segment(2), to: segment(2) }]);
    expect(readdirSync(spool)).toEqual([]);
  });

  test.each([
    ["there is none of this cluster", [], {}, "there is no base backup of this cluster"],
    ["the server went on elsewhere", [baseAt(1)], { timeline: 2 }, "the server went on on timeline 2"],
    ["a restore was taken back", [baseAt(1), baseAt(1, 2)], { timeline: 1 }, "the server went on on timeline 1"],
    ["it is new enough", [baseAt(1)], {}, undefined],
  ])("asks for a base backup: %s", async (_, bases, archiver, reason) => {
    archive(segment(1));
    serves(archiver);
    expect((await ship([], bases)).baseWanted).toBe(reason);
  });

  test("asks for a base backup when replaying the log would take longer than that", async () => {
    const folder = join(directory, "backups/wal/postgres", systemId);
    mkdirSync(folder, { recursive: true });
    for (let number = 1; number <= 513; number += 1) writeFileSync(join(folder, `${segment(number)}.zst`), "");
    expect((await ship([])).baseWanted).toBe("8.0 GB of log have come since the last one");
    const large = baseAt(1, 1, { databases: { app: 100 * 1024 ** 3 } });
    expect((await ship([], [large])).baseWanted).toBeUndefined();
  });

  /** A server that answers what it is asked about its archiver. */
  function serves(answer: Record<string, unknown>): void {
    const known = {
      systemId,
      timeline: 1,
      on: true,
      timeout: minute,
      ready: 0,
      failures: 0,
      lastFailed: null,
      ...answer,
    };
    engine.add({
      service: "postgres",
      run: () => ({ exitCode: 0, stdout: JSON.stringify(known), stderr: "" }),
    });
  }

  test("an idle server is not stale: its own account says up to when nothing is missing", async () => {
    archive(segment(1));
    serves({});
    const far = farStore();
    now += 600 * minute;
    const report = await ship([far]);
    expect(report.changes).toEqual({ lastChangeAt: start, seenAt: now - 75_000 });
    expect(report.stores.map(({ lag }) => lag)).toEqual([75_000, 75_000]);
    far.away = true;
    archive(segment(2));
    now += minute;
    // What has not arrived there counts from the last change that has.
    expect((await ship([far])).stores.map(({ lag }) => lag)).toEqual([minute, now - start]);
  });

  test("of two timelines the newest change is that of the one that was written to last", async () => {
    archive(segment(2, 2), "x", start + minute);
    archive(segment(3), "x", start + 2 * minute);
    expect((await ship([])).stores[0]?.newest).toEqual({ file: segment(3), at: start + 2 * minute });
  });

  test("an archiver that fails, or falls behind, is told; and nothing is claimed then", async () => {
    archive(segment(1));
    serves({ ready: 12, lastFailed: segment(2), lastFailedAt: start, lastArchivedAt: start - 1 });
    const report = await ship([]);
    expect(report.problems).toEqual([
      `postgres cannot archive ${segment(2)}, last tried 2026-11-21T00:00:00.000Z`,
      "12 files of the log of postgres wait to be archived",
    ]);
    expect(report.changes).toBeUndefined();
  });
});

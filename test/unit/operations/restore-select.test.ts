import { describe, expect, test } from "vitest";
import { chainOf, checkSnapshotName, choose, parseMoment } from "../../../src/operations/restore/select.ts";
import type { Catalogue, CatalogueEntry } from "../../../src/snapshots/catalogue.ts";
import type { SnapshotManifest, SnapshotType } from "../../../src/snapshots/manifest.ts";
import type { DataSource } from "../../../src/stack/data-source.ts";

const volume: DataSource = {
  name: "uploads",
  component: "web",
  service: "web",
  volume: "uploads",
  kind: "volume",
  consistency: { kind: "live" },
};

function entry(
  day: number,
  type: SnapshotType,
  more: Partial<SnapshotManifest> = {},
  problems: string[] = [],
): CatalogueEntry {
  const id = `202611${String(day).padStart(2, "0")}T020000Z-00000${day % 10}`;
  const time = `2026-11-${String(day).padStart(2, "0")}T02:00:00.000Z`;
  const manifest: SnapshotManifest = {
    format: 1,
    id,
    run: `202611${String(day).padStart(2, "0")}T015900Z-aaaaaa`,
    stack: "shop",
    source: { name: "uploads", kind: "volume", component: "web", service: "web" },
    type,
    startedAt: time,
    finishedAt: time,
    pointInTime: time,
    tool: "0",
    encryption: "none",
    parts: [],
    facts: {},
    checks: [],
    warnings: [],
    ...more,
  };
  return { key: `snapshots/uploads/${id}/manifest.json`, manifest, bytes: 1, parts: [], problems };
}

function catalogue(store: string, ...snapshots: CatalogueEntry[]): Catalogue {
  return { store, snapshots, unreadable: [], incomplete: [], wal: [], objects: undefined, foreign: [] };
}

const full = entry(1, "full");
const second = entry(2, "incremental", { parent: full.manifest.id });
const third = entry(3, "incremental", { parent: second.manifest.id });

const chosen = (catalogues: Catalogue[], wanted = {}) => {
  const found = choose(volume, catalogues, wanted);
  return found && `${found.store}: ${found.chain.map(({ manifest }) => manifest.id.slice(6, 8)).join(" ")}`;
};

describe("which snapshot comes back", () => {
  test("the newest, with all that it builds on, oldest first", () => {
    expect(chosen([catalogue("local", full, second, third)])).toBe("local: 01 02 03");
  });

  test("an increment whose chain is broken is passed over", () => {
    expect(chosen([catalogue("local", full, third)])).toBe("local: 01");
    const damaged = { ...second, problems: ["a part is missing"] };
    expect(chosen([catalogue("local", full, damaged, third)])).toBe("local: 01");
  });

  test("a store that has a newer one is taken, else the first", () => {
    expect(chosen([catalogue("local", full), catalogue("offsite", full, second)])).toBe("offsite: 01 02");
    expect(chosen([catalogue("local", full), catalogue("offsite", full)])).toBe("local: 01");
  });

  test("the newest from before a moment", () => {
    const at = Date.parse("2026-11-02T12:00:00Z");
    expect(chosen([catalogue("local", full, second, third)], { at })).toBe("local: 01 02");
    expect(chosen([catalogue("local", full)], { at: Date.parse("2026-10-01T00:00:00Z") })).toBeUndefined();
  });

  test("by the id of a snapshot or of a run", () => {
    const all = catalogue("local", full, second, third);
    expect(chosen([all], { snapshot: second.manifest.id })).toBe("local: 01 02");
    expect(chosen([all], { snapshot: third.manifest.run })).toBe("local: 01 02 03");
    expect(chosen([all], { snapshot: "20200101T000000Z-abcdef" })).toBeUndefined();
  });

  test("a chain that goes in a circle has no beginning", () => {
    const one = entry(4, "incremental", { parent: "20261105T020000Z-000005" });
    const other = entry(5, "incremental", { parent: one.manifest.id });
    expect(chainOf(one, [one, other])).toBeUndefined();
  });

  test("of a database server the base counts unless a dump is named", () => {
    const postgres = { ...volume, kind: "postgres" } as unknown as DataSource;
    const base = entry(1, "base");
    const dump = entry(2, "dump");
    const all = [catalogue("local", base, dump)];
    expect(choose(postgres, all, {})?.entry).toBe(base);
    expect(choose(postgres, all, { snapshot: dump.manifest.id })?.entry).toBe(dump);
    expect(choose(postgres, all, { snapshot: dump.manifest.run })).toBeUndefined();
  });
});

describe("a moment", () => {
  const now = Date.UTC(2026, 10, 21, 12);

  test("needs its time zone", () => {
    expect(parseMoment("2026-11-21T03:04:05Z", now)).toBe(Date.UTC(2026, 10, 21, 3, 4, 5));
    expect(parseMoment("2026-11-21 05:04:05+02:00", now)).toBe(Date.UTC(2026, 10, 21, 3, 4, 5));
    for (const text of ["2026-11-21T03:04:05", "yesterday", "2026-11-21", "2026-13-21T03:04:05Z"])
      expect(() => parseMoment(text, now)).toThrow("is not a moment with its time zone");
  });

  test("lies in the past", () => {
    expect(parseMoment("2026-11-21T12:00:00Z", now)).toBe(now);
    expect(() => parseMoment("2026-11-21T12:00:00-01:00", now)).toThrow(
      "--at 2026-11-21T12:00:00-01:00 lies in the future: it is 2026-11-21T12:00:00Z now",
    );
  });
});

test("text that cannot be an id is refused", () => {
  expect(() => checkSnapshotName("../etc")).toThrow("is not the id of a snapshot");
  expect(() => checkSnapshotName("latest")).not.toThrow();
});

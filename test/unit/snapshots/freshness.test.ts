import { describe, expect, test } from "vitest";
import type { Catalogue, CatalogueEntry } from "../../../src/snapshots/catalogue.ts";
import { freshnessOf, logWindows, recoveryPoints, type WatchedStore } from "../../../src/snapshots/freshness.ts";
import type { WalObject } from "../../../src/snapshots/wal-chain.ts";
import { badCheck, baseFacts, day, entry, hour, idAt, minute, noon, segment, wal } from "../../support/snapshots.ts";

const rpo = 15 * minute;

function store(name: string, offHost: boolean, snapshots: CatalogueEntry[], log: WalObject[] = []): WatchedStore {
  const catalogue: Catalogue = {
    store: name,
    snapshots,
    unreadable: [],
    incomplete: [],
    wal: log,
    objects: undefined,
    foreign: [],
  };
  return { catalogue, offHost };
}

function points(
  stores: WatchedStore[],
  source = "files",
  changes?: { lastChangeAt: number; seenAt: number },
): string[] {
  const sources = [{ name: source, rpo, ...(changes && { changes }) }];
  return recoveryPoints({ now: noon, sources, stores }).map(
    ({ store: name, age, state, counts }) =>
      `${name} ${age === undefined ? "nothing" : age / minute} ${state}${counts ? "" : " (does not count)"}`,
  );
}

describe("how much would be lost now", () => {
  test.each([
    [7, "ok"],
    [7.5, "warn"],
    [11.9, "warn"],
    [12, "critical"],
  ])("%d of 15 minutes is %s", (age, state) => {
    expect(freshnessOf(age * minute, rpo)).toBe(state);
  });

  test("the newest copy counts, and only off the host where there is such a place", () => {
    const old = entry({ at: noon - 10 * minute });
    const young = entry({ at: noon - 2 * minute });
    expect(points([store("local", false, [old, young])])).toEqual(["local 2 ok"]);
    expect(
      points([store("local", false, [old, young]), store("offsite", true, [old]), store("second", true, [])]),
    ).toEqual(["local 2 ok (does not count)", "offsite 10 warn", "second nothing critical"]);
  });

  test("a copy that is broken, was never good, builds on nothing or is from the future counts for nothing", () => {
    const good = entry({ at: noon - 5 * minute });
    const others = [
      entry({ at: noon - 4 * minute, problems: ["archive.tar.zst is missing"] }),
      entry({ at: noon - 3 * minute, checks: badCheck(noon) }),
      entry({ at: noon - 2 * minute, checks: [] }),
      entry({ at: noon - minute, type: "incremental", parent: idAt(noon - 9 * day) }),
      entry({ at: noon + hour }),
    ];
    expect(points([store("local", false, [good, ...others])])).toEqual(["local 5 ok"]);
  });

  test("the moment of the data counts, not when the copy was made", () => {
    const late = entry({ at: noon - minute, pointInTime: new Date(noon - 13 * minute).toISOString() });
    expect(points([store("local", false, [late])])).toEqual(["local 13 critical"]);
  });
});

describe("with a write-ahead log", () => {
  const base = entry({ source: "postgres", type: "base", at: noon - day, facts: baseFacts(segment(3)) });
  const log = (last: number, from = 3) =>
    Array.from({ length: last - from + 1 }, (_, index) =>
      wal(segment(from + index), noon - (20 - from - index) * minute),
    );

  test("the point is when the last segment was archived", () => {
    expect(points([store("offsite", true, [base], log(17))], "postgres")).toEqual(["offsite 3 ok"]);
  });

  test("a hole ends it, and what is behind the hole counts for nothing", () => {
    const holed = log(17).filter(({ file }) => file !== segment(10));
    const stores = [store("offsite", true, [base], holed)];
    expect(points(stores, "postgres")).toEqual(["offsite 11 warn"]);
    const [window] = logWindows({ now: noon, sources: [{ name: "postgres", rpo }], stores });
    expect(window?.gap).toEqual({ from: segment(10), to: segment(10) });
  });

  test("a segment that was delivered late holds no later changes", () => {
    const late = log(17).map((object) => ({ ...object, modifiedAt: noon }));
    const stores = [store("local", false, [], log(17)), store("offsite", true, [base], late)];
    expect(points(stores, "postgres")[1]).toBe("offsite 3 ok");
  });

  test("without its own log the base alone counts", () => {
    expect(points([store("offsite", true, [base], log(17, 4))], "postgres")).toEqual(["offsite 1440 critical"]);
  });

  test("an idle server is not stale, as long as somebody looks", () => {
    const stores = [store("offsite", true, [base], log(5))];
    const at = noon - 15 * minute;
    expect(points(stores, "postgres")).toEqual(["offsite 15 critical"]);
    expect(points(stores, "postgres", { lastChangeAt: at, seenAt: noon - minute })).toEqual(["offsite 1 ok"]);
    expect(points(stores, "postgres", { lastChangeAt: at + 1, seenAt: noon })).toEqual(["offsite 15 critical"]);
    expect(points(stores, "postgres", { lastChangeAt: at - hour, seenAt: noon - 13 * minute })).toEqual([
      "offsite 13 critical",
    ]);
  });

  test("windows come newest first, for each store and base", () => {
    const newer = entry({ source: "postgres", type: "base", at: noon - hour, facts: baseFacts(segment(8)) });
    const stores = [store("local", false, [base, newer], log(17)), store("offsite", true, [base], log(12))];
    const windows = logWindows({ now: noon, sources: [{ name: "postgres", rpo }], stores });
    expect(windows.map((each) => [each.store, each.base, (noon - each.to) / minute])).toEqual([
      ["local", newer.manifest.id, 3],
      ["local", base.manifest.id, 3],
      ["offsite", base.manifest.id, 8],
    ]);
  });
});

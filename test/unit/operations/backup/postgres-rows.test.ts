import { describe, expect, test } from "vitest";
import { compareRows, parseRows, summary, type TableRows } from "../../../../src/operations/backup/postgres-rows.ts";

const tables = (counts: Record<string, number | TableRows>) =>
  new Map(
    Object.entries({ "large objects": 0, ...counts }).map(([name, rows]) => [
      name,
      typeof rows === "number" ? { rows, estimated: false } : rows,
    ]),
  );
const about = (rows: number): TableRows => ({ rows, estimated: true });

describe("rows of a restored database", () => {
  test("are read from what psql prints, by database", () => {
    const text = '["a", "public.t", 3, false]\n["a", "large objects", 0, false]\n\n["b\\n", "x.\\"Y\\"", 5, true]\n';
    expect(parseRows(text)).toEqual(
      new Map([
        ["a", tables({ "public.t": 3 })],
        ["b\n", new Map([['x."Y"', about(5)]])],
      ]),
    );
  });

  test.each([
    ["the same", { t: 3, u: 0 }, { t: 3, u: 0 }, true, "app: 2 tables, 3 rows, as when it was dumped"],
    ["one row less", { t: 3 }, { t: 2 }, false, "app: t has 2 of 3 rows"],
    ["one row more", { t: 3 }, { t: 4 }, false, "app: t has 4 of 3 rows"],
    ["a table less", { t: 3, u: 0 }, { t: 3 }, false, "app: u is missing"],
    ["a table more", { t: 3 }, { t: 3, u: 0 }, false, "app: u is new"],
    ["a large object less", { "large objects": 2 }, {}, false, "app: large objects has 0 of 2 rows"],
    [
      "a big one, about",
      { t: about(100) },
      { t: 90 },
      true,
      "app: 1 tables, 100 rows (of 1 big ones the server's estimate), as when it was dumped",
    ],
    ["a big one, empty", { t: about(100) }, { t: 0 }, false, "app: t is empty"],
  ])("%s", (_, expected, found, ok, detail) => {
    expect(compareRows("app", tables(expected), tables(found))).toEqual({ ok, detail });
  });

  test("of a database that nobody counted are not as when it was dumped", () => {
    expect(compareRows("app", undefined, tables({ t: 1 })).ok).toBe(false);
    expect(compareRows("app", tables({ t: 1 }), undefined).ok).toBe(false);
    expect(compareRows("app", undefined, undefined).ok).toBe(false);
  });

  test("that are wrong in many tables are told of a few", () => {
    const names = Array.from({ length: 9 }, (_, index) => [`t${index}`, 1] as const);
    const { detail } = compareRows("app", tables(Object.fromEntries(names)), tables({}));
    expect(detail).toBe("app: t0 is missing; t1 is missing; t2 is missing; t3 is missing; t4 is missing; and 4 more");
  });

  test("are summed without the large objects as a table", () => {
    expect(summary(tables({ a: 1, b: 2 }))).toBe("2 tables, 3 rows");
  });
});

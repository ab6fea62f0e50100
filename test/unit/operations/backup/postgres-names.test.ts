import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  connectionTo,
  dumpPart,
  nameWith,
  quoteName,
  quoteText,
} from "../../../../src/operations/backup/postgres-names.ts";

describe("names of databases", () => {
  test.each([
    ["app", "app.dump.tar"],
    ["App_2-x", "App_2-x.dump.tar"],
    ["my.db", "0.my.2edb.dump.tar"],
    ["_x", "0._x.dump.tar"],
    ["../etc", "0..2e.2e.2fetc.dump.tar"],
    ["ü\n", "0..c3.bc.0a.dump.tar"],
  ])("%j is dumped into %s", (name, part) => {
    expect(dumpPart(name)).toBe(part);
  });

  test("no two of them share a file, and each is a plain file name", () => {
    const name = fc.string({ minLength: 1, maxLength: 12, unit: "grapheme" });
    fc.assert(
      fc.property(name, name, (one, other) => {
        expect(dumpPart(one)).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);
        expect(dumpPart(one) === dumpPart(other)).toBe(one === other);
      }),
    );
    expect(dumpPart("0.my.2edb")).not.toBe(dumpPart("my.db"));
  });

  test("are quoted for SQL and for a connection", () => {
    expect(quoteName('a"b')).toBe('"a""b"');
    expect(quoteText("it's")).toBe("'it''s'");
    expect(quoteText("a\\'b")).toBe("E'a\\\\''b'");
    expect(connectionTo("it's host=x\\")).toBe("dbname='it\\'s host=x\\\\'");
  });

  test("are cut before an ending, to what the server keeps of a name, between characters", () => {
    expect(nameWith("app", "_restore_1")).toBe("app_restore_1");
    expect(nameWith("a".repeat(63), "_restore_1")).toBe(`${"a".repeat(53)}_restore_1`);
    expect(nameWith("ü".repeat(31), "_restore_1")).toBe(`${"ü".repeat(26)}_restore_1`);
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { manifestName, printManifest, type SnapshotManifest, snapshotFolder } from "../../../src/snapshots/manifest.ts";
import { isPlainName, parseManifest } from "../../../src/snapshots/manifest-parse.ts";
import { StackError } from "../../../src/support/errors.ts";
import { idAt, manifest, noon, sha256 } from "../../support/snapshots.ts";

const good: SnapshotManifest = manifest({
  type: "incremental",
  parent: idAt(noon - 1),
  run: idAt(noon - 5),
  image: { reference: "postgres:18", id: "sha256:1", digests: ["postgres@sha256:2"] },
  objectsPart: "archive.tar.zst",
  facts: { keys: 3, nested: { list: [1, null] } },
  warnings: ["a file changed"],
});
const key = keyOf(good);

function keyOf({ source, id }: SnapshotManifest): string {
  return `${snapshotFolder(source.name, id)}${manifestName}`;
}

/** The message of the error for a manifest in which one field is another. */
function refusal(path: string, value: unknown): string {
  const changed = structuredClone(good) as unknown as Record<string, unknown>;
  const names = path.split(".");
  let at = changed;
  for (const name of names.slice(0, -1)) at = at[name] as Record<string, unknown>;
  at[names.at(-1) ?? ""] = value;
  try {
    parseManifest(JSON.stringify(changed), key);
  } catch (error) {
    if (error instanceof StackError) return error.message.replace(`The manifest ${key} cannot be read: `, "");
    throw error;
  }
  return "accepted";
}

describe("a manifest", () => {
  test("is read as it was written", () => {
    expect(parseManifest(printManifest(good), key)).toEqual(good);
  });

  test("may hold fields of a later version, which are left out", () => {
    const text = JSON.stringify({ ...good, later: true, source: { ...good.source, later: 1 } });
    expect(parseManifest(text, key)).toEqual(good);
  });

  const hash = sha256("x");
  test.each([
    ["format", 2, "its format is 2, this program knows 1"],
    ["id", "../../etc", 'id is "../../etc" instead of the id of a snapshot'],
    ["id", "20261399T999999Z-000000", 'id is "20261399T999999Z-000000" instead of the id of a snapshot'],
    ["id", idAt(noon, 7), `it says that it is ${snapshotFolder("files", idAt(noon, 7))}manifest.json`],
    ["source.name", "other", `it says that it is ${snapshotFolder("other", good.id)}manifest.json`],
    ["source.name", "..", 'source.name is ".." instead of a plain file name'],
    ["source", [], "source is a list instead of an object"],
    ["type", "snapshot", 'type is "snapshot" instead of one of full, incremental, base, dump'],
    ["parent", undefined, "an incremental snapshot has no parent"],
    ["parent", good.id, "it is its own parent"],
    ["parent", "latest", 'parent is "latest" instead of the id of a snapshot'],
    [
      "pointInTime",
      "2026-11-21 12:00",
      'pointInTime is "2026-11-21 12:00" instead of a time in UTC (2026-11-21T02:00:00Z)',
    ],
    [
      "finishedAt",
      "2026-99-21T12:00:00Z",
      'finishedAt is "2026-99-21T12:00:00Z" instead of a time in UTC (2026-11-21T02:00:00Z)',
    ],
    ["encryption", "rot13", 'encryption is "rot13" instead of one of none, age, gpg'],
    ["parts", {}, "parts is an object instead of a list"],
    ["parts.0.name", "a/b", 'parts[0].name is "a/b" instead of a plain file name'],
    ["parts.0.stored.name", "-rf", 'parts[0].stored.name is "-rf" instead of a plain file name'],
    ["parts.0.stored.name", "manifest.json", "two files are called manifest.json"],
    ["parts.0.stored.bytes", -1, "parts[0].stored.bytes is -1 instead of a count of bytes"],
    ["parts.0.content.bytes", 2 ** 53, "parts[0].content.bytes is 9007199254740992 instead of a count of bytes"],
    ["parts.0.content.bytes", "9", 'parts[0].content.bytes is "9" instead of a count of bytes'],
    [
      "parts.0.stored.sha256",
      hash.toUpperCase(),
      `parts[0].stored.sha256 is "${hash.toUpperCase().slice(0, 59)}… instead of a SHA-256 in hex`,
    ],
    ["objectsPart", "other", "objectsPart names other, which is no part"],
    ["checks.0.ok", "yes", 'checks[0].ok is "yes" instead of true or false'],
    ["facts", null, "facts is null instead of an object"],
    ["warnings.0", 1, "warnings[0] is 1 instead of a text"],
  ])("with another %s is refused", (path, value, message) => {
    expect(refusal(path, value)).toBe(message);
  });

  test("that is no JSON is refused by a known error", () => {
    for (const text of ["", "{", "null", "[]", '"x"', `${"[".repeat(100_000)}`])
      expect(() => parseManifest(text, key)).toThrow(StackError);
  });

  test("never makes a path: any change of any value is refused or harmless", () => {
    const nasty = fc.oneof(
      fc.anything(),
      fc.constantFrom(
        "../x",
        "/etc/passwd",
        "a\\b",
        "..",
        ".",
        "-x",
        "a\u0000b",
        "",
        "~",
        "con",
        Number.NaN,
        -0,
        1e300,
      ),
      fc.string({ unit: "binary" }),
    );
    const paths = fc.constantFrom(
      ...["id", "run", "parent", "source.name", "parts.0.name", "parts.0.stored.name", "parts.0.stored.bytes"],
      ...["parts.0.content.sha256", "parts", "source", "checks", "objectsPart", "type", "startedAt", "facts"],
    );
    fc.assert(
      fc.property(paths, nasty, (path, value) => {
        const changed = structuredClone(good) as unknown as Record<string, unknown>;
        const names = path.split(".");
        let at = changed;
        for (const name of names.slice(0, -1)) at = at[name] as Record<string, unknown>;
        at[names.at(-1) ?? ""] = value;
        let text: string;
        try {
          text = JSON.stringify(changed);
        } catch {
          return;
        }
        try {
          const read = parseManifest(text, key);
          expect(keyOf(read)).toBe(key);
          for (const part of read.parts) {
            expect(isPlainName(part.name) && isPlainName(part.stored.name)).toBe(true);
            expect(Number.isSafeInteger(part.stored.bytes) && part.stored.bytes >= 0).toBe(true);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(StackError);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test("in which any bit has turned is refused; by hand its hash is that of the text without its line", () => {
    const text = printManifest(good);
    const lines = text.split("\n");
    const line = lines.findIndex((each) => each.startsWith(' "sha256": '));
    expect(lines[line]).toBe(` "sha256": "${sha256(lines.toSpliced(line, 1).join("\n"))}"`);
    const bytes = Buffer.from(text);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const turned = Buffer.from(bytes);
      turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => parseManifest(turned.toString("utf8"), key), turned.toString("utf8")).toThrow(StackError);
    }
  });

  test("of a version that wrote no hash is read", () => {
    expect(parseManifest(`${JSON.stringify(good, null, 1)}\n`, key)).toEqual(good);
  });

  test("cut short or with a byte changed is never a crash", () => {
    const text = printManifest(good);
    fc.assert(
      fc.property(
        fc.nat(text.length - 1),
        fc.string({ unit: "binary", maxLength: 3 }),
        fc.boolean(),
        (at, insert, cut) => {
          const broken = text.slice(0, at) + insert + (cut ? "" : text.slice(at + insert.length));
          try {
            parseManifest(broken, key);
          } catch (error) {
            expect(error).toBeInstanceOf(StackError);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

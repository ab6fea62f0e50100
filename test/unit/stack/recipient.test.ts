import { Encrypter } from "age-encryption";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseRecipient } from "../../../src/stack/recipient.ts";

const recipient = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

function problemOf(text: string): string {
  const parsed = parseRecipient(text);
  return parsed.kind === "problem" ? parsed.problem : "none";
}

function libraryTakes(text: string): boolean {
  try {
    new Encrypter().addRecipient(text);
    return true;
  } catch {
    return false;
  }
}

describe("a recipient of backups", () => {
  test("is a public key of age", () => {
    expect(parseRecipient(` ${recipient}\n`)).toEqual({ kind: "age", recipient });
  });

  test.each([
    ["", "not a public key of age"],
    ["me@example.org", "not a public key of age"],
    ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI me@host", "SSH keys are not accepted"],
    ["age1pq1qqqq", "only plain age keys are accepted, no post-quantum, tag or plugin keys"],
    ["age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t", "only plain age keys are accepted"],
    [recipient.slice(0, 40), "the key has 40 characters and should have 62"],
    [recipient.replace("zvky", "zvkb"), "the key has a character that no key has, at place 8"],
    [recipient.replace("zvky", "zvyk"), "the key has a typing mistake: its checksum is wrong"],
  ])("%j is none", (text, problem) => {
    expect(problemOf(text)).toContain(problem);
  });

  test("a private key is refused and not repeated", () => {
    const text = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
    expect(problemOf(text)).toBe("this is a private key; here stands the public one");
    expect(JSON.stringify(parseRecipient(text))).not.toContain(text);
  });

  test("what is accepted is what the age library accepts", () => {
    const changed = fc
      .tuple(fc.nat(57), fc.constantFrom(..."qpzry9x8gf2tvdw0s3jn54khce6mua7l1b"))
      .map(([place, letter]) => recipient.slice(0, 4 + place) + letter + recipient.slice(5 + place));
    fc.assert(
      fc.property(changed, (text) => {
        expect(parseRecipient(text).kind === "age").toBe(libraryTakes(text));
      }),
      { numRuns: 2_000 },
    );
  });
});

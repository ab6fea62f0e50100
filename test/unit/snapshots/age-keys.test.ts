import { describe, expect, test } from "vitest";
import { makeIdentity, readIdentities, recipientOf } from "../../../src/snapshots/recipients.ts";
import { StackError } from "../../../src/support/errors.ts";

const identity = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
const recipient = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

const armoured = "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQVYBGX=\n-----END PGP PRIVATE KEY BLOCK-----";

function problemOf(text: string): StackError {
  try {
    readIdentities(text);
  } catch (error) {
    if (error instanceof StackError) return error;
    throw error;
  }
  throw new Error("no problem was found");
}

describe("a file of private keys", () => {
  test("as age-keygen writes it, with comments, empty lines, Windows line ends and a byte order mark", () => {
    expect(
      readIdentities(`\uFEFF# created: 2026-11-21\r\n# public key: ${recipient}\r\n\r\n  ${identity}  \r\n`),
    ).toEqual({
      age: [identity],
      gpg: [],
    });
  });

  test("with several keys of both kinds", () => {
    expect(readIdentities(`${identity}\n${identity.toLowerCase()}\ngpg: /media/key.asc\n${armoured}\n`)).toEqual({
      age: [identity, identity],
      gpg: [{ text: `${armoured}\n` }, { path: "/media/key.asc" }],
    });
  });

  test.each([
    ["", "it holds no key"],
    ["# nothing here\n", "it holds no key"],
    [`# a\n${recipient}`, "line 2 is a public key; the private one begins with AGE-SECRET-KEY-1"],
    [identity.slice(0, 60), "line 1 is a key of age that is not whole: it has 74 characters"],
    [`${armoured}\nhunter2`, "line 5 is not a private key (AGE-SECRET-KEY-1…)"],
    ["-----BEGIN OPENSSH PRIVATE KEY-----", "line 1 begins an SSH key, for which nothing is encrypted here"],
    [
      "-----BEGIN AGE ENCRYPTED FILE-----",
      "line 1 begins a key file that is encrypted itself; decrypt it first with: age -d",
    ],
  ])("%j is refused", (text, reason) => {
    const error = problemOf(text);
    expect(error.message).toBe(`The key file cannot be used: ${reason}`);
    expect(error).toMatchObject({ code: "backup-key-unreadable", exit: "secret" });
  });

  test("no error repeats what stands in it", () => {
    for (const text of [`${identity}X`, identity.slice(0, 70), "hunter2-hunter2"]) {
      expect(JSON.stringify({ ...problemOf(text), message: problemOf(text).message })).not.toContain(text);
    }
  });

  test("its public key; a typing mistake is told without the key", async () => {
    expect(await recipientOf(identity)).toBe(recipient);
    const mistyped = identity.replace("GFPYYSJZ", "GFPYYSJQ");
    const error = await recipientOf(mistyped).catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: "backup-key-unreadable", message: expect.stringContaining("checksum") });
    expect(String((error as Error).stack)).not.toContain(mistyped);
  });

  test("a new key is a pair, and no two are the same", async () => {
    const [one, other] = [await makeIdentity(), await makeIdentity()];
    expect(await recipientOf(one.identity)).toBe(one.recipient);
    expect(one.identity).not.toBe(other.identity);
    expect(readIdentities(one.identity).age).toEqual([one.identity]);
  });
});

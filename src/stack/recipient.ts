/** A public key that backups are encrypted for, or what is wrong with a text that should be one. */
export type ParsedRecipient = { kind: "age"; recipient: string } | { kind: "problem"; problem: string; hint: string };

const makeOne = "make a key with: ./prod.sh backup keygen; its public key looks like age1… with 62 characters";

/**
 * Reads a recipient of age: `age1` and 58 characters, checksum included. Pure and without a library, so that checking a
 * stack.yaml stays light. A private key is refused without being repeated: callers must not print the text either.
 */
export function parseRecipient(text: string): ParsedRecipient {
  const recipient = text.trim();
  if (/^AGE-SECRET-KEY-/i.test(recipient)) {
    return problem(
      "this is a private key; here stands the public one",
      "take it out of this file, make a new key with: ./prod.sh backup keygen",
    );
  }
  if (/^ssh-|^ecdsa-/.test(recipient)) return problem("SSH keys are not accepted", makeOne);
  if (/^age1(pq|tag|tagpq|[a-z0-9]+)1/.test(recipient)) {
    return problem("only plain age keys are accepted, no post-quantum, tag or plugin keys", makeOne);
  }
  if (!recipient.startsWith("age1")) return problem("not a public key of age", makeOne);
  const fault = faultInBech32(recipient, 32);
  return fault === undefined
    ? { kind: "age", recipient }
    : problem(fault, "copy the whole key again, from age1 to its end");
}

function problem(text: string, hint: string): ParsedRecipient {
  return { kind: "problem", problem: text, hint };
}

const alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const checksumLength = 6;

/** What keeps a text from being `bytes` bytes in Bech32 (BIP 173), lower case; undefined where nothing does. */
function faultInBech32(text: string, bytes: number): string | undefined {
  const separator = text.lastIndexOf("1");
  const words = [...text.slice(separator + 1)].map((character) => alphabet.indexOf(character));
  const wrong = words.indexOf(-1);
  if (wrong !== -1) return `the key has a character that no key has, at place ${separator + 2 + wrong}`;
  const expected = Math.ceil((bytes * 8) / 5) + checksumLength;
  if (words.length !== expected)
    return `the key has ${text.length} characters and should have ${separator + 1 + expected}`;
  return checksumOf(text.slice(0, separator), words) === 1
    ? undefined
    : "the key has a typing mistake: its checksum is wrong";
}

/** 1 for an undamaged text. */
function checksumOf(prefix: string, words: readonly number[]): number {
  const codes = [...prefix].map((character) => character.charCodeAt(0));
  const generators = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
  let sum = 1;
  for (const value of [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31), ...words]) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ value;
    for (const [bit, generator] of generators.entries()) if ((top >>> bit) & 1) sum ^= generator;
  }
  return sum >>> 0;
}

import type { Stanza } from "age-encryption";
import { StackError } from "../support/errors.ts";

/** No header that is worth reading is longer: a recipient takes about 150 bytes. */
export const longestHeader = 256 * 1024;

export interface AgeHeader {
  /** As it stands in the file, with its last line feed. */
  header: Buffer;
  /** Secret: opens the payload. */
  fileKey: Buffer;
}

/** A new file key and the header that gives it to these recipients. Both are made by the age library. */
export async function makeHeader(recipients: readonly string[]): Promise<AgeHeader> {
  const { Encrypter } = await import("age-encryption");
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  let fileKey: Buffer | undefined;
  // A recipient that adds no line of its own: the library offers no other way to the key that it makes.
  encrypter.addRecipient({
    wrapFileKey: (key) => {
      fileKey = Buffer.from(key);
      return [];
    },
  });
  const whole = Buffer.from(await encrypter.encrypt(new Uint8Array(0)));
  const length = headerLength(whole);
  if (fileKey === undefined || length === undefined) throw new Error("age-encryption made a file without a header");
  return { header: whole.subarray(0, length), fileKey };
}

/** Bytes of the header that a file begins with; undefined where its end is not among these bytes. */
export function headerLength(start: Buffer): number | undefined {
  // The line with the checksum is the only one that begins so: other lines are "-> …" and Base64.
  const last = start.indexOf("\n---");
  const end = last === -1 ? -1 : start.indexOf("\n", last + 1);
  return end === -1 ? undefined : end + 1;
}

/**
 * The file key of a header, by the first identity that fits. Rejects with a StackError: `backup-key-wrong` where none
 * fits, `backup-damaged` where the header is not as it was written. The name is that of the file, for the message.
 */
export async function openHeader(header: Buffer, name: string, identities: readonly string[]): Promise<Buffer> {
  const { Decrypter } = await import("age-encryption");
  const decrypter = new Decrypter();
  for (const identity of identities) decrypter.addIdentity(identity);
  let unmatched: string[] | undefined;
  // Asked last, when no other fits.
  decrypter.addIdentity({
    unwrapFileKey: (stanzas: Stanza[]) => {
      unmatched = stanzas.map(({ args }) => args[0] ?? "");
      return null;
    },
  });
  try {
    return Buffer.from(await decrypter.decryptHeader(header));
  } catch (error) {
    throw unmatched === undefined
      ? damaged(name, "its header is not what was written", error)
      : await wrongKey(name, identities, unmatched);
  }
}

/** Bytes that are not what was written. */
export function damaged(name: string, detail: string, cause?: unknown): StackError {
  return new StackError({
    code: "backup-damaged",
    exit: "backupFailed",
    message: `${name} cannot be decrypted: ${detail}`,
    hint: "take another copy or another snapshot: ./prod.sh backup list",
    cause,
  });
}

async function wrongKey(name: string, identities: readonly string[], stanzas: string[]): Promise<StackError> {
  const { identityToRecipient } = await import("age-encryption");
  const given = await Promise.all(identities.map((identity) => identityToRecipient(identity)));
  return keyError(
    given.length === 0
      ? `${name} is encrypted and no private key was given`
      : `None of the private keys that were given opens ${name}`,
    [`encrypted for: ${countKinds(stanzas)}`, ...given.map((recipient) => `given: the key of ${recipient}`)],
  );
}

/** An encrypted file that cannot be opened for want of the right private key. */
export function keyError(
  message: string,
  details: string[],
  hint = "give the file that holds the private key (AGE-SECRET-KEY-1…) with: --key FILE",
): StackError {
  return new StackError({ code: "backup-key-wrong", exit: "secret", message, details, hint });
}

function countKinds(stanzas: string[]): string {
  const words: Record<string, string> = { X25519: "age key", scrypt: "passphrase" };
  const counts = new Map<string, number>();
  for (const kind of stanzas) counts.set(words[kind] ?? kind, (counts.get(words[kind] ?? kind) ?? 0) + 1);
  return [...counts].map(([kind, count]) => `${count} ${kind}${count === 1 ? "" : "s"}`).join(", ") || "nobody";
}

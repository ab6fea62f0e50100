import { StackError } from "../support/errors.ts";

/** Private keys that open backups. Secret: never printed, stored or passed to a program as an argument. */
export interface Identities {
  /** `AGE-SECRET-KEY-1…`, upper case. */
  readonly age: readonly string[];
  /** Private keys of GnuPG: the path of an exported key file, or its armoured text. */
  readonly gpg: readonly ({ path: string } | { text: string })[];
}

/** For stores where nothing is encrypted. */
export const noIdentities: Identities = { age: [], gpg: [] };

const armour = /-----BEGIN PGP PRIVATE KEY BLOCK-----[\s\S]*?-----END PGP PRIVATE KEY BLOCK-----/g;

/**
 * Reads a key file: any number of `AGE-SECRET-KEY-1…`, one a line as `age-keygen` writes them, `gpg: PATH` for an exported
 * key of GnuPG, or such a key's armoured text. Empty lines and lines that begin with # are passed over. Throws a
 * StackError (`backup-key-unreadable`, exit `secret`) that names the line, never its text.
 */
export function readIdentities(text: string): Identities {
  const age: string[] = [];
  const gpg: ({ path: string } | { text: string })[] = [...text.matchAll(armour)].map(([block]) => ({
    text: `${block}\n`,
  }));
  // Blanked and not removed, so that the lines keep their numbers.
  const lines = text.replace(armour, (block) => block.replace(/[^\n]/g, "")).split("\n");
  for (const [index, raw] of lines.entries()) {
    const line = raw.trim();
    const path = /^gpg:\s*(\S.*)$/.exec(line)?.[1];
    if (line === "" || line.startsWith("#")) continue;
    if (path !== undefined) gpg.push({ path });
    else if (/^AGE-SECRET-KEY-1[0-9A-Z]{58}$/i.test(line)) age.push(line.toUpperCase());
    else throw unreadable(`line ${index + 1} ${whatIsWrong(line)}`);
  }
  if (age.length === 0 && gpg.length === 0) throw unreadable("it holds no key");
  return { age, gpg };
}

function whatIsWrong(line: string): string {
  if (line.startsWith("age1")) return "is a public key; the private one begins with AGE-SECRET-KEY-1";
  if (/^AGE-SECRET-KEY-1/i.test(line)) return "is a key of age that is not whole: it has 74 characters";
  if (/^AGE-SECRET-KEY-PQ-1/i.test(line)) return "is a post-quantum key of age, for which nothing is encrypted here";
  if (/^-----BEGIN (OPENSSH|RSA)/.test(line)) return "begins an SSH key, for which nothing is encrypted here";
  if (line.startsWith("-----BEGIN AGE") || line.startsWith("age-encryption.org/")) {
    return "begins a key file that is encrypted itself; decrypt it first with: age -d";
  }
  return "is not a private key (AGE-SECRET-KEY-1…)";
}

function unreadable(what: string, cause?: unknown): StackError {
  return new StackError({
    code: "backup-key-unreadable",
    exit: "secret",
    message: `The key file cannot be used: ${what}`,
    hint: "the file holds one private key a line, as printed by: ./prod.sh backup keygen",
    cause,
  });
}

/** The public key (`age1…`) of a private key of age. Rejects with a StackError where it has a typing mistake. */
export async function recipientOf(identity: string): Promise<string> {
  const { identityToRecipient } = await import("age-encryption");
  try {
    return await identityToRecipient(identity);
  } catch {
    // The library's message could repeat the key.
    throw unreadable("the private key has a typing mistake: its checksum is wrong");
  }
}

/** A new key pair of age (X25519). */
export async function makeIdentity(): Promise<{ identity: string; recipient: string }> {
  const { generateX25519Identity } = await import("age-encryption");
  const identity = await generateX25519Identity();
  return { identity, recipient: await recipientOf(identity) };
}

import { join } from "node:path";
import { makeIdentity, readIdentities, recipientOf } from "../../snapshots/recipients.ts";
import type { BackupSettings } from "../../stack/backup-settings.ts";
import { StackError } from "../../support/errors.ts";
import { readIfExists, writeFileAtomic } from "../../support/files.ts";

/** A new key pair as it is shown, once. */
export interface NewKey {
  /** Secret: never written, logged or journalled here. */
  identity: string;
  recipient: string;
}

export interface KeygenOptions {
  /** Where a confirmation is remembered; undefined outside a stack. */
  directory: string | undefined;
  show(key: NewKey): void;
  /**
   * Asks for the private key that was shown, to see that it was kept, until the answer is it. Undefined: not now.
   * Left out where nobody is there to be asked.
   */
  askBack?(isTheKey: (answer: string) => boolean): Promise<boolean>;
}

/** Makes a key pair, shows it, and asks for it back. The private key is nowhere but in what `show` does with it. */
export async function runKeygen({ directory, show, askBack }: KeygenOptions): Promise<{
  recipient: string;
  confirmed: boolean;
}> {
  const key = await makeIdentity();
  show(key);
  const confirmed = (await askBack?.((answer) => answer.trim().toUpperCase() === key.identity)) ?? false;
  if (confirmed && directory !== undefined) rememberConfirmed(directory, [key.recipient]);
  return { recipient: key.recipient, confirmed };
}

export interface Confirmation {
  /** Recipients of the stack that the key file opens backups for. */
  confirmed: string[];
  /** Recipients of the stack of which nobody has shown the private key so far. */
  missing: string[];
}

/**
 * Looks whether the text of a saved key file holds a private key that opens this stack's backups, and remembers the
 * public keys of those that do. StackErrors: `backup-key-unreadable` and `backup-key-wrong` (exit `secret`),
 * `backup-no-recipients` (exit `invalidInput`).
 */
export async function confirmKey(
  stack: { directory: string; encrypt: BackupSettings["encrypt"] },
  keyFile: string,
): Promise<Confirmation> {
  const recipients = ageRecipients(stack.encrypt);
  const owned = new Set(await Promise.all(readIdentities(keyFile).age.map(recipientOf)));
  const confirmed = recipients.filter((recipient) => owned.has(recipient));
  if (confirmed.length === 0) throw foreignKey([...owned], recipients);
  rememberConfirmed(stack.directory, confirmed);
  const known = readConfirmed(stack.directory);
  return { confirmed, missing: recipients.filter((recipient) => !known.has(recipient)) };
}

function ageRecipients(encrypt: BackupSettings["encrypt"]): string[] {
  if (encrypt.kind === "age") return encrypt.recipients;
  throw new StackError({
    code: "backup-no-recipients",
    exit: "invalidInput",
    message: "stack.yaml names no public key of age that a private key could belong to",
    hint: "write it to stack.yaml (backup: { encrypt: { recipients: [age1…] } }), then: ./prod.sh generate",
  });
}

function foreignKey(owned: string[], recipients: string[]): StackError {
  return new StackError({
    code: "backup-key-wrong",
    exit: "secret",
    message: "This private key opens no backup of this stack",
    details: [
      ...owned.map((recipient) => `its public key: ${recipient}`),
      ...recipients.map((recipient) => `in stack.yaml:  ${recipient}`),
    ],
    hint: "take the file of the right key; or write this public key to stack.yaml, then: ./prod.sh generate",
  });
}

/** Public keys of which somebody has shown the private one. Empty where the list is missing or cannot be read. */
export function readConfirmed(directory: string): Set<string> {
  try {
    const { recipients }: { recipients?: unknown } = JSON.parse(readIfExists(confirmedPath(directory)) ?? "{}");
    return new Set(Array.isArray(recipients) ? recipients.filter((entry) => typeof entry === "string") : []);
  } catch {
    // Asked again: better one warning too many.
    return new Set();
  }
}

function rememberConfirmed(directory: string, recipients: readonly string[]): void {
  const all = [...new Set([...readConfirmed(directory), ...recipients])].sort();
  writeFileAtomic(confirmedPath(directory), `${JSON.stringify({ format: 1, recipients: all }, null, 1)}\n`);
}

function confirmedPath(directory: string): string {
  return join(directory, ".stack", "backup", "confirmed.json");
}

import { randomBytes } from "node:crypto";
import { rm, stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import type { Readable } from "node:stream";
import { StackError } from "../support/errors.ts";
import { type AgeSecrets, openAgeFile } from "./age.ts";
import { makeHeader } from "./age-header.ts";
import { openAgeStream } from "./age-open.ts";
import { payloadNonceBytes } from "./age-payload.ts";
import { type ByteSource, openFile } from "./byte-source.ts";
import { gpgEncrypt, gpgFolderPrefix } from "./gpg.ts";
import { openGpgStream } from "./gpg-open.ts";
import type { Identities } from "./recipients.ts";

/** The plain file as it was when it was sealed first. A key must never be used for a second content. */
interface SealedFile {
  bytes: number;
  /** Milliseconds since 1970, with their fraction. */
  modifiedAt: number;
}

/**
 * What is needed to make the same stored bytes again, to go on with an upload. JSON. SECRET for age, as it holds the
 * key of the one file: keep it in a file of mode 0600 while the upload is unfinished, and remove it then.
 */
export type SealState =
  | { encryption: "none" }
  /** Header, key and nonce in Base64. */
  | { encryption: "age"; file: SealedFile; recipients: string[]; header: string; fileKey: string; nonce: string }
  /** The encrypted file, which is there until the source is closed. */
  | { encryption: "gpg"; file: SealedFile; recipients: string[]; folder: string; path: string; bytes: number };

/** The bytes to be stored for a file: encrypted, or the file's own. */
export interface SealedSource extends ByteSource {
  readonly state: SealState;
}

/** How files are encrypted on their way into a store. */
export interface Sealer {
  readonly encryption: "none" | "age" | "gpg";
  /** What the name of a stored object gets appended. */
  readonly suffix: "" | ".age" | ".gpg";
  /**
   * Opens a file for storing. With the state of an earlier time the bytes are the same as then; where that cannot be
   * (the file or the recipients have changed, the encrypted file is gone) it rejects with a StackError
   * `backup-state-stale`: forget that state and what was uploaded, and call again without. The caller closes the source.
   */
  seal(path: string, state?: SealState, signal?: AbortSignal): Promise<SealedSource>;
}

/** Stores files as they are. */
export const noSealer: Sealer = {
  encryption: "none",
  suffix: "",
  async seal(path) {
    return { ...(await openFile(path)), state: { encryption: "none" } };
  },
};

/** Encrypts for public keys of age (`age1…`, at least one). Nothing is written: the bytes are made as they are read. */
export function ageSealer(recipients: readonly string[]): Sealer {
  requireSome(recipients);
  return {
    encryption: "age",
    suffix: ".age",
    async seal(path, earlier) {
      const file = await lookAt(path);
      const state = earlier ?? (await newAgeState(file, recipients));
      if (state.encryption !== "age" || !fits(state, file, recipients)) throw stale(path);
      return { ...(await openAgeFile(path, secretsOf(state))), state };
    },
  };
}

function secretsOf({ header, fileKey, nonce }: Extract<SealState, { encryption: "age" }>): AgeSecrets {
  const bytes = (text: string) => Buffer.from(text, "base64");
  return { header: bytes(header), fileKey: bytes(fileKey), nonce: bytes(nonce) };
}

async function newAgeState(file: SealedFile, recipients: readonly string[]): Promise<SealState> {
  const { header, fileKey } = await makeHeader(recipients);
  return {
    encryption: "age",
    file,
    recipients: [...recipients],
    header: header.toString("base64"),
    fileKey: fileKey.toString("base64"),
    nonce: randomBytes(payloadNonceBytes).toString("base64"),
  };
}

/**
 * Encrypts with the host's `gpg` for public keys in files (at least one). GnuPG cannot make the same bytes twice, so the
 * encrypted file lies in `temporaryFolder` (it needs the space) until the source is closed.
 */
export function gpgSealer(keyFiles: readonly string[], temporaryFolder: string): Sealer {
  requireSome(keyFiles);
  return {
    encryption: "gpg",
    suffix: ".gpg",
    async seal(path, earlier, signal) {
      const file = await lookAt(path);
      const state: SealState = earlier ?? {
        encryption: "gpg",
        file,
        recipients: [...keyFiles],
        ...(await gpgEncrypt(path, keyFiles, temporaryFolder, signal)),
      };
      if (state.encryption !== "gpg" || !fits(state, file, keyFiles)) {
        if (state.encryption === "gpg") await removeSealed(state.folder, temporaryFolder);
        throw stale(path);
      }
      const source = await openFile(state.path).catch(() => {
        throw stale(path);
      });
      const close = async () => {
        await source.close();
        await removeSealed(state.folder, temporaryFolder);
      };
      if (source.size !== state.bytes) {
        await close();
        throw stale(path);
      }
      return { ...source, close, state };
    },
  };
}

/** The path comes from a file: only what was made here is removed. */
async function removeSealed(folder: unknown, temporaryFolder: string): Promise<void> {
  if (typeof folder !== "string" || dirname(folder) !== resolve(temporaryFolder)) return;
  if (basename(folder).startsWith(gpgFolderPrefix)) await rm(folder, { recursive: true, force: true });
}

function requireSome(recipients: readonly string[]): void {
  if (recipients.length === 0) throw new Error("a sealer needs at least one recipient");
}

async function lookAt(path: string): Promise<SealedFile> {
  const { size, mtimeMs } = await stat(path);
  return { bytes: size, modifiedAt: mtimeMs };
}

/** The state comes from a file: nothing is taken for granted of its shape. */
function fits(
  state: { file?: Partial<SealedFile>; recipients?: string[] },
  file: SealedFile,
  recipients: readonly string[],
): boolean {
  return (
    state.file?.bytes === file.bytes &&
    state.file.modifiedAt === file.modifiedAt &&
    state.recipients?.length === recipients.length &&
    state.recipients.every((recipient, place) => recipient === recipients[place])
  );
}

function stale(path: string): StackError {
  return new StackError({
    code: "backup-state-stale",
    exit: "backupFailed",
    message: `The unfinished upload of ${basename(path)} cannot go on: the file or its recipients have changed since`,
    hint: "run the backup again: it starts that upload anew",
  });
}

/**
 * The content of a stored object, by the suffix of its name: `.age` and `.gpg` are decrypted, all else is passed on as
 * it is. Memory is bounded, the reader sets the pace. Rejects with a StackError where the key is wrong or missing
 * (`backup-key-wrong`, exit `secret`); destroys the source then.
 *
 * The stream fails (`backup-damaged`, exit `backupFailed`) when it comes to bytes that are not those that were written,
 * that is after it has passed on what was before them. So write to a temporary file, and use it only when the stream
 * has ended without an error.
 */
export async function openSealed(source: Readable, name: string, identities: Identities): Promise<Readable> {
  if (name.endsWith(".age")) return openAgeStream(source, name, identities.age);
  if (name.endsWith(".gpg")) return openGpgStream(source, name, identities.gpg);
  return source;
}

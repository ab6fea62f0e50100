import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { StackError, systemCode } from "../support/errors.ts";
import { run } from "../support/process.ts";

/** What every call of `gpg` begins with: asks nothing, reads no settings of this host, touches no key ring but the one in `home`. */
export function gpgIn(home: string): string[] {
  return ["gpg", "--batch", "--no-tty", "--no-options", "--homedir", home];
}

/** How the names of folders with encrypted files begin. One that a killed run left behind can be removed. */
export const gpgFolderPrefix = "gpg-";

/**
 * Encrypts a file for the owners of public key files with the host's `gpg`, into a folder of its own (mode 0700) below
 * `temporaryFolder`, which needs the file's size in space. Nothing is compressed: what is backed up is already. Returns
 * the folder, to be removed by the caller, and the file in it.
 */
export async function gpgEncrypt(
  path: string,
  keyFiles: readonly string[],
  temporaryFolder: string,
  signal?: AbortSignal,
): Promise<{ folder: string; path: string; bytes: number }> {
  await mkdir(temporaryFolder, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(resolve(temporaryFolder), gpgFolderPrefix));
  try {
    const home = join(folder, "home");
    await mkdir(home, { mode: 0o700 });
    const target = join(folder, `${basename(path)}.gpg`);
    const keys = keyFiles.flatMap((file) => ["--recipient-file", resolve(file)]);
    const plain = ["--no-autostart", "--trust-model", "always", "--compress-algo", "none"];
    await runGpg([...gpgIn(home), ...plain, ...keys, "--output", target, "--encrypt", resolve(path)], path, signal);
    await rm(home, { recursive: true, force: true });
    return { folder, path: target, bytes: (await stat(target)).size };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function runGpg(argv: string[], path: string, signal: AbortSignal | undefined): Promise<void> {
  const { code, stderr } = await run(argv, { env: gpgEnv, ...(signal !== undefined && { signal }) }).catch((error) => {
    throw systemCode(error) === "ENOENT" ? gpgMissing() : error;
  });
  signal?.throwIfAborted();
  if (code === 0) return;
  throw new StackError({
    code: "gpg-failed",
    exit: "backupFailed",
    message: `gpg could not encrypt ${basename(path)} (exit code ${code})`,
    details: lastLines(stderr),
    hint: "each file in backup.encrypt.gpg must be a public key, made with: gpg --export --armor KEY > FILE",
  });
}

/** Messages in English and in full, so that they can be shown beside ours. */
export const gpgEnv = { LC_ALL: "C", GNUPGHOME: undefined };

export function gpgMissing(): StackError {
  return new StackError({
    code: "gpg-missing",
    exit: "backupFailed",
    message: "The program gpg is not on this host; it encrypts and decrypts backups for GnuPG keys",
    hint: "install it: apt-get install gnupg; or use age keys, which need no program",
  });
}

export function lastLines(text: string): string[] {
  return text
    .trimEnd()
    .split("\n")
    .filter((line) => line !== "" && !line.endsWith(" created"))
    .slice(-5);
}

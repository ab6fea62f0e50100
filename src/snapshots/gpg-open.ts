import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type StackError, systemCode } from "../support/errors.ts";
import { run } from "../support/process.ts";
import { damaged, keyError } from "./age-header.ts";
import { gpgEnv, gpgIn, gpgMissing, lastLines } from "./gpg.ts";
import type { Identities } from "./recipients.ts";

/**
 * The content of a file of GnuPG, decrypted by the host's `gpg`: with the given private keys, in a key ring that lives
 * as long as the stream and in memory where the system has such a folder; where none is given with the user's own key
 * ring. As with age, what came before an error is true but not whole.
 */
export async function openGpgStream(source: Readable, name: string, keys: Identities["gpg"]): Promise<Readable> {
  if (keys.length === 0 && !existsSync(process.env.GNUPGHOME ?? join(homedir(), ".gnupg"))) {
    destroyAndThrow(source, keyError(`${name} is encrypted and no private key was given`, [], giveKey));
  }
  const home = keys.length === 0 ? undefined : await importKeys(keys).catch((error) => destroyAndThrow(source, error));
  const child = startGpg(home);
  // An early end of gpg shows as a broken pipe here and as its exit code below; the latter says why.
  let sourceError: unknown;
  pipeline(source, child.stdin).catch((error) => {
    if (systemCode(error) === "EPIPE" || systemCode(error) === "ERR_STREAM_PREMATURE_CLOSE") return;
    sourceError = error;
    child.kill();
  });
  const said = listen(child);
  const content = Readable.from(
    (async function* () {
      yield* child.stdout;
      const { code, status, stderr } = await said;
      if (sourceError !== undefined) throw sourceError;
      if (code !== 0 || !status.includes("DECRYPTION_OKAY")) throw explain(name, keys, status, stderr);
    })(),
    { objectMode: false },
  );
  content.once("close", () => {
    child.kill();
    source.destroy();
    void said.catch(() => undefined).then(() => removeKeyRing(home));
  });
  // With the first byte or the end it is known whether there is a key.
  try {
    await Promise.race([once(child.stdout, "readable"), said]);
    if (child.stdout.readableLength === 0) await throwIfFailed();
  } catch (error) {
    content.destroy();
    throw error;
  }
  return content;

  async function throwIfFailed(): Promise<void> {
    const { code, status, stderr } = await said;
    if (sourceError !== undefined) throw sourceError;
    if (code !== 0) throw explain(name, keys, status, stderr);
  }
}

function destroyAndThrow(source: Readable, error: unknown): never {
  source.destroy();
  throw error;
}

type Gpg = ChildProcessByStdio<Writable, Readable, Readable>;

function startGpg(home: string | undefined): Gpg {
  const ring = home === undefined ? ["gpg", "--batch", "--no-tty"] : [...gpgIn(home), "--pinentry-mode", "cancel"];
  const [program = "", ...rest] = [...ring, "--status-fd", "3", "--decrypt"];
  const env = { ...process.env, LC_ALL: "C" };
  return spawn(program, rest, { stdio: ["pipe", "pipe", "pipe", "pipe"], env }) as Gpg;
}

/** Everything that gpg says besides the content, when it has ended. */
async function listen(child: Gpg): Promise<{ code: number; status: string; stderr: string }> {
  let status = "";
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-8_192);
  });
  (child.stdio[3] as unknown as Readable).setEncoding("utf8").on("data", (text: string) => {
    status = (status + text).slice(-65_536);
  });
  try {
    const [code] = (await once(child, "close")) as [number | null];
    return { code: code ?? 137, status, stderr };
  } catch (error) {
    throw systemCode(error) === "ENOENT" ? gpgMissing() : error;
  }
}

const giveKey =
  "give a file that holds the private key (made with: gpg --export-secret-keys --armor KEY > FILE) with: --key FILE";

function explain(name: string, keys: Identities["gpg"], status: string, stderr: string): StackError {
  const madeFor = [...status.matchAll(/^\[GNUPG:\] ENC_TO (\S+)/gm)].map(([, id]) => `encrypted for: GnuPG key ${id}`);
  if (madeFor.length > 0 && !status.includes("DECRYPTION_INFO") && status.includes("DECRYPTION_FAILED")) {
    const details = [...new Set([...madeFor, ...lastLines(stderr)])];
    if (stderr.includes("Operation cancelled")) {
      return keyError(
        `The private key that opens ${name} is protected by a passphrase, which nobody is asked for here`,
        details,
        "give a copy of the key without one (gpg --edit-key KEY passwd, then --export-secret-keys), and remove it after",
      );
    }
    const message =
      keys.length === 0
        ? `${name} is encrypted for a key of GnuPG that is not in your key ring`
        : `None of the private keys that were given opens ${name}`;
    return keyError(message, details, giveKey);
  }
  return damaged(name, lastLines(stderr).at(-1) ?? "gpg does not say why");
}

/** A key ring with these private keys, in memory where there is a folder for that. */
async function importKeys(keys: Identities["gpg"]): Promise<string> {
  const home = await mkdtemp(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "gpg-"));
  try {
    for (const key of keys) {
      const input = "text" in key ? { input: key.text } : {};
      const files = "path" in key ? [resolve(key.path)] : [];
      const { code, stderr } = await run([...gpgIn(home), "--import", ...files], { env: gpgEnv, ...input });
      if (code !== 0) throw keyError("A private key of GnuPG cannot be read", lastLines(stderr), giveKey);
    }
    return home;
  } catch (error) {
    await removeKeyRing(home);
    throw systemCode(error) === "ENOENT" ? gpgMissing() : error;
  }
}

/** Ends the agent that gpg started for a key ring, and removes the ring. */
async function removeKeyRing(home: string | undefined): Promise<void> {
  if (home === undefined) return;
  await run(["gpgconf", "--homedir", home, "--kill", "all"], { timeout: 10_000 }).catch(() => undefined);
  await rm(home, { recursive: true, force: true });
}

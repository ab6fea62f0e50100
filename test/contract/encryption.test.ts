import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createReadStream, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeIdentity, noIdentities, readIdentities } from "../../src/snapshots/recipients.ts";
import { ageSealer, gpgSealer, openSealed, type Sealer } from "../../src/snapshots/seal.ts";
import { dockerRequired } from "../support/docker.ts";

const folder = mkdtempSync(join(tmpdir(), "encryption-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const inFolder = (name: string) => join(folder, name);

/** A `describe` for tests with a program that may be missing: skipped with a line then, failed in continuous integration. */
function describeWith(program: string, body: () => void): void {
  const isThere = spawnSync(program, ["--version"]).error === undefined;
  if (!isThere && dockerRequired)
    throw new Error(`REQUIRE_DOCKER=1, but ${program} is missing; scripts/test installs it`);
  if (!isThere) process.stderr.write(`skipped: encryption with ${program} (not installed)\n`);
  describe.skipIf(!isThere)(program, body);
}

function plainFile(size: number): { path: string; content: Buffer } {
  const content = randomBytes(size);
  writeFileSync(inFolder("plain"), content);
  return { path: inFolder("plain"), content };
}

/** Stores a file as an upload would: part by part. */
async function seal(sealer: Sealer, path: string, target: string): Promise<void> {
  const source = await sealer.seal(path);
  const parts: Buffer[] = [];
  for (let at = 0; at < source.size; at += 1_000_000) {
    parts.push(await source.read(at, Math.min(1_000_000, source.size - at)));
  }
  writeFileSync(target, Buffer.concat(parts));
  await source.close();
}

async function open(path: string, keyFile: string): Promise<Buffer> {
  return Buffer.concat(await (await openSealed(createReadStream(path), path, readIdentities(keyFile))).toArray());
}

const chunk = 65_536;
const sizes = [0, 1, chunk - 1, chunk, chunk + 1, 3 * chunk, 5_000_000];

describeWith("age", () => {
  test.each(sizes)("%i bytes go both ways, for several recipients", async (size) => {
    const keys = [await makeIdentity(), await makeIdentity(), await makeIdentity()];
    const { path, content } = plainFile(size);
    await seal(ageSealer(keys.map(({ recipient }) => recipient)), path, inFolder("ours.age"));
    const to = keys.flatMap(({ recipient }) => ["-r", recipient]);
    execFileSync("age", [...to, "-o", inFolder("theirs.age"), path]);
    for (const { identity } of keys) {
      const theirs = execFileSync("age", ["-d", "-i", "-", inFolder("ours.age")], { input: identity, maxBuffer: 1e8 });
      expect(theirs.equals(content)).toBe(true);
      expect((await open(inFolder("theirs.age"), identity)).equals(content)).toBe(true);
    }
  });

  test("reads the key file that keygen prints", async () => {
    const { identity, recipient } = await makeIdentity();
    const keyFile = `# Private key for backups.\n# public key: ${recipient}\n${identity}\n`;
    expect(execFileSync("age-keygen", ["-y"], { input: keyFile, encoding: "utf8" }).trim()).toBe(recipient);
    const made = execFileSync("age-keygen", { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    expect(readIdentities(made).age).toHaveLength(1);
  });

  test("its text form is told from a damaged file", async () => {
    const { identity, recipient } = await makeIdentity();
    execFileSync("age", ["-a", "-r", recipient, "-o", inFolder("text.age"), plainFile(10).path]);
    await expect(open(inFolder("text.age"), identity)).rejects.toThrow("age's text form (age --armor)");
  });
});

describeWith("gpg", () => {
  const temporary = inFolder("temporary");
  beforeAll(() => {
    for (const name of ["anna", "bert"]) makeGpgKey(name, "");
    makeGpgKey("carl", "correct horse");
  });

  test.each([0, 1, 5_000_000])("%i bytes go both ways, for several recipients", async (size) => {
    const { path, content } = plainFile(size);
    await seal(gpgSealer([inFolder("anna.pub"), inFolder("bert.pub")], temporary), path, inFolder("ours.gpg"));
    expect(readdirSync(temporary)).toEqual([]);
    for (const name of ["anna", "bert"]) {
      const theirs = gpg(name, ["--decrypt", inFolder("ours.gpg")]);
      expect(theirs.equals(content)).toBe(true);
      const armoured = readFileSync(inFolder(`${name}.sec`), "utf8");
      expect((await open(inFolder("ours.gpg"), armoured)).equals(content)).toBe(true);
      rmSync(inFolder("theirs.gpg"), { force: true });
      gpg(name, [
        "--trust-model",
        "always",
        "--recipient",
        name,
        "--output",
        inFolder("theirs.gpg"),
        "--encrypt",
        path,
      ]);
      expect((await open(inFolder("theirs.gpg"), `gpg: ${inFolder(`${name}.sec`)}`)).equals(content)).toBe(true);
    }
  });

  test("the same state gives the same bytes while the source is open", async () => {
    const sealer = gpgSealer([inFolder("anna.pub")], temporary);
    const { path } = plainFile(100_000);
    const first = await sealer.seal(path);
    const again = await sealer.seal(path, JSON.parse(JSON.stringify(first.state)));
    expect((await again.read(0, again.size)).equals(await first.read(0, first.size))).toBe(true);
    await again.close();
    await first.close();
    const stale = { code: "backup-state-stale" };
    await expect(sealer.seal(path, first.state)).rejects.toMatchObject(stale);
    // As a killed run leaves it, for a file that is another one by now.
    const killed = await sealer.seal(path);
    plainFile(100_001);
    await expect(sealer.seal(path, killed.state)).rejects.toMatchObject(stale);
    expect(readdirSync(temporary)).toEqual([]);
    await expect(sealer.seal(path, { ...killed.state, folder } as never)).rejects.toMatchObject(stale);
    expect(existsSync(path)).toBe(true);
    await killed.close();
  });

  test("a wrong key, a cut, a flipped byte and a file that holds no key are told", async () => {
    const stored = inFolder("stored.gpg");
    await seal(gpgSealer([inFolder("anna.pub")], temporary), plainFile(300_000).path, stored);
    const bytes = readFileSync(stored);
    await expect(open(stored, `gpg: ${inFolder("bert.sec")}`)).rejects.toMatchObject({
      code: "backup-key-wrong",
      exit: "secret",
      details: expect.arrayContaining([expect.stringMatching(/^encrypted for: GnuPG key [0-9A-F]{16}$/)]),
    });
    writeFileSync(stored, bytes.subarray(0, -20));
    await expect(open(stored, `gpg: ${inFolder("anna.sec")}`)).rejects.toMatchObject({ code: "backup-damaged" });
    bytes[200_000] = (bytes[200_000] ?? 0) ^ 1;
    writeFileSync(stored, bytes);
    await expect(open(stored, `gpg: ${inFolder("anna.sec")}`)).rejects.toMatchObject({ code: "backup-damaged" });
    await expect(gpgSealer([stored], temporary).seal(stored)).rejects.toMatchObject({
      code: "gpg-failed",
      exit: "backupFailed",
    });
    expect(readdirSync(temporary)).toEqual([]);
  });

  test("a private key with a passphrase is told from a wrong one, and asks nobody", async () => {
    const { path } = plainFile(10);
    await seal(gpgSealer([inFolder("carl.pub")], temporary), path, inFolder("stored.gpg"));
    await expect(open(inFolder("stored.gpg"), `gpg: ${inFolder("carl.sec")}`)).rejects.toMatchObject({
      code: "backup-key-wrong",
      message: expect.stringContaining("is protected by a passphrase"),
    });
  });

  test("no key ring stays behind, also where the reader stops early", async () => {
    const before = keyRings();
    const stored = inFolder("stored.gpg");
    await seal(gpgSealer([inFolder("anna.pub")], temporary), plainFile(5_000_000).path, stored);
    const keys = readIdentities(readFileSync(inFolder("anna.sec"), "utf8"));
    const stream = await openSealed(createReadStream(stored), stored, keys);
    stream.destroy();
    await expect.poll(() => keyRings().filter((ring) => !before.includes(ring)), { timeout: 20_000 }).toEqual([]);
  });

  test("a host without the program is told so", async () => {
    const path = process.env.PATH;
    process.env.PATH = folder;
    try {
      const missing = { code: "gpg-missing", message: expect.stringContaining("The program gpg is not on this host") };
      const { path: file } = plainFile(10);
      await expect(gpgSealer([inFolder("anna.pub")], temporary).seal(file)).rejects.toMatchObject(missing);
      const keys = { ...noIdentities, gpg: [{ path: inFolder("anna.sec") }] };
      await expect(openSealed(createReadStream(file), "x.gpg", keys)).rejects.toMatchObject(missing);
    } finally {
      process.env.PATH = path;
    }
  });

  afterAll(() => {
    for (const name of ["anna", "bert", "carl"])
      spawnSync("gpgconf", ["--homedir", inFolder(`${name}-home`), "--kill", "all"]);
  });
});

function gpg(name: string, args: string[]): Buffer {
  const home = inFolder(`${name}-home`);
  return execFileSync("gpg", ["--batch", "--no-tty", "--homedir", home, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 1e8,
  });
}

/** A throw-away key in a key ring of its own, with its two halves in files. */
function makeGpgKey(name: string, passphrase: string): void {
  execFileSync("mkdir", ["-m", "700", inFolder(`${name}-home`)]);
  const unlock = ["--pinentry-mode", "loopback", "--passphrase", passphrase];
  gpg(name, [...unlock, "--quick-generate-key", `${name} <${name}@example.org>`, "future-default", "default"]);
  writeFileSync(inFolder(`${name}.pub`), gpg(name, ["--armor", "--export"]));
  writeFileSync(inFolder(`${name}.sec`), gpg(name, [...unlock, "--armor", "--export-secret-keys"]));
}

/** Where keys are put for as long as a file is opened. */
function keyRings(): string[] {
  const place = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
  return readdirSync(place).filter((entry) => entry.startsWith("gpg-"));
}

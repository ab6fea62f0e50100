import { createHash, createHmac, randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { SecretFile, StackModel } from "../stack/model.ts";
import type { SecretReference, SecretText } from "../stack/secret-text.ts";
import { readIfExists, writeFileAtomic } from "../support/files.ts";

export interface WrittenSecrets {
  /** Files that were made or changed. */
  written: string[];
  /** Files that only the user can supply and that are missing or empty. */
  missing: SecretFile[];
}

/**
 * Makes secrets/ what the model asks for. Random ones are made once and never changed; composed ones follow their
 * parts, so that a changed password reaches every file that holds it. Runs at `generate` and at every `start`.
 */
export async function writeSecrets(directory: string, model: StackModel, today: Date): Promise<WrittenSecrets> {
  const folder = join(directory, "secrets");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (process.platform !== "win32") chmodSync(folder, 0o700);
  const store = new SecretFolder(folder);
  for (const file of model.secrets)
    if (file.kind === "random")
      store.ensure(file.name, () => `${randomBytes(32).toString(file.encoding)}\n`, file.mode);
  const certificates = model.secrets.filter((file) => file.kind === "certificate");
  if (certificates.length > 0) {
    const { ensureCertificates } = await import("./certificate-files.ts");
    await ensureCertificates(store, certificates, model.name, today);
  }
  for (const file of model.secrets) {
    if (file.kind !== "composed") continue;
    const text = composeSecret(file.content, (name) => store.read(name));
    if (text !== undefined) store.write(file.name, text, file.mode);
  }
  const missing = model.secrets.filter(
    (file) => file.kind === "supplied" && (store.read(file.name) ?? "").trim() === "",
  );
  for (const file of model.secrets) store.setMode(file.name, file.mode);
  return { written: store.written, missing };
}

/** The folder secrets/ with what was changed in it. */
export class SecretFolder {
  readonly written: string[] = [];
  private readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  read(name: string): string | undefined {
    return readIfExists(join(this.folder, name));
  }

  ensure(name: string, make: () => string, mode: number): void {
    if ((this.read(name) ?? "").trim() === "") this.write(name, make(), mode);
  }

  write(name: string, content: string, mode: number): void {
    if (this.read(name) === content) return;
    writeFileAtomic(join(this.folder, name), content, mode);
    this.written.push(name);
  }

  /** A file that the user put there gets the mode that its server can read. */
  setMode(name: string, mode: number): void {
    const path = join(this.folder, name);
    if (process.platform === "win32" || this.read(name) === undefined) return;
    if ((statSync(path).mode & 0o777) !== mode) chmodSync(path, mode);
  }
}

/**
 * Fills in the values. A line whose value is not there yet is left out, so that one missing secret does not take the
 * others with it; undefined where nothing is left. A line break at a file's end is not part of its value.
 */
export function composeSecret(text: SecretText, read: (name: string) => string | undefined): string | undefined {
  const lines = linesOf(text).map((parts) =>
    parts.map((part) => (typeof part === "string" ? part : filledIn(part, read))),
  );
  const whole = lines.filter((parts) => !parts.includes(undefined)).map((parts) => parts.join(""));
  const result = whole.join("\n");
  return result === "" ? undefined : result;
}

function linesOf(text: SecretText): SecretText[] {
  const lines: (string | SecretReference)[][] = [[]];
  for (const part of text) {
    const [first = part, ...more] = typeof part === "string" ? part.split("\n") : [part];
    lines.at(-1)?.push(first);
    lines.push(...more.map((piece) => [piece]));
  }
  return lines;
}

function filledIn(part: SecretReference, read: (name: string) => string | undefined): string | undefined {
  const value = read(part.secret)?.replace(/\r?\n$/, "");
  return value === undefined || value === "" ? undefined : encode(value, part);
}

function encode(value: string, reference: SecretReference): string {
  if (reference.encoding === "uri")
    return encodeURIComponent(value).replace(
      /[!'()*]/g,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  if (reference.encoding === "sha256") return createHash("sha256").update(value).digest("hex");
  if (reference.encoding === "json") return JSON.stringify(value).slice(1, -1);
  if (reference.encoding === "rabbitmq") return rabbitmqHash(value, reference.secret);
  if (typeof reference.encoding === "object") return signedToken(reference.encoding.token, value);
  return value;
}

/**
 * A password as RabbitMQ keeps it (rabbit_password_hashing_sha256): four bytes of salt, then the hash of both. The salt is
 * made of the secret's name, so that the same secret always gives the same file and two with one value differ.
 */
function rabbitmqHash(value: string, name: string): string {
  const salt = createHash("sha256").update(name).digest().subarray(0, 4);
  const hash = createHash("sha256").update(salt).update(value).digest();
  return Buffer.concat([salt, hash]).toString("base64");
}

/** A JSON Web Token (RFC 7519). It holds no time of its making, so that the same secret always gives the same file. */
function signedToken(claims: Readonly<Record<string, string | number>>, key: string): string {
  const parts = [{ alg: "HS512", typ: "JWT" }, claims].map((part) =>
    Buffer.from(JSON.stringify(part)).toString("base64url"),
  );
  const signature = createHmac("sha512", key).update(parts.join(".")).digest("base64url");
  return [...parts, signature].join(".");
}

import { messageOf, StackError } from "../support/errors.ts";
import {
  type CheckLevel,
  type Encryption,
  isSnapshotId,
  manifestName,
  type Part,
  type SnapshotManifest,
  type SnapshotType,
  snapshotFolder,
  timeOfId,
} from "./manifest.ts";
import { ownHash } from "./manifest-hash.ts";

const types: readonly SnapshotType[] = ["full", "incremental", "base", "dump"];
const encryptions: readonly Encryption[] = ["none", "age", "gpg"];
const levels: readonly CheckLevel[] = ["hash", "structure", "drill"];

/**
 * Reads a manifest from a store. Everything that a name, a size or a decision is made of is checked: names are file
 * names and no paths, sizes are counts, hashes are hashes, and source and id are those of the key. Fields that are not
 * known are left out, and one without a hash of its own is taken as it is. Throws a StackError that names the key and the field; never anything else.
 */
export function parseManifest(text: string, key: string): SnapshotManifest {
  let manifest: SnapshotManifest;
  try {
    manifest = manifestOf(JSON.parse(text), "manifest");
    if (ownHash(text) === "different") throw new Error("its text is not what was written: its own hash differs");
  } catch (error) {
    throw invalid(key, messageOf(error), error);
  }
  const expected = `${snapshotFolder(manifest.source.name, manifest.id)}${manifestName}`;
  if (key !== expected) throw invalid(key, `it says that it is ${expected}`);
  return manifest;
}

/** True for text that is one folder or file name, here and in every store, and no path, option or hidden file. */
export function isPlainName(text: string): boolean {
  // Half of a pair of surrogates has no UTF-8: it would come back as another name.
  if (/\p{Surrogate}/u.test(text) || Buffer.byteLength(text) > 255) return false;
  return /^[^\u0000-\u001f\u007f/\\.-][^\u0000-\u001f\u007f/\\]*$/.test(text);
}

function invalid(key: string, reason: string, cause?: unknown): StackError {
  return new StackError({
    code: "manifest-invalid",
    exit: "backupFailed",
    message: `The manifest ${key} cannot be read: ${reason}`,
    hint: "`./prod.sh backup list` shows the snapshots that can be used",
    ...(cause !== undefined && { cause }),
  });
}

function manifestOf(value: unknown, at: string): SnapshotManifest {
  const fields = record(value, at);
  if (fields.format !== 1) throw new Error(`its format is ${printed(fields.format)}, this program knows 1`);
  const source = record(fields.source, "source");
  const parts = list(fields.parts, "parts", partOf);
  refuseTwins(parts);
  const objectsPart = optional(fields.objectsPart, "objectsPart", name);
  if (objectsPart !== undefined && !parts.some((part) => part.name === objectsPart))
    throw new Error(`objectsPart names ${objectsPart}, which is no part`);
  const parent = optional(fields.parent, "parent", snapshot);
  if (parent !== undefined && parent === fields.id) throw new Error("it is its own parent");
  const type = oneOf(fields.type, "type", types);
  if (type === "incremental" && parent === undefined) throw new Error("an incremental snapshot has no parent");
  return {
    format: 1,
    id: snapshot(fields.id, "id"),
    run: snapshot(fields.run, "run"),
    stack: text(fields.stack, "stack"),
    source: {
      name: name(source.name, "source.name"),
      kind: text(source.kind, "source.kind"),
      component: text(source.component, "source.component"),
      service: text(source.service, "source.service"),
    },
    type,
    ...(parent !== undefined && { parent }),
    startedAt: time(fields.startedAt, "startedAt"),
    finishedAt: time(fields.finishedAt, "finishedAt"),
    pointInTime: time(fields.pointInTime, "pointInTime"),
    tool: text(fields.tool, "tool"),
    ...(fields.image !== undefined && { image: imageOf(fields.image, "image") }),
    encryption: oneOf(fields.encryption, "encryption", encryptions),
    parts,
    ...(objectsPart !== undefined && { objectsPart }),
    facts: record(fields.facts, "facts"),
    checks: list(fields.checks, "checks", checkOf),
    warnings: list(fields.warnings, "warnings", text),
  };
}

function partOf(value: unknown, at: string): Part {
  const part = record(value, at);
  const content = record(part.content, `${at}.content`);
  const stored = record(part.stored, `${at}.stored`);
  return {
    name: name(part.name, `${at}.name`),
    content: {
      bytes: size(content.bytes, `${at}.content.bytes`),
      sha256: hash(content.sha256, `${at}.content.sha256`),
    },
    stored: {
      name: name(stored.name, `${at}.stored.name`),
      bytes: size(stored.bytes, `${at}.stored.bytes`),
      sha256: hash(stored.sha256, `${at}.stored.sha256`),
    },
  };
}

/** Two parts in one file, or a part in place of the manifest, would be read as each other. */
function refuseTwins(parts: readonly Part[]): void {
  const seen = new Set<string>([manifestName]);
  for (const { stored } of parts) {
    if (seen.has(stored.name)) throw new Error(`two files are called ${stored.name}`);
    seen.add(stored.name);
  }
  if (new Set(parts.map((part) => part.name)).size < parts.length) throw new Error("two parts have one name");
}

function imageOf(value: unknown, at: string): NonNullable<SnapshotManifest["image"]> {
  const image = record(value, at);
  return {
    reference: text(image.reference, `${at}.reference`),
    id: text(image.id, `${at}.id`),
    digests: list(image.digests, `${at}.digests`, text),
  };
}

function checkOf(value: unknown, at: string): SnapshotManifest["checks"][number] {
  const check = record(value, at);
  if (typeof check.ok !== "boolean") throw wrong(`${at}.ok`, "true or false", check.ok);
  return {
    level: oneOf(check.level, `${at}.level`, levels),
    at: time(check.at, `${at}.at`),
    ok: check.ok,
    detail: text(check.detail, `${at}.detail`),
  };
}

type Read<Value> = (value: unknown, at: string) => Value;

function record(value: unknown, at: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw wrong(at, "an object", value);
}

function list<Item>(value: unknown, at: string, read: Read<Item>): Item[] {
  if (!Array.isArray(value)) throw wrong(at, "a list", value);
  return value.map((item, index) => read(item, `${at}[${index}]`));
}

function optional<Value>(value: unknown, at: string, read: Read<Value>): Value | undefined {
  return value === undefined ? undefined : read(value, at);
}

function text(value: unknown, at: string): string {
  if (typeof value === "string") return value;
  throw wrong(at, "a text", value);
}

function name(value: unknown, at: string): string {
  if (typeof value === "string" && isPlainName(value)) return value;
  throw wrong(at, "a plain file name", value);
}

function snapshot(value: unknown, at: string): string {
  if (typeof value === "string" && isSnapshotId(value) && !Number.isNaN(timeOfId(value))) return value;
  throw wrong(at, "the id of a snapshot", value);
}

function size(value: unknown, at: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw wrong(at, "a count of bytes", value);
}

function hash(value: unknown, at: string): string {
  if (typeof value === "string" && /^[0-9a-f]{64}$/.test(value)) return value;
  throw wrong(at, "a SHA-256 in hex", value);
}

function time(value: unknown, at: string): string {
  const shape = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/;
  if (typeof value === "string" && shape.test(value) && !Number.isNaN(Date.parse(value))) return value;
  throw wrong(at, "a time in UTC (2026-11-21T02:00:00Z)", value);
}

function oneOf<Word extends string>(value: unknown, at: string, words: readonly Word[]): Word {
  const found = words.find((word) => word === value);
  if (found !== undefined) return found;
  throw wrong(at, `one of ${words.join(", ")}`, value);
}

function wrong(at: string, expected: string, value: unknown): Error {
  return new Error(`${at} is ${printed(value)} instead of ${expected}`);
}

function printed(value: unknown): string {
  if (value === undefined) return "missing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "an object";
  const shown = JSON.stringify(value);
  return shown.length > 60 ? `${shown.slice(0, 60)}…` : shown;
}

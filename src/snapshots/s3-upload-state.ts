import { createHash } from "node:crypto";
import { appendFileSync, existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readIfExists, writeFileAtomic } from "../support/files.ts";

/** An upload in parts that was begun. */
export interface UploadBegun {
  format: 1;
  /** Endpoint, empty at AWS. Stores may share a folder. */
  server: string;
  bucket: string;
  /** Full key in the bucket. */
  key: string;
  uploadId: string;
  /** Milliseconds since 1970, by this host's clock. */
  begunAt: number;
  /** Of the whole object, and of each part but the last; bytes. */
  size: number;
  partSize: number;
}

/** A part that the server has, with the MD5 of what was sent. */
export interface PartSent {
  number: number;
  tag: string;
  md5: string;
}

const ending = ".upload.jsonl";

/** The file that remembers one object's upload. */
export function uploadStateFile(
  folder: string,
  { server, bucket, key }: Pick<UploadBegun, "server" | "bucket" | "key">,
): string {
  const name = createHash("sha256")
    .update(JSON.stringify([server, bucket, key]))
    .digest("hex")
    .slice(0, 32);
  return join(folder, `${name}${ending}`);
}

/** Written before the first part is sent: from now on a crash can be gone on from. */
export function noteBegun(file: string, begun: UploadBegun): void {
  writeFileAtomic(file, `${JSON.stringify(begun)}\n`, 0o600);
}

/** Added without fsync: what a power cut takes away is sent again. */
export function notePart(file: string, part: PartSent): void {
  appendFileSync(file, `${JSON.stringify(part)}\n`, { mode: 0o600 });
}

/** Undefined where nothing was begun, or where nothing sensible stands in the file. */
export function readUploadState(file: string): { begun: UploadBegun; parts: Map<number, PartSent> } | undefined {
  const [first, ...rest] = (readIfExists(file) ?? "").split("\n").map(parseLine);
  if (!isBegun(first)) return undefined;
  return { begun: first, parts: new Map(rest.filter(isPart).map((part) => [part.number, part])) };
}

export function forgetUpload(file: string): void {
  rmSync(file, { force: true });
}

/** All uploads that a folder remembers, each with its file. */
export function rememberedUploads(folder: string): { file: string; begun: UploadBegun }[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((name) => name.endsWith(ending));
  return files.flatMap((name) => {
    const file = join(folder, name);
    const begun = readUploadState(file)?.begun;
    return begun === undefined ? [] : [{ file, begun }];
  });
}

/** A line that was cut by a crash counts as not written. */
function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function isBegun(value: unknown): value is UploadBegun {
  const begun = (value ?? {}) as Partial<Record<keyof UploadBegun, unknown>>;
  const texts = [begun.server, begun.bucket, begun.key, begun.uploadId].every((each) => typeof each === "string");
  const numbers = [begun.begunAt, begun.size, begun.partSize].every((each) => Number.isSafeInteger(each));
  return begun.format === 1 && texts && numbers;
}

function isPart(value: unknown): value is PartSent {
  const { number, tag, md5 } = (value ?? {}) as Partial<Record<keyof PartSent, unknown>>;
  return Number.isSafeInteger(number) && typeof tag === "string" && typeof md5 === "string";
}

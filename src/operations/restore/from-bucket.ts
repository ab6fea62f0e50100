import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { readCatalogue } from "../../snapshots/catalogue.ts";
import { s3Store } from "../../snapshots/s3-store.ts";
import type { SnapshotStore } from "../../snapshots/store.ts";
import { systemClock } from "../../support/clock.ts";
import { StackError } from "../../support/errors.ts";
import { run } from "../../support/process.ts";
import { stackPart } from "../backup/kind-stack.ts";
import type { Progress } from "../progress.ts";
import { fetchParts } from "./fetch.ts";
import { isBegun, noteBegun } from "./from-begun.ts";
import { identitiesFrom } from "./identities.ts";

export interface BucketAddress {
  bucket: string;
  prefix: string;
}

/** Reads `s3://bucket/folder`. */
export function parseBucketAddress(url: string): BucketAddress {
  const [, bucket, prefix] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\/([^?#]*?)\/*$/.exec(url) ?? [];
  if (bucket !== undefined && prefix) return { bucket, prefix };
  throw new StackError({
    code: "bad-bucket-address",
    exit: "invalidInput",
    message: `"${url}" is not the address of a stack's backups`,
    hint: "write the bucket and the folder in it: s3://shop-backups/shop",
  });
}

export interface FromBucketRequest {
  url: string;
  endpoint?: string;
  region?: string;
  /** File with private keys. */
  key?: string;
  /** Directory to make; default: the stack's name. */
  into?: string;
  env: Record<string, string | undefined>;
  progress: Progress;
  signal: AbortSignal;
}

/** The stack's directory as it was when it was backed up, and the store with everything else. */
export interface Unpacked {
  directory: string;
  stack: string;
  snapshot: string;
  store: SnapshotStore;
}

/**
 * On an empty host: fetches the newest copy of a stack's own files from a bucket, decrypts it and unpacks it into a
 * directory of its own. Access keys come from the environment, as every S3 tool takes them. One that was cut short, or
 * whose data did not follow, may be begun again in the directory that it has made.
 */
export async function unpackStack(request: FromBucketRequest): Promise<Unpacked> {
  const { bucket, prefix } = parseBucketAddress(request.url);
  const { env, progress, signal } = request;
  const work = mkdtempSync(join(process.cwd(), ".create-stack-restore-"));
  try {
    const store = s3Store({
      name: "bucket",
      bucket,
      prefix,
      credentials: async () => keysOf(env),
      stateFolder: join(work, "uploads"),
      ...((request.endpoint ?? env.AWS_ENDPOINT_URL) && { endpoint: request.endpoint ?? env.AWS_ENDPOINT_URL ?? "" }),
      ...((request.region ?? env.AWS_REGION) && { region: request.region ?? env.AWS_REGION ?? "" }),
    });
    progress.phase(`Looking for backups in ${request.url}`);
    const { snapshots } = await readCatalogue(store, { signal }).catch((error) => {
      throw withoutStack(error);
    });
    const entry = snapshots
      .filter(({ manifest, problems }) => manifest.source.kind === "stack" && problems.length === 0)
      .at(-1);
    if (entry === undefined) throw noStack(request.url, snapshots.length);
    const { manifest } = entry;
    if (manifest.encryption !== "none" && request.key === undefined) throw keyNeeded();
    const directory = resolve(request.into ?? manifest.stack);
    if (!isBegun(directory, manifest.stack)) refuseOccupied(directory);
    noteBegun(directory, manifest.stack);
    const context = { directory, progress, signal, clock: systemClock };
    const folder = await fetchParts(context, { store, identities: identitiesFrom(request.key) }, entry, work);
    await unpack(join(folder, stackPart), directory, signal);
    return { directory, stack: manifest.stack, snapshot: manifest.id, store };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function keysOf(env: FromBucketRequest["env"]) {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  } = env;
  if (accessKeyId && secretAccessKey) return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
  throw new StackError({
    code: "secret-missing",
    exit: "secret",
    message: "The access key of the bucket is not in the environment",
    hint: "export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… and run the command again",
  });
}

function noStack(url: string, others: number): StackError {
  return new StackError({
    code: "no-snapshots",
    exit: "backupFailed",
    message:
      others === 0
        ? `There are no backups in ${url}`
        : `There are ${others} snapshots in ${url}, but none of a stack's own files`,
    hint: "check bucket and folder: the folder is the stack's name, or `prefix` of the destination in stack.yaml",
  });
}

function keyNeeded(): StackError {
  return new StackError({
    code: "backup-key-missing",
    exit: "secret",
    message: "The backups are encrypted; their private key is needed",
    hint: "give the file with AGE-SECRET-KEY-1… that was saved when `backup keygen` was run: --key FILE",
  });
}

function refuseOccupied(directory: string): void {
  if (!existsSync(directory) || !holdsFiles(directory)) return;
  throw new StackError({
    code: "directory-occupied",
    exit: "invalidInput",
    message: `${directory} is not empty`,
    hint: `choose another directory: --into DIR; if the stack is there already: cd ${directory} && ./prod.sh restore run`,
  });
}

function holdsFiles(directory: string): boolean {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).some((entry) => !entry.isDirectory());
}

const withoutStackYaml: Partial<Record<string, string>> = {
  "store-credentials": "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
  "store-refused": "allow these keys to list and to read the bucket, at the provider",
  "store-bucket": "correct the name of the bucket: s3://BUCKET/FOLDER",
  "store-region": "name the bucket's region: --region REGION",
  "store-unreachable": "check the network of this host, and the address of a server other than AWS: --endpoint URL",
  "store-certificate": "check the address of the server: --endpoint URL",
};

/** The hints of a store name files of a stack; here is none yet. */
function withoutStack(error: unknown): unknown {
  const hint = error instanceof StackError ? withoutStackYaml[error.code] : undefined;
  if (!(error instanceof StackError) || hint === undefined) return error;
  const { code, exit, message, details } = error;
  return new StackError({
    code,
    exit,
    message,
    details,
    hint: `${hint}; then run the same command again`,
    cause: error,
  });
}

async function unpack(archive: string, directory: string, signal: AbortSignal): Promise<void> {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const argv = ["tar", "--extract", "--gzip", "--same-permissions", `--file=${archive}`, `--directory=${directory}`];
  const { code, stderr } = await run(argv, { signal });
  if (code === 0) return;
  throw new StackError({
    code: "unpack-failed",
    exit: "backupFailed",
    message: `The stack's own files could not be unpacked: ${stderr.trim().split("\n").at(-1) ?? ""}`,
    hint: `look at the disk (df), remove ${directory} and run the command again`,
  });
}

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { messageOf, StackError } from "../support/errors.ts";
import { formatDuration } from "../support/units.ts";
import { bytesOf } from "./byte-source.ts";
import { type S3Session, s3Session } from "./s3-client.ts";
import { download } from "./s3-download.ts";
import { headObject } from "./s3-head.ts";
import type { S3StoreOptions } from "./s3-options.ts";
import { upload } from "./s3-upload.ts";
import type { StoreReport } from "./store.ts";
import { isStoreError } from "./store-errors.ts";

/** The smallest part that every server takes, bytes. */
const partSize = 5 * 1024 ** 2;

/** Servers refuse requests of clocks that are further apart; well before that it is worth a word. */
const notableSkew = 30_000;

interface Probe {
  session: S3Session;
  options: S3StoreOptions;
  report: StoreReport;
}

/** What is found out, and its words; a step that throws is a check that failed. */
interface Step {
  name: string;
  /** What comes after makes no sense when this fails. */
  needed?: boolean;
  run(probe: Probe): Promise<string>;
}

/** Beside the folders of objects, always the same: where nothing may be removed, not more than one stays. */
const canary = (probe: Probe) => `${probe.session.root}probe/canary`;
const content = randomBytes(1_000);

const steps: Step[] = [
  { name: "connect", needed: true, run: connect },
  { name: "write", needed: true, run: write },
  { name: "list", run: findInList },
  { name: "read", run: readRange },
  { name: "large objects", run: writeInParts },
  { name: "versions", run: versions },
  { name: "object lock", run: objectLock },
  { name: "remove", run: remove },
  { name: "clock", run: clock },
];

/**
 * Tries everything that backups need with one small object and one of two parts, and takes them away again. What is
 * merely different (nothing may be removed, objects are locked) is said and is no failure.
 */
export async function probeS3(options: S3StoreOptions): Promise<StoreReport> {
  // Somebody waits for the answer: one more try is enough.
  const session = s3Session({ ...options, retries: Math.min(options.retries ?? 1, 1) });
  const report: StoreReport = { checks: [], appendOnly: false, objectLock: false, clockSkew: 0 };
  const probe = { session, options, report };
  for (const { name, needed, run } of steps) {
    try {
      report.checks.push({ name, ok: true, detail: await run(probe) });
    } catch (error) {
      report.checks.push({ name, ok: false, detail: withHint(error) });
      if (needed) break;
    }
  }
  report.clockSkew = session.clockSkew() ?? 0;
  return report;
}

/** One line, without the command that asked. */
function withHint(error: unknown): string {
  const hint = error instanceof StackError ? error.hint?.replace(/(^|, then: |: )\.\/prod\.sh backup doctor$/, "") : "";
  return hint ? `${messageOf(error)}; ${hint}` : messageOf(error);
}

async function connect({ session }: Probe): Promise<string> {
  await listBelow(session, session.root);
  return `bucket ${session.bucket} answers, and these credentials may list it`;
}

async function write(probe: Probe): Promise<string> {
  await uploadCanary(probe, content, partSize);
  const found = await headObject(probe.session, canary(probe));
  if (found?.bytes !== content.length) throw new Error(`${found?.bytes ?? 0} of ${content.length} bytes are there`);
  return "an object can be stored";
}

async function findInList(probe: Probe): Promise<string> {
  const keys = await listBelow(probe.session, canary(probe));
  if (!keys.includes(canary(probe))) throw new Error("the new object is in no list");
  return "a new object is in the list at once";
}

async function readRange(probe: Probe): Promise<string> {
  const pieces: Buffer[] = [];
  const wanted = { session: probe.session, key: canary(probe) };
  for await (const piece of await download(wanted, { offset: 100, length: 800 })) pieces.push(piece as Buffer);
  if (!Buffer.concat(pieces).equals(content.subarray(100, 900)))
    throw new Error("other bytes come back than were stored");
  return "a part of an object comes back as it was stored";
}

async function writeInParts(probe: Probe): Promise<string> {
  await uploadCanary(probe, Buffer.alloc(partSize + 1), partSize);
  return "an object of several parts can be stored";
}

async function versions({ session }: Probe): Promise<string> {
  const status = await optional(() =>
    session.request({ doing: "ask for versions" }, async (call) => {
      const command = new call.sdk.GetBucketVersioningCommand({ Bucket: session.bucket });
      return (await call.client.send(command, { abortSignal: call.signal })).Status;
    }),
  );
  if (status !== "Enabled") return "the bucket keeps no versions of removed objects, or does not say so";
  return "the bucket keeps versions: what is removed takes space until a rule of the bucket expires old versions";
}

async function objectLock(probe: Probe): Promise<string> {
  const { session, report } = probe;
  const lock = await optional(() =>
    session.request({ doing: "ask for object lock" }, async (call) => {
      const command = new call.sdk.GetObjectLockConfigurationCommand({ Bucket: session.bucket });
      return (await call.client.send(command, { abortSignal: call.signal })).ObjectLockConfiguration;
    }),
  );
  const held = (await headObject(session, canary(probe)))?.held === true;
  report.objectLock = held || lock?.ObjectLockEnabled === "Enabled";
  if (!report.objectLock) return "objects are not locked, or the bucket does not say so";
  const { Mode, Days, Years } = lock?.Rule?.DefaultRetention ?? {};
  if (Mode === undefined)
    return held ? "new objects are locked" : "objects may be locked; new ones are not by themselves";
  const time = Days === undefined ? `${Years} y` : `${Days} d`;
  return `new objects are locked for ${time} (${Mode.toLowerCase()}): nobody can remove them earlier`;
}

async function remove(probe: Probe): Promise<string> {
  const { session, report } = probe;
  try {
    await session.request({ doing: "remove" }, (call) =>
      call.client.send(new call.sdk.DeleteObjectCommand({ Bucket: session.bucket, Key: canary(probe) }), {
        abortSignal: call.signal,
      }),
    );
  } catch (error) {
    if (!isStoreError(error, "store-refused")) throw error;
    report.appendOnly = true;
    return "these credentials may only add: what is too old is left to a rule of the bucket";
  }
  if ((await headObject(session, canary(probe))) !== undefined) throw new Error("a removed object is still there");
  return report.objectLock
    ? "an object can be hidden; a locked one stays until its time is over"
    : "an object can be removed";
}

async function clock({ session }: Probe): Promise<string> {
  const skew = session.clockSkew() ?? 0;
  const text = `the server's clock is ${formatDuration(Math.abs(skew))} ${skew < 0 ? "behind" : "ahead"}`;
  if (Math.abs(skew) > notableSkew) throw new Error(`${text}: set this host's clock`);
  return Math.abs(skew) < 1_500 ? "the server's clock is the same" : text;
}

async function uploadCanary(probe: Probe, bytes: Buffer, smallestPart: number): Promise<void> {
  const { session, options } = probe;
  const stateFile = join(options.stateFolder, `probe-${session.name}.upload.jsonl`);
  await upload({ session, key: canary(probe), source: bytesOf(bytes), stateFile, smallestPart, options: {} });
}

async function listBelow(session: S3Session, prefix: string): Promise<string[]> {
  const page = await session.request({ doing: `list bucket ${session.bucket}` }, (call) =>
    call.client.send(new call.sdk.ListObjectsV2Command({ Bucket: session.bucket, Prefix: prefix, MaxKeys: 5 }), {
      abortSignal: call.signal,
    }),
  );
  return (page.Contents ?? []).map(({ Key = "" }) => Key);
}

/** Questions that servers may not know, and credentials may not ask. */
async function optional<Result>(ask: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (isStoreError(error, "store-unreachable")) throw error;
    return undefined;
  }
}

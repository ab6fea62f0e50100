import { createReadStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { diskFull, saysDiskFull } from "../../support/disk.ts";
import { StackError } from "../../support/errors.ts";
import { run } from "../../support/process.ts";
import type { Checked, Loaded, PartsJob, Produced, ProduceJob, SourceKind, StackSource } from "./kinds.ts";
import { measure } from "./publish.ts";

export const stackSource: StackSource = { name: "stack", kind: "stack", component: "", service: "" };

export const stackPart = "stack.tar.gz";

/** What does not belong to the stack's own files: copies of data, and what is made again. */
const leftOut = [
  "./backups",
  "./.stack/cache",
  "./.stack/journal",
  "./.stack/lock*",
  "./.stack/*.lock*",
  "./.stack/metrics*",
  "./.stack/backup",
];

/**
 * The stack's own directory: stack.yaml, generated files, pinned images, history, secrets. An empty server needs it first,
 * so it is packed with what every server has: tar and gzip.
 */
export const stackKind: SourceKind<StackSource> = {
  plan: (lane) => (lane === "full" ? ["full"] : []),
  produce,
  check,
  load: (): Promise<Loaded> => {
    throw new StackError({
      code: "not-restorable-here",
      exit: "invalidInput",
      message: "The stack's own files are not restored over a stack that is there",
      hint: "restore them into an empty directory: create-stack restore from URL --key FILE",
    });
  },
};

async function produce({ context, staging }: ProduceJob<StackSource>): Promise<Produced> {
  const { directory, model, clock, signal } = context;
  const file = join(staging, stackPart);
  // Secrets leave their folder only where nobody but the owners of the private keys can read the copy.
  const readable = model.backup.encrypt.kind === "none";
  const exclude = [...leftOut, ...(readable ? ["./secrets"] : [])].map((path) => `--exclude=${path}`);
  const argv = ["tar", "--create", "--gzip", `--file=${file}`, ...exclude, `--directory=${directory}`, "."];
  const { code, stderr } = await run(argv, { signal });
  // 1: a file changed while it was read, such as a journal.
  if (code > 1 && saysDiskFull(stderr)) throw diskFull(".");
  if (code > 1)
    throw new StackError({
      code: "backup-task-failed",
      exit: "backupFailed",
      message: `Packing the stack's own files failed: ${stderr.trim().split("\n").at(-1) ?? ""}`,
      hint: "./prod.sh backup run --only stack",
    });
  const { bytes, sha256 } = await measure(file);
  return {
    parts: [{ name: stackPart, bytes, sha256 }],
    pointInTime: clock.now(),
    facts: { stack: model.name, services: model.services.length, secrets: !readable },
    warnings: readable
      ? [
          "secrets/ is not in it, because nothing is encrypted: ./prod.sh backup keygen, then backup: encrypt: in stack.yaml",
        ]
      : [],
    ...(readable ? {} : { confidential: true }),
  };
}

/** Before it is encrypted the archive is read to its end; afterwards only its hash can tell. */
async function check({ chain }: PartsJob<StackSource>): Promise<Checked> {
  const newest = chain.at(-1);
  if (newest === undefined) return { ok: false, detail: "nothing to look at" };
  let bytes = 0;
  try {
    await pipeline(createReadStream(join(newest.folder, stackPart)), createGunzip(), async (pieces) => {
      for await (const piece of pieces) bytes += (piece as Buffer).length;
    });
    return { ok: bytes > 0, detail: `${stackPart}: ${bytes} bytes unpack` };
  } catch (error) {
    return { ok: false, detail: `${stackPart}: ${error instanceof Error ? error.message : String(error)}` };
  }
}

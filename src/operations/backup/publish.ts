import { createHash } from "node:crypto";
import { rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bytesOf, openFile, piecesOf } from "../../snapshots/byte-source.ts";
import { adoptFile } from "../../snapshots/local-store.ts";
import {
  manifestName,
  type Part,
  printManifest,
  type SnapshotManifest,
  snapshotFolder,
} from "../../snapshots/manifest.ts";
import type { Sealer } from "../../snapshots/seal.ts";
import type { SnapshotStore } from "../../snapshots/store.ts";
import { StackError } from "../../support/errors.ts";
import { inParallel } from "../../support/parallel.ts";
import type { Produced, ProducedPart, SharedObject } from "./kinds.ts";

/** Reads each part again and compares it with what its producer counted inside the container. */
export async function compareParts(staging: string, parts: readonly ProducedPart[]): Promise<void> {
  for (const part of parts) {
    const found = await measure(join(staging, part.name)).catch(() => undefined);
    if (found?.bytes === part.bytes && found.sha256 === part.sha256) continue;
    throw new StackError({
      code: "backup-incomplete",
      exit: "backupFailed",
      message:
        found === undefined
          ? `${part.name} is missing, though its producer wrote it`
          : `${part.name} is not what its producer wrote: ${found.bytes} of ${part.bytes} bytes${found.bytes === part.bytes ? ", with another hash" : ""}`,
      hint: "look at the disk (dmesg, df), then: ./prod.sh backup run",
    });
  }
}

/** Length and SHA-256 of a file. */
export async function measure(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash("sha256");
  const source = await openFile(path);
  try {
    for await (const piece of piecesOf(source, { offset: 0, length: source.size })) hash.update(piece);
  } finally {
    await source.close();
  }
  // As long as it is now: whoever wrote it may not have ended.
  return { bytes: (await stat(path)).size, sha256: hash.digest("hex") };
}

/** Parts as they are to be stored in the local store: as they are, or encrypted where they hold secrets. */
export async function storedParts(staging: string, produced: Produced, sealer: Sealer): Promise<Part[]> {
  const parts: Part[] = [];
  for (const { name, bytes, sha256 } of produced.parts) {
    const content = { bytes, sha256 };
    if (produced.confidential === undefined) parts.push({ name, content, stored: { name, bytes, sha256 } });
    else parts.push({ name, content, stored: await sealInPlace(staging, name, sealer) });
  }
  return parts;
}

/** Replaces a small file by its encrypted form. */
async function sealInPlace(staging: string, name: string, sealer: Sealer): Promise<Part["stored"]> {
  const path = join(staging, name);
  const sealed = await sealer.seal(path);
  const stored = `${name}${sealer.suffix}`;
  try {
    const temporary = `${path}.sealing`;
    const pieces = piecesOf(sealed, { offset: 0, length: sealed.size });
    await writeFile(temporary, pieces, { mode: 0o600 });
    await rename(temporary, join(staging, stored));
  } finally {
    await sealed.close();
  }
  await rm(path);
  return { name: stored, ...(await measure(join(staging, stored))) };
}

/** Moves everything into the local store, the manifest last: only with it is there a snapshot. */
export async function publishLocally(
  store: SnapshotStore,
  root: string,
  staging: string,
  manifest: SnapshotManifest,
  shared: readonly SharedObject[],
): Promise<void> {
  const arriving = shared.flatMap(({ key, file }) => (file === undefined ? [] : [{ key, file }]));
  // Each waits for the disk, which takes many at a time.
  await inParallel(arriving, 16, ({ key, file }) => adoptFile(root, key, file));
  const folder = snapshotFolder(manifest.source.name, manifest.id);
  for (const { stored } of manifest.parts) await adoptFile(root, `${folder}${stored.name}`, join(staging, stored.name));
  await store.put(`${folder}${manifestName}`, bytesOf(printManifest(manifest)));
}

import { randomBytes } from "node:crypto";
import { rm, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { diskSpace } from "../support/disk.ts";
import { messageOf } from "../support/errors.ts";
import { formatSize } from "../support/units.ts";
import { bytesOf } from "./byte-source.ts";
import { makeFolders, readRange, writeSynced } from "./local-files.ts";
import type { StoreReport } from "./store.ts";
import { fileError } from "./store-errors.ts";

/** Tries what a store does, with a file in `folder`, and says how it went. */
export async function probeFolder(root: string, folder: string): Promise<StoreReport> {
  const checks: StoreReport["checks"] = [];
  const path = join(folder, `probe.${randomBytes(6).toString("hex")}`);
  const content = randomBytes(4_096);
  const steps: [string, () => Promise<string>][] = [
    [
      "write",
      async () => {
        await makeFolders(dirname(path));
        await writeSynced(path, bytesOf(content), {});
        return "a file can be written and is on the disk";
      },
    ],
    [
      "read",
      async () => {
        const pieces: Buffer[] = [];
        for await (const piece of await readRange(path, "the probe", undefined, undefined))
          pieces.push(piece as Buffer);
        if (!Buffer.concat(pieces).equals(content)) throw new Error("other bytes came back than were written");
        return "the same bytes come back";
      },
    ],
    [
      "remove",
      async () => {
        await unlink(path);
        return "a file can be removed";
      },
    ],
    ["space", async () => spaceOf(root)],
  ];
  for (const [name, step] of steps) {
    try {
      checks.push({ name, ok: true, detail: await step() });
    } catch (error) {
      checks.push({ name, ok: false, detail: messageOf(fileError(error, "local", name)) });
      break;
    }
  }
  await rm(path, { force: true }).catch(() => {});
  return { checks, appendOnly: false, objectLock: false, clockSkew: 0 };
}

function spaceOf(root: string): string {
  const space = diskSpace(root);
  return space === undefined
    ? "free space is not known"
    : `${formatSize(space.free)} free of ${formatSize(space.total)}`;
}

import { diskSpace } from "../../support/disk.ts";
import { StackError } from "../../support/errors.ts";
import { formatSize } from "../../support/units.ts";
import type { Context } from "../context.ts";
import type { BaseFacts } from "./postgres-facts.ts";

/** For the log that is replayed, beside the databases themselves. */
const headroom = 256 * 1024 ** 2;

/** Bytes that are missing on the engine's disk for an unpacked copy; 0 where there is room, or where nobody can tell. */
export async function missingRoom({ engine }: Context, { databases }: BaseFacts): Promise<number> {
  const free = diskSpace((await engine.info()).dataRoot)?.free;
  return free === undefined ? 0 : Math.max(0, needed(databases) - free);
}

function needed(databases: BaseFacts["databases"]): number {
  return Object.values(databases).reduce((sum, bytes) => sum + bytes, headroom);
}

/** Refuses to begin a restore for which the disk has no room: it would take the live server's with it. */
export async function refuseFullDisk(context: Context, id: string, facts: BaseFacts): Promise<void> {
  const missing = await missingRoom(context, facts);
  if (missing === 0) return;
  const { dataRoot } = await context.engine.info();
  throw new StackError({
    code: "disk-full",
    exit: "unhealthy",
    message: `The snapshot ${id} needs ${formatSize(needed(facts.databases))} on the disk of ${dataRoot}: ${formatSize(missing)} are missing`,
    hint: `make room: df -h ${dataRoot}; docker system df`,
  });
}

import type { Context } from "../context.ts";
import type { Journal } from "../journal.ts";
import type { RestoreItem, RestoreOptions } from "./plan.ts";
import type { Restored } from "./run.ts";

/** Brings back one database of a server that goes on serving the others. */
export async function restoreOneDatabase(
  _context: Context,
  _journal: Journal,
  { item }: { item: RestoreItem; id: string; options: RestoreOptions },
): Promise<Restored> {
  throw new Error(`not there yet: ${item.source.name}`);
}

import type { Catalogue } from "../../snapshots/catalogue.ts";
import type { RetentionPlan } from "../../snapshots/retention.ts";
import type { SnapshotStore } from "../../snapshots/store.ts";
import { StackError } from "../../support/errors.ts";
import { formatSize } from "../../support/units.ts";
import type { ObjectRemoval } from "./prune-objects.ts";
import type { StoreContext, StoreView } from "./store-views.ts";

/** What a store holds of a source that stack.yaml does not name any more: no rule lets it go. */
export interface RemovedSource {
  source: string;
  sets: number;
  /** Of the sets; what they share is not counted. */
  bytes: number;
}

/** Sources in a store that are no sources of the stack any more. */
export function removedSources({ model }: Pick<StoreContext, "model">, { snapshots }: Catalogue): RemovedSource[] {
  const known = ["stack", ...model.dataSources.map(({ name }) => name)];
  const found = new Map<string, RemovedSource>();
  for (const { manifest, bytes } of snapshots) {
    const { name } = manifest.source;
    if (known.includes(name)) continue;
    const before = found.get(name) ?? { source: name, sets: 0, bytes: 0 };
    found.set(name, { source: name, sets: before.sets + 1, bytes: before.bytes + bytes });
  }
  return [...found.values()].sort((a, b) => (a.source < b.source ? -1 : 1));
}

/** Throws where this source is one of the stack, or nothing of it lies in any store that could be read. */
export function checkRemovedSource(context: StoreContext, views: readonly StoreView[], source: string): void {
  const known = context.model.dataSources.some(({ name }) => name === source) || source === "stack";
  if (known) throw refused(`${source} is a source of this stack: its copies go by the rules of stack.yaml`);
  const found = views.some(({ catalogue }) =>
    catalogue?.snapshots.some((entry) => entry.manifest.source.name === source),
  );
  const unread = views.some(({ catalogue }) => catalogue === undefined);
  if (!found && !unread) throw refused(`No store holds a copy of a source ${source}`);
}

function refused(message: string): StackError {
  return new StackError({ code: "unknown-source", exit: "invalidInput", message, hint: "./prod.sh backup list" });
}

/** Everything of one source in a store. Where a manifest of it cannot be read, what its sets share stays. */
export async function planRemoval(
  store: SnapshotStore,
  { snapshots, unreadable, wal }: Catalogue,
  source: string,
): Promise<{ retention: RetentionPlan; objects: ObjectRemoval[] }> {
  const reason = "its source was removed from stack.yaml, and it was named";
  const own = snapshots.filter(({ manifest }) => manifest.source.name === source);
  const unclear = unreadable.some((folder) => folder.source === source);
  const log = unclear ? [] : wal.filter((object) => object.source === source);
  const systems = [...new Set(log.map(({ systemId }) => systemId))];
  const shared: { key: string; bytes: number }[] = [];
  if (!unclear) for await (const { key, bytes } of store.list(`objects/${source}/`)) shared.push({ key, bytes });
  const bytes = shared.reduce((sum, object) => sum + object.bytes, 0);
  return {
    retention: {
      held: unclear ? [{ source, reason: "a manifest of it cannot be read: what its sets share stays" }] : [],
      keep: [],
      // What builds on another goes before it.
      remove: [...own].reverse().map((entry) => ({ entry, reason })),
      sweep: [],
      wal: systems.map((systemId) => ({
        source,
        systemId,
        objects: log.filter((object) => object.systemId === systemId),
        reason,
      })),
    },
    objects:
      shared.length === 0
        ? []
        : [
            {
              source,
              objects: shared,
              line: `remove ${shared.length} objects of ${source} (${formatSize(bytes)}): ${reason}`,
            },
          ],
  };
}

import { formatSize } from "../support/units.ts";
import type { CatalogueEntry } from "./catalogue.ts";
import type { RetentionPlan } from "./retention.ts";

/** The plan as lines, for people and for tests: what is held, what goes, what stays, each with its reason. */
export function renderRetention(plan: RetentionPlan): string[] {
  if (plan.refused !== undefined) return [`nothing is removed: ${plan.refused}`];
  return [
    ...plan.held.map(({ source, reason }) => `hold ${source}: ${reason}`),
    ...plan.remove.map(({ entry, reason }) => `remove ${titleOf(entry)}: ${reason}`),
    ...plan.sweep.map(
      ({ folder, reason }) => `sweep ${folder.source} ${folder.id} (${formatSize(folder.bytes)}): ${reason}`,
    ),
    ...plan.wal.map(
      ({ source, systemId, objects, reason }) =>
        `remove ${objects.length} ${objects.length === 1 ? "file" : "files"} of the log of ${source} ${systemId}, up to ${objects.at(-1)?.file}: ${reason}`,
    ),
    ...plan.keep.map(({ entry, reason }) => `keep ${titleOf(entry)}: ${reason}`),
  ];
}

function titleOf({ manifest }: CatalogueEntry): string {
  return `${manifest.source.name} ${manifest.type} ${manifest.id}`;
}

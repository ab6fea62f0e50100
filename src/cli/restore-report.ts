import type { RestoreResult } from "../operations/restore/run.ts";
import { formatDuration } from "../support/units.ts";

/** What a restore came to, in lines for people. */
export function restoreLines({ id, restored, took, stoppedFor, notes }: RestoreResult, caller: string): string[] {
  const kept = restored.flatMap((item) => (item.kept === undefined || item.database !== undefined ? [] : [item.kept]));
  const databases = restored.flatMap(({ source, database, kept: name }) =>
    database === undefined || name === undefined ? [] : [{ source, name }],
  );
  return [
    ...restored.flatMap(({ source, database, snapshot, store, reached, checks, into }) => [
      `${database === undefined ? source : `${source}/${database}`}: ${snapshot} from ${store}${reached === undefined ? "" : `, data of ${reached}`}${into === undefined ? "" : `, in ${into}`}`,
      ...checks.map(({ detail }) => `  ${detail}`),
    ]),
    `Restored in ${formatDuration(took)}${stoppedFor > 0 ? `; services stood still for ${formatDuration(stoppedFor)}` : ""}.`,
    ...(kept.length === 0
      ? []
      : [`What was there before is kept: ${kept.join(", ")}. To go back to it: ${caller} restore undo ${id}`]),
    ...databases.map(
      ({ source, name }) =>
        `What was there before is kept in ${source} as the database ${name}, closed to connections. RUNBOOK.md says how to go back to it.`,
    ),
    ...notes.map((note) => `note: ${note}`),
  ];
}

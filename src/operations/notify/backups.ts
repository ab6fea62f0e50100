import type { AlertSeverity } from "../../stack/monitoring.ts";
import type { OwnAlertName } from "../../stack/own-alerts.ts";
import type { BackupProblem } from "../backup/backup-status.ts";
import type { Trouble } from "./trouble.ts";

const minute = 60_000;

/** Kinds of problems of `backup status` that somebody is told of, by the first word of their id. The others follow from these, or are a choice. */
const told: Record<string, { name: OwnAlertName; holds: number }> = {
  // The schedule makes a new stack's first copy in its first minutes.
  late: { name: "BackupStale", holds: 30 * minute },
  failed: { name: "BackupFailed", holds: 0 },
  delivery: { name: "BackupDeliveryFailed", holds: 0 },
  unreachable: { name: "BackupStoreUnreachable", holds: 15 * minute },
  hole: { name: "BackupLogHole", holds: 0 },
  drill: { name: "RestoreDrillFailed", holds: 0 },
  slow: { name: "RestoreTooSlow", holds: 0 },
};

/** What is wrong with the backups, as troubles. */
export function backupTroubles(problems: readonly BackupProblem[]): Trouble[] {
  return problems.flatMap(({ id, severity, message, hint }) => {
    const kind = told[id.split("/", 1)[0] ?? ""];
    if (kind === undefined) return [];
    const known: AlertSeverity = severity === "critical" ? "critical" : "warning";
    // The log is shipped every minute: one that failed is often done by the next.
    const holds = id.startsWith("failed/") && id.endsWith("/log") ? 10 * minute : kind.holds;
    return [
      {
        key: `backup/${id}`,
        name: kind.name,
        severity: known,
        title: message,
        lines: [],
        command: hint,
        holds,
        clears: 0,
      },
    ];
  });
}

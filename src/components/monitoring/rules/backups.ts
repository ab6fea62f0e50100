import type { AlertRule } from "../../../stack/monitoring.ts";

const minute = 60_000;
const day = 86_400;

/** What these alerts are about: one destination that is away is one message, not one for each source. */
const about = "backups";

const objective = "on (stack, source) group_left () create_stack_backup_recovery_point_objective_seconds";

/** Of what the supervisor writes after each backup. */
export const backupRules: AlertRule[] = [
  {
    name: "BackupStale",
    expr: `time() - create_stack_backup_recovery_point_timestamp_seconds > ${objective}`,
    for: 5 * minute,
    severity: "critical",
    about,
    summary:
      "the newest copy of {{ $labels.source }} in {{ $labels.destination }} is {{ $value | humanizeDuration }} old",
    meaning: "That is more than may be lost (rpo: in stack.yaml). What was written since is in no copy there.",
    command: "./prod.sh backup status",
  },
  {
    name: "BackupMissing",
    expr: "create_stack_backup_recovery_point_objective_seconds\nunless on (stack, source) create_stack_backup_recovery_point_timestamp_seconds",
    for: 30 * minute,
    severity: "critical",
    about,
    summary: "there is no copy of {{ $labels.source }} that could be restored",
    meaning: "It was never copied, or every copy is damaged or out of reach. If the disk fails now, it is lost.",
    command: "./prod.sh backup run",
  },
  {
    name: "BackupFailed",
    expr: `create_stack_backup_last_run_success{type!="log"} == 0`,
    for: 0,
    severity: "warning",
    about,
    summary: "the last copy of {{ $labels.source }} ({{ $labels.type }}) failed",
    meaning: "Older copies are untouched. It is tried again with the next run of the schedule.",
    command: "./prod.sh backup status",
  },
  {
    name: "BackupLogLate",
    expr: `time() - create_stack_backup_last_run_timestamp_seconds{type="log"} > ${objective}\nor create_stack_backup_last_run_success{type="log"} == 0`,
    for: 5 * minute,
    severity: "critical",
    about,
    summary: "the log of {{ $labels.source }} is not copied any more",
    meaning:
      "The database's log is what brings it back to the last minutes. It waits in backups/spool, and the disk fills up with it.",
    command: "./prod.sh backup doctor",
  },
  {
    name: "BackupDeliveryLate",
    expr: "create_stack_backup_destination_missing_snapshots > 0",
    for: 120 * minute,
    severity: "warning",
    about,
    summary: "{{ $labels.destination }} lacks {{ $value }} copies that this server has",
    meaning: "They are on this server only, and lost with it. Each run tries to bring them.",
    command: "./prod.sh backup doctor {{ $labels.destination }}",
  },
  {
    name: "BackupStoreUnreachable",
    expr: "create_stack_backup_destination_up == 0",
    for: 15 * minute,
    severity: "critical",
    about,
    summary: "the backup destination {{ $labels.destination }} cannot be reached",
    meaning: "Copies stay on this server until it answers. The keys may have been taken back, or the bucket is gone.",
    command: "./prod.sh backup doctor {{ $labels.destination }}",
  },
  {
    name: "RestoreDrillFailed",
    expr: "create_stack_backup_drill_success == 0",
    for: 0,
    severity: "critical",
    about,
    summary: "the last trial restore of {{ $labels.source }} failed",
    meaning: "A copy was there and could not be brought back as it should. In an emergency it would be the same.",
    command: "./prod.sh backup verify --deep",
  },
  {
    name: "RestoreDrillOld",
    expr: `time() - create_stack_backup_drill_timestamp_seconds > ${35 * day}`,
    for: 60 * minute,
    severity: "warning",
    about,
    summary: "{{ $labels.source }} was last restored on trial {{ $value | humanizeDuration }} ago",
    meaning: "Nobody knows whether newer copies can be brought back. The schedule should try it every week.",
    command: "./prod.sh schedule show",
  },
];

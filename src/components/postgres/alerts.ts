import type { AlertRule } from "../../stack/monitoring.ts";
import { serverDown } from "../monitored.ts";

const minute = 60_000;
const gigabyte = 1024 ** 3;

/** Copies of the stack's own backups read for long and lag on purpose. */
const backups = "pg_basebackup|pg_dump|pg_receivewal";

/** Share of the connections that apps can have: some of all are kept back for the superuser and the exporter. */
export function connectionsInUse(key: string): string {
  const most = (setting: string) => `max(pg_settings_${setting}{job="${key}"})`;
  const reserved = `${most("superuser_reserved_connections")} - ${most("reserved_connections")}`;
  return `sum(pg_stat_database_numbackends{job="${key}"}) / (${most("max_connections")} - ${reserved})`;
}

/** When somebody is told about a Postgres server; its exporter is the job `key`. */
export function alertRules(key: string): AlertRule[] {
  const of = (metric: string, more = "") => `${metric}{job="${key}"${more === "" ? "" : `, ${more}`}}`;
  const ask = (sql: string) => `./prod.sh exec ${key} psql --username postgres --command "${sql}"`;
  const clients = `backend_type="client backend", application_name!~"${backups}"`;
  return [
    serverDown(key, {
      name: "PostgresDown",
      expr: `max(${of("pg_up")}) == 0`,
      summary: `${key} takes no connections`,
      meaning:
        "The server is stopped, still starts, or refuses the exporter's password. Every app that uses it fails as long.",
    }),
    {
      name: "PostgresConnectionsNearLimit",
      expr: `${connectionsInUse(key)} > 0.85`,
      for: 5 * minute,
      severity: "warning",
      about: key,
      summary: `${key} has {{ $value | humanizePercentage }} of its connections in use`,
      meaning:
        'When all are taken, new ones are refused ("remaining connection slots are reserved"). Mostly an app opens more than it closes, or its pool is larger than it needs to be.',
      command: ask(
        "SELECT usename, state, count(*) FROM pg_stat_activity WHERE datname IS NOT NULL GROUP BY 1, 2 ORDER BY 3 DESC",
      ),
    },
    {
      name: "PostgresLongTransaction",
      expr: `max by (datname, usename) (${of("pg_stat_activity_max_tx_duration", `state="active", ${clients}`)}) > 3600`,
      for: minute,
      severity: "warning",
      about: key,
      summary: `a transaction of {{ $labels.usename }} in {{ $labels.datname }} has run for {{ $value | humanizeDuration }}`,
      meaning:
        "A query works or waits for over an hour. It holds its locks and keeps the server from clearing away old rows.",
      command: ask(
        "SELECT pid, now() - xact_start AS since, wait_event_type, left(query, 80) FROM pg_stat_activity WHERE state = 'active' ORDER BY xact_start LIMIT 5",
      ),
    },
    {
      name: "PostgresIdleInTransaction",
      expr: `max by (datname, usename) (${of("pg_stat_activity_max_tx_duration", `state=~"idle in transaction.*", ${clients}`)}) > 900`,
      for: minute,
      severity: "warning",
      about: key,
      summary: `a transaction of {{ $labels.usename }} in {{ $labels.datname }} has been open for {{ $value | humanizeDuration }} and does nothing`,
      meaning:
        "An app began a transaction and neither ended it nor goes on. It holds its locks; a migration can wait for it for ever.",
      command: ask(
        "SELECT pid, usename, now() - state_change AS idle, left(query, 80) FROM pg_stat_activity WHERE state LIKE 'idle in%' ORDER BY state_change",
      ),
    },
    {
      name: "PostgresDeadlocks",
      expr: `sum by (datname) (increase(${of("pg_stat_database_deadlocks")}[15m])) > 2`,
      for: 0,
      severity: "warning",
      about: key,
      summary: `{{ $value | humanize }} deadlocks in {{ $labels.datname }} within 15 minutes`,
      meaning:
        "Transactions waited for each other and the server ended some of them with an error. The log names both sides.",
      command: `./prod.sh logs ${key} --since 30m`,
    },
    {
      name: "PostgresReplicationLag",
      expr: `max by (application_name) (${of("pg_stat_replication_pg_wal_lsn_diff", `application_name!~"${backups}"`)}) > ${gigabyte / 4}`,
      for: 5 * minute,
      severity: "warning",
      about: key,
      summary: `the replica {{ $labels.application_name }} of ${key} is {{ $value | humanize1024 }}B behind`,
      meaning: "What is written here arrives there late, and would be lost if this server were given up for it now.",
      command: ask("SELECT application_name, state, replay_lag FROM pg_stat_replication"),
    },
    {
      name: "PostgresSlotKeepsLog",
      expr: `max by (slot_name) (${of("pg_replication_slots_pg_wal_lsn_diff", `slot_name!~"pg_basebackup_.*"`)}) > ${2 * gigabyte}`,
      for: 10 * minute,
      severity: "critical",
      about: key,
      summary: `the slot {{ $labels.slot_name }} of ${key} keeps {{ $value | humanize1024 }}B of the log on the disk`,
      meaning:
        "Nobody has read from this slot for long, and the server keeps all that was written since. That ends with a full disk and a server that stops. A slot that nobody needs is dropped with pg_drop_replication_slot.",
      command: ask("SELECT slot_name, active, wal_status FROM pg_replication_slots"),
    },
    {
      name: "PostgresArchiveFails",
      expr: `sum(increase(${of("pg_stat_archiver_failed_count")}[10m])) > 0 and max(${of("pg_wal_waiting_files")}) > 0`,
      for: 5 * minute,
      severity: "warning",
      about: key,
      summary: `${key} cannot keep its log for backups`,
      meaning:
        "The command that puts finished files of the log into backups/spool fails. The server tries again; meanwhile the log stays on its own disk and a restore cannot reach the last minutes.",
      command: `./prod.sh logs ${key} --since 15m`,
    },
    {
      name: "PostgresArchiveLate",
      expr: `max(${of("pg_wal_waiting_oldest_seconds")}) > 900`,
      for: minute,
      severity: "critical",
      about: key,
      summary: `a file of the log of ${key} has waited for {{ $value | humanizeDuration }} to be kept`,
      meaning:
        "A restore cannot reach what was written since. The folder backups/spool is full, is not writable, or the archive command hangs.",
      command: "./prod.sh backup doctor",
    },
    {
      name: "PostgresWraparoundNear",
      expr: [
        `max by (datname) (${of("pg_database_wraparound_age_datfrozenxid_seconds")}) > 1e9`,
        `or max by (datname) (${of("pg_database_wraparound_age_datminmxid_seconds")}) > 1e9`,
      ].join("\n"),
      for: 10 * minute,
      severity: "critical",
      about: key,
      summary: `{{ $labels.datname }} has used {{ $value | humanize }} of two billion transaction numbers since it was last cleaned`,
      meaning:
        "Vacuum does not keep up, mostly because of an old transaction, a forgotten slot or a prepared transaction. At the end of the numbers the server takes no more writes.",
      command: ask("SELECT datname, age(datfrozenxid) FROM pg_database ORDER BY 2 DESC"),
    },
    {
      name: "PostgresChecksumFailures",
      expr: `sum by (datname) (${of("pg_checksum_failures")}) > 0`,
      for: 0,
      severity: "critical",
      about: key,
      summary: `{{ $value }} damaged pages were read in {{ $labels.datname }}`,
      meaning:
        "The disk gave back something else than was written. Look at disk and memory of this machine, and restore from a copy that was checked. The count goes back to 0 with SELECT pg_stat_reset() in that database.",
      command: "./prod.sh backup verify",
    },
  ];
}

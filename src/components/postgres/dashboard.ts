import type { Dashboard } from "../../stack/monitoring.ts";
import { answers, gaugeOfShare, topRow } from "../monitored.ts";
import { connectionsInUse } from "./alerts.ts";
import { poolerPanels } from "./pooler-monitoring.ts";

/** What one asks of a Postgres server at night; its exporter is the job `key`. */
export function dashboard(key: string, pooled: boolean): Dashboard {
  const of = (metric: string, more = "") => `${metric}{job="${key}"${more === "" ? "" : `, ${more}`}}`;
  // The databases of the apps.
  const apps = 'datname!~"template.|postgres"';
  const perDatabase = (metric: string) => `sum by (datname) (rate(${of(metric, apps)}[$__rate_interval]))`;
  return {
    uid: `postgres-${key}`,
    title: `PostgreSQL: ${key}`,
    about: "Does it answer, is it busy, does anything wait, is its log kept?",
    panels: [
      ...topRow([
        answers({ expr: of("pg_up"), legend: key }, "0: stopped, starting, or the exporter's password is refused.", {
          title: "Takes connections",
          width: 4,
        }),
        gaugeOfShare({
          title: "Connections in use",
          about: "Of those that apps can have; a few are kept back for the superuser and the exporter.",
          queries: [{ expr: connectionsInUse(key), legend: key }],
          thresholds: { warning: 0.7, critical: 0.85 },
          width: 5,
        }),
        {
          title: "Log waits for backup",
          about: "How long the oldest finished file of the log has waited to be kept.",
          kind: "stat",
          unit: "s",
          queries: [{ expr: of("pg_wal_waiting_oldest_seconds"), legend: "oldest" }],
          thresholds: { warning: 120, critical: 900 },
          width: 5,
        },
        {
          title: "Transaction numbers used",
          about:
            "Of two billion, since the database was last cleaned. Vacuum brings it down; it does so from 200 million on.",
          kind: "stat",
          unit: "short",
          queries: [{ expr: `max(${of("pg_database_wraparound_age_datfrozenxid_seconds")})`, legend: "oldest" }],
          thresholds: { warning: 500_000_000, critical: 1_000_000_000 },
          width: 5,
        },
        {
          title: "Damaged pages",
          about: "Pages whose checksum was wrong when they were read. Any is one too many.",
          kind: "stat",
          unit: "short",
          queries: [{ expr: `sum(${of("pg_checksum_failures")})`, legend: key }],
          thresholds: { critical: 1 },
          width: 5,
        },
      ]),
      {
        title: "Connections by state",
        kind: "timeseries",
        unit: "short",
        queries: [
          { expr: `sum by (state) (${of("pg_stat_activity_count")}) > 0`, legend: "{{state}}" },
          { expr: `max(${of("pg_settings_max_connections")})`, legend: "limit" },
        ],
        min: 0,
      },
      {
        title: "Transactions",
        kind: "timeseries",
        unit: "ops",
        queries: [{ expr: perDatabase("pg_stat_database_xact_commit"), legend: "{{datname}}" }],
        min: 0,
      },
      {
        title: "Rolled back",
        about: "Transactions that ended with an error or were given up.",
        kind: "timeseries",
        unit: "ops",
        queries: [{ expr: perDatabase("pg_stat_database_xact_rollback"), legend: "{{datname}}" }],
        min: 0,
      },
      {
        title: "Longest open transaction",
        kind: "timeseries",
        unit: "s",
        queries: [
          {
            expr: `max by (usename, state) (${of("pg_stat_activity_max_tx_duration", 'backend_type="client backend"')})`,
            legend: "{{usename}} {{state}}",
          },
        ],
        thresholds: { warning: 900, critical: 3600 },
        min: 0,
      },
      {
        title: "Found in memory",
        about: "Share of blocks that were not read from the disk. Well below 99 % for long: more memory would help.",
        kind: "timeseries",
        unit: "percentunit",
        queries: [
          {
            expr: `${perDatabase("pg_stat_database_blks_hit")} / (${perDatabase("pg_stat_database_blks_hit")} + ${perDatabase("pg_stat_database_blks_read")} > 0)`,
            legend: "{{datname}}",
          },
        ],
        thresholds: { warning: 0.95, critical: 0.8, below: true },
        max: 1,
      },
      {
        title: "Size of databases and log",
        kind: "timeseries",
        unit: "bytes",
        queries: [
          { expr: of("pg_database_size_bytes", apps), legend: "{{datname}}" },
          { expr: of("pg_wal_size_bytes"), legend: "log" },
        ],
        min: 0,
      },
      {
        title: "Waits and spills",
        about: "Deadlocks a minute, and bytes a second that sorting wrote to the disk for want of work_mem.",
        kind: "timeseries",
        unit: "short",
        queries: [
          {
            expr: `60 * sum(rate(${of("pg_stat_database_deadlocks")}[$__rate_interval]))`,
            legend: "deadlocks a minute",
          },
          {
            expr: `sum(rate(${of("pg_stat_database_temp_bytes")}[$__rate_interval]))`,
            legend: "spilled bytes a second",
          },
        ],
        min: 0,
      },
      ...(pooled ? poolerPanels(key) : []),
    ],
  };
}

import type { RuleCases } from "../../support/rule-cases.ts";

const from = 'job="postgres",component="postgres",service="postgres-exporter",instance="postgres-exporter:9187"';
/** Values in promtool's notation, one a minute. */
const of = (metric: string, values: string, more = "") => ({ [`${metric}{${from}${more && `,${more}`}}`]: values });

/** 50 connections, of which apps can have 45. */
const limits = {
  ...of("pg_settings_max_connections", "50x30"),
  ...of("pg_settings_superuser_reserved_connections", "3x30"),
  ...of("pg_settings_reserved_connections", "2x30"),
};
const activity = (state: string, values: string, application = "app", backend = "client backend") =>
  of(
    "pg_stat_activity_max_tx_duration",
    values,
    `datname="web",usename="web",state="${state}",application_name="${application}",backend_type="${backend}"`,
  );
const pooler =
  'job="pooled-pooler",component="pooled",service="pooled-pooler-exporter",instance="pooled-pooler-exporter:9127"';
/** As `of`, of the exporter of the pooler of another server. */
const ofPooler = (metric: string, values: string, more = "") => ({
  [`pgbouncer_${metric}{${pooler}${more && `,${more}`}}`]: values,
});
const pool = 'database="web",user="web"';
const poolOf20 = ofPooler("databases_pool_size", "20x30", 'name="web",database="web",pool_mode="transaction"');

const waiting = (files: string) => of("pg_wal_waiting_files", files, 'server="postgres:5432"');

export const cases: RuleCases = {
  PostgresDown: {
    fires: { series: of("pg_up", "1x3 0x5"), at: "6m", labels: { component: "postgres", cause: "true" } },
    // A start that takes half a minute.
    silent: { series: of("pg_up", "1x3 0 1x5"), at: "4m" },
  },
  PostgresConnectionsNearLimit: {
    fires: {
      series: {
        ...limits,
        ...of("pg_stat_database_numbackends", "38x20", 'datname="web"'),
        ...of("pg_stat_database_numbackends", "2x20", 'datname="postgres"'),
      },
      at: "10m",
    },
    silent: [
      { series: { ...limits, ...of("pg_stat_database_numbackends", "38x20", 'datname="web"') }, at: "10m" },
      // All of them for a moment.
      { series: { ...limits, ...of("pg_stat_database_numbackends", "5x5 45x3 5x5", 'datname="web"') }, at: "9m" },
    ],
  },
  PostgresLongTransaction: {
    fires: {
      series: { ...activity("active", "3500+60x10"), ...activity("active", "5x10", "psql") },
      at: "5m",
      labels: { usename: "web", datname: "web" },
    },
    silent: [
      { series: activity("active", "3500x10"), at: "5m" },
      { series: activity("idle", "7200x10"), at: "5m" },
      // Ended a moment later.
      { series: activity("active", "3590+60x1 0x10"), at: "1m" },
      { series: activity("active", "7200x10", "pg_dump"), at: "5m" },
      { series: activity("active", "7200x10", "", "autovacuum worker"), at: "5m" },
    ],
  },
  PostgresIdleInTransaction: {
    fires: [
      { series: activity("idle in transaction", "850+60x10"), at: "5m" },
      { series: activity("idle in transaction (aborted)", "850+60x10"), at: "5m" },
    ],
    silent: [
      { series: activity("idle in transaction", "850x10"), at: "5m" },
      { series: activity("idle in transaction", "890+60x1 0x10"), at: "1m" },
      { series: activity("active", "1000x10"), at: "5m" },
      { series: activity("idle in transaction", "1000x10", "", "walsender"), at: "5m" },
      { series: activity("idle in transaction", "1000x10", "pg_dump"), at: "5m" },
    ],
  },
  PostgresDeadlocks: {
    fires: { series: of("pg_stat_database_deadlocks", "7x5 8 9 10 10x10", 'datname="web"'), at: "10m" },
    silent: [
      { series: of("pg_stat_database_deadlocks", "7x5 8x10", 'datname="web"'), at: "10m" },
      // Counted anew after a restart.
      { series: of("pg_stat_database_deadlocks", "700x5 0x10", 'datname="web"'), at: "10m" },
    ],
  },
  PostgresReplicationLag: {
    fires: {
      series: of("pg_stat_replication_pg_wal_lsn_diff", "500000000x15", 'application_name="replica",state="streaming"'),
      at: "10m",
      labels: { application_name: "replica" },
    },
    silent: [
      {
        series: of("pg_stat_replication_pg_wal_lsn_diff", "200000000x15", 'application_name="replica"'),
        at: "10m",
      },
      {
        series: of("pg_stat_replication_pg_wal_lsn_diff", "500000000x15", 'application_name="pg_basebackup"'),
        at: "10m",
      },
      // It catches up.
      {
        series: of("pg_stat_replication_pg_wal_lsn_diff", "0x5 500000000x3 0x9", 'application_name="replica"'),
        at: "8m",
      },
    ],
  },
  PostgresSlotKeepsLog: {
    fires: {
      series: of("pg_replication_slots_pg_wal_lsn_diff", "3000000000x20", 'slot_name="forgotten"'),
      at: "15m",
      labels: { slot_name: "forgotten" },
    },
    silent: [
      { series: of("pg_replication_slots_pg_wal_lsn_diff", "2000000000x20", 'slot_name="used"'), at: "15m" },
      { series: of("pg_replication_slots_pg_wal_lsn_diff", "0x5 3000000000x5 0x9", 'slot_name="used"'), at: "9m" },
      {
        series: of("pg_replication_slots_pg_wal_lsn_diff", "3000000000x20", 'slot_name="pg_basebackup_417"'),
        at: "15m",
      },
    ],
  },
  PostgresArchiveFails: {
    fires: [
      { series: { ...of("pg_stat_archiver_failed_count", "3+3x20"), ...waiting("1x20") }, at: "15m" },
      // The server tries three times, and again only when the next file is finished.
      { series: { ...of("pg_stat_archiver_failed_count", "3x3 6x7 9x20"), ...waiting("0x3 1x30") }, at: "10m" },
    ],
    silent: [
      // It failed once, and the same file was kept a moment later.
      { series: { ...of("pg_stat_archiver_failed_count", "3x5 4x20"), ...waiting("0x5 1 0x20") }, at: "6m" },
      { series: { ...of("pg_stat_archiver_failed_count", "3x5 4x20"), ...waiting("0x5 1 0x20") }, at: "13m" },
      { series: { ...of("pg_stat_archiver_failed_count", "3x20"), ...waiting("1x20") }, at: "15m" },
    ],
  },
  PostgresArchiveLate: {
    fires: { series: of("pg_wal_waiting_oldest_seconds", "0+60x30", 'server="postgres:5432"'), at: "20m" },
    silent: [
      { series: of("pg_wal_waiting_oldest_seconds", "0+60x16 0x10", 'server="postgres:5432"'), at: "16m" },
      // At rest nothing waits, however long ago the last file was kept.
      {
        series: {
          ...of("pg_wal_waiting_oldest_seconds", "0x30", 'server="postgres:5432"'),
          ...of("pg_stat_archiver_last_archive_age", "9000+60x30"),
        },
        at: "20m",
      },
    ],
  },
  PostgresWraparoundNear: {
    fires: [
      {
        series: of("pg_database_wraparound_age_datfrozenxid_seconds", "1100000000x20", 'datname="web"'),
        at: "15m",
        labels: { datname: "web" },
      },
      {
        series: {
          ...of("pg_database_wraparound_age_datfrozenxid_seconds", "100x20", 'datname="web"'),
          ...of("pg_database_wraparound_age_datminmxid_seconds", "1100000000x20", 'datname="web"'),
        },
        at: "15m",
      },
    ],
    silent: [
      {
        series: {
          ...of("pg_database_wraparound_age_datfrozenxid_seconds", "900000000x20", 'datname="web"'),
          ...of("pg_database_wraparound_age_datminmxid_seconds", "900000000x20", 'datname="web"'),
        },
        at: "15m",
      },
      // Vacuum has just come to it.
      {
        series: of("pg_database_wraparound_age_datfrozenxid_seconds", "1100000000x5 50000000x9", 'datname="web"'),
        at: "5m",
      },
    ],
  },
  PoolerDown: {
    fires: { series: ofPooler("up", "1x3 0x5"), at: "6m", labels: { component: "pooled", cause: "true" } },
    silent: { series: ofPooler("up", "1x3 0 1x5"), at: "4m" },
  },
  PoolerClientsWait: {
    fires: {
      series: ofPooler("pools_client_maxwait_seconds", "0x3 8x9", pool),
      at: "8m",
      labels: { component: "pooled", database: "web" },
    },
    silent: [
      { series: ofPooler("pools_client_maxwait_seconds", "4x12", pool), at: "8m" },
      { series: ofPooler("pools_client_maxwait_seconds", "0x3 8x1 0x9", pool), at: "6m" },
    ],
  },
  PoolerPoolFull: {
    fires: {
      series: { ...poolOf20, ...ofPooler("pools_server_active_connections", "20x30", pool) },
      at: "15m",
      labels: { database: "web" },
    },
    silent: [
      { series: { ...poolOf20, ...ofPooler("pools_server_active_connections", "18x30", pool) }, at: "15m" },
      // A busy minute.
      { series: { ...poolOf20, ...ofPooler("pools_server_active_connections", "2x5 20x2 2x20", pool) }, at: "15m" },
    ],
  },
  PoolerClientsNearLimit: {
    fires: {
      series: { ...ofPooler("used_clients", "450x20"), ...ofPooler("config_max_client_connections", "500x20") },
      at: "10m",
    },
    silent: {
      series: { ...ofPooler("used_clients", "400x20"), ...ofPooler("config_max_client_connections", "500x20") },
      at: "10m",
    },
  },
  PostgresChecksumFailures: {
    fires: { series: of("pg_checksum_failures", "0x3 1x5", 'datname="web"'), at: "5m" },
    silent: { series: of("pg_checksum_failures", "0x10", 'datname="web"'), at: "5m" },
  },
};

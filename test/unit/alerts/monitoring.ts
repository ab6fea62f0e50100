import type { RuleCases } from "../../support/rule-cases.ts";

const web = 'stack="shop",component="web",service="web"';
const container = `${web},container="shop-web-1"`;
const release = `${container},release="1.4.2"`;
const disk = 'job="node",device="/dev/vda1",fstype="ext4",mountpoint="/"';
const route = 'job="routes",component="web",service="web",instance="https://shop.localhost/"';
const certificate = 'job="certificates",component="web",service="web",instance="shop.localhost"';
const source = 'stack="shop",source="postgres"';
const offsite = `${source},destination="offsite"`;

/** A disk of 100 GB with so many free, value by value. */
const diskWith = (free: string, more: Record<string, string> = {}) => ({
  [`node_filesystem_size_bytes{${disk}}`]: "100x600",
  [`node_filesystem_avail_bytes{${disk}}`]: free,
  [`node_filesystem_readonly{${disk}}`]: "0x600",
  ...more,
});
const inodesWith = (free: string) => ({
  [`node_filesystem_files{${disk}}`]: "100x600",
  [`node_filesystem_files_free{${disk}}`]: free,
  [`node_filesystem_readonly{${disk}}`]: "0x600",
});
const memoryWith = (available: string) => ({
  'node_memory_MemTotal_bytes{job="node"}': "100x600",
  'node_memory_MemAvailable_bytes{job="node"}': available,
});
/** Seconds that one processor spends in a mode, each minute. */
const cpu = (modes: Record<string, number>) =>
  Object.fromEntries(
    Object.entries(modes).map(([mode, seconds]) => [
      `node_cpu_seconds_total{job="node",cpu="0",mode="${mode}"}`,
      `0+${seconds}x60`,
    ]),
  );

export const cases: RuleCases = {
  ServiceDown: {
    fires: {
      series: {
        [`create_stack_service_replicas_wanted{${web}}`]: "2x10",
        [`create_stack_service_replicas_running{${web}}`]: "2x3 0x6",
      },
      at: "6m",
      labels: { component: "web" },
    },
    silent: [
      {
        // Back before the minute is over.
        series: {
          [`create_stack_service_replicas_wanted{${web}}`]: "2x10",
          [`create_stack_service_replicas_running{${web}}`]: "2x3 0x0 2x6",
        },
        at: "5m",
      },
      {
        // None is wanted.
        series: {
          [`create_stack_service_replicas_wanted{${web}}`]: "0x10",
          [`create_stack_service_replicas_running{${web}}`]: "0x10",
        },
        at: "6m",
      },
    ],
  },
  ServiceReplicasMissing: {
    fires: {
      series: {
        [`create_stack_service_replicas_wanted{${web}}`]: "2x10",
        [`create_stack_service_replicas_running{${web}}`]: "2x2 1x8",
      },
      at: "6m",
    },
    silent: {
      // That is ServiceDown.
      series: {
        [`create_stack_service_replicas_wanted{${web}}`]: "2x10",
        [`create_stack_service_replicas_running{${web}}`]: "2x2 0x8",
      },
      at: "6m",
    },
  },
  ServiceCrashLoop: {
    fires: { series: { [`create_stack_container_restarts_total{${web}}`]: "0x5 1 2 3 4 5" }, at: "10m" },
    silent: { series: { [`create_stack_container_restarts_total{${web}}`]: "7x5 8 8 9 9 9" }, at: "10m" },
  },
  ServiceUnhealthy: {
    fires: { series: { [`create_stack_container_healthy{${container}}`]: "1x2 0x6" }, at: "6m" },
    silent: { series: { [`create_stack_container_healthy{${container}}`]: "1x2 0x0 1x6" }, at: "6m" },
  },
  ServiceOutOfMemory: {
    fires: { series: { [`create_stack_container_oom_kills_total{${web}}`]: "0x5 1x10" }, at: "8m" },
    // It was long ago.
    silent: { series: { [`create_stack_container_oom_kills_total{${web}}`]: "3x40" }, at: "30m" },
  },
  ServiceMemoryNearLimit: {
    fires: {
      series: {
        [`create_stack_container_memory_bytes{${release}}`]: "97x20",
        [`create_stack_container_memory_limit_bytes{${release}}`]: "100x20",
      },
      at: "15m",
    },
    silent: {
      series: {
        [`create_stack_container_memory_bytes{${release}}`]: "97x5 80x2 97x20",
        [`create_stack_container_memory_limit_bytes{${release}}`]: "100x30",
      },
      at: "15m",
    },
  },
  ServiceCpuAtLimit: {
    fires: {
      series: {
        [`create_stack_container_cpu_seconds_total{${release}}`]: "0+30x60",
        [`create_stack_container_cpu_limit{${release}}`]: "0.5x60",
      },
      at: "30m",
    },
    silent: {
      series: {
        [`create_stack_container_cpu_seconds_total{${release}}`]: "0+15x60",
        [`create_stack_container_cpu_limit{${release}}`]: "0.5x60",
      },
      at: "30m",
    },
  },
  MigrationFailed: {
    fires: { series: { 'create_stack_migration_last_success{stack="shop",component="web"}': "1x2 0x5" }, at: "5m" },
    silent: { series: { 'create_stack_migration_last_success{stack="shop",component="web"}': "0x2 1x5" }, at: "5m" },
  },

  HostDiskFull: {
    fires: { series: diskWith("3x20"), at: "5m", labels: { component: "host" } },
    silent: [
      { series: diskWith("12x20"), at: "5m" },
      // One that cannot be written to: a snap, a CD.
      { series: diskWith("0x20", { [`node_filesystem_readonly{${disk}}`]: "1x20" }), at: "5m" },
    ],
  },
  HostDiskFilling: {
    fires: { series: diskWith("12x20"), at: "15m" },
    silent: [
      { series: diskWith("20x20"), at: "15m" },
      { series: diskWith("3x20"), at: "15m" },
    ],
  },
  HostDiskFullSoon: {
    // A tenth of it in an hour.
    fires: { series: diskWith("45-0.1x400"), at: "5h" },
    silent: [
      { series: diskWith("45-0.001x400"), at: "5h" },
      // As fast, and much room yet.
      { series: diskWith("95-0.1x400"), at: "5h" },
    ],
  },
  HostInodesFull: {
    fires: { series: inodesWith("10x20"), at: "15m" },
    silent: [
      { series: inodesWith("40x20"), at: "15m" },
      // btrfs counts none.
      {
        series: { [`node_filesystem_files{${disk}}`]: "0x20", [`node_filesystem_files_free{${disk}}`]: "0x20" },
        at: "15m",
      },
    ],
  },
  HostInodesFullSoon: {
    fires: { series: inodesWith("45-0.1x400"), at: "5h" },
    silent: { series: inodesWith("45-0.001x400"), at: "5h" },
  },
  HostMemoryFull: {
    fires: { series: memoryWith("5x20"), at: "10m" },
    silent: { series: memoryWith("5x3 30x20"), at: "10m" },
  },
  HostMemoryFullSoon: {
    fires: { series: memoryWith("50-0.3x120"), at: "100m" },
    silent: { series: memoryWith("28x120"), at: "100m" },
  },
  HostOutOfMemory: {
    fires: {
      series: {
        'node_vmstat_oom_kill{job="node"}': "0x5 1x10",
        [`create_stack_container_oom_kills_total{${web}}`]: "0x15",
      },
      at: "8m",
    },
    silent: [
      // That was a container, and is told as such.
      {
        series: {
          'node_vmstat_oom_kill{job="node"}': "0x5 1x10",
          [`create_stack_container_oom_kills_total{${web}}`]: "0x5 1x10",
        },
        at: "8m",
      },
      // So is this one, which the supervisor has not written yet.
      {
        series: {
          'node_vmstat_oom_kill{job="node"}': "0x5 1x10",
          [`create_stack_container_oom_kills_total{${web}}`]: "0x6 1x10",
        },
        at: "6m",
      },
    ],
  },
  HostCpuSaturated: {
    fires: { series: cpu({ idle: 2, iowait: 1, steal: 0, user: 50, system: 7 }), at: "30m" },
    silent: { series: cpu({ idle: 10, iowait: 20, steal: 10, user: 15, system: 5 }), at: "30m" },
  },
  HostCpuStolen: {
    fires: { series: cpu({ idle: 20, steal: 20, user: 20 }), at: "50m" },
    silent: { series: cpu({ idle: 20, steal: 5, user: 35 }), at: "50m" },
  },
  HostDiskSlow: {
    fires: { series: cpu({ idle: 20, iowait: 30, user: 10 }), at: "30m" },
    silent: { series: cpu({ idle: 40, iowait: 10, user: 10 }), at: "30m" },
  },
  HostClockWrong: {
    fires: {
      series: { 'node_timex_sync_status{job="node"}': "0x30", 'node_timex_maxerror_seconds{job="node"}': "16x30" },
      at: "25m",
    },
    silent: {
      // Just set by somebody who does not tell the kernel.
      series: { 'node_timex_sync_status{job="node"}': "0x30", 'node_timex_maxerror_seconds{job="node"}': "0.5x30" },
      at: "25m",
    },
  },

  RouteDown: {
    fires: {
      series: { [`probe_success{${route}}`]: "1x2 0x6" },
      at: "6m",
      labels: { component: "web", instance: "https://shop.localhost/" },
    },
    silent: { series: { [`probe_success{${route}}`]: "1x2 0x0 1x6" }, at: "6m" },
  },
  CertificateExpires: {
    // 13 days after the beginning of time.
    fires: { series: { [`probe_ssl_earliest_cert_expiry{${certificate}}`]: "1123200x30" }, at: "20m" },
    silent: [
      { series: { [`probe_ssl_earliest_cert_expiry{${certificate}}`]: "1300000x30" }, at: "20m" },
      { series: { [`probe_ssl_earliest_cert_expiry{${certificate}}`]: "86400x30" }, at: "20m" },
    ],
  },
  CertificateBad: {
    fires: [
      { series: { [`probe_ssl_earliest_cert_expiry{${certificate}}`]: "86400x30" }, at: "20m" },
      { series: { [`probe_ssl_earliest_cert_expiry{${certificate}}`]: "-86400x30" }, at: "20m" },
    ],
    silent: { series: { [`probe_ssl_earliest_cert_expiry{${certificate}}`]: "1123200x30" }, at: "20m" },
  },

  BackupStale: {
    fires: {
      series: {
        [`create_stack_backup_recovery_point_timestamp_seconds{${offsite}}`]: "0x60",
        [`create_stack_backup_recovery_point_objective_seconds{${source}}`]: "900x60",
      },
      at: "25m",
      labels: { destination: "offsite", component: "backups" },
    },
    silent: {
      series: {
        [`create_stack_backup_recovery_point_timestamp_seconds{${offsite}}`]: "0x10 600x50",
        [`create_stack_backup_recovery_point_objective_seconds{${source}}`]: "900x60",
      },
      at: "24m",
    },
  },
  BackupMissing: {
    fires: {
      series: { [`create_stack_backup_recovery_point_objective_seconds{${source}}`]: "900x60" },
      at: "40m",
    },
    silent: {
      series: {
        [`create_stack_backup_recovery_point_timestamp_seconds{${offsite}}`]: "0x60",
        [`create_stack_backup_recovery_point_objective_seconds{${source}}`]: "900x60",
      },
      at: "40m",
    },
  },
  BackupFailed: {
    fires: { series: { [`create_stack_backup_last_run_success{${source},type="base"}`]: "1x2 0x5" }, at: "5m" },
    silent: {
      series: {
        [`create_stack_backup_last_run_success{${source},type="base"}`]: "0x2 1x5",
        [`create_stack_backup_last_run_success{${source},type="log"}`]: "0x7",
      },
      at: "5m",
    },
  },
  BackupLogLate: {
    fires: [
      {
        series: {
          [`create_stack_backup_last_run_timestamp_seconds{${source},type="log"}`]: "0x60",
          [`create_stack_backup_recovery_point_objective_seconds{${source}}`]: "900x60",
        },
        at: "25m",
      },
      { series: { [`create_stack_backup_last_run_success{${source},type="log"}`]: "0x10" }, at: "8m" },
    ],
    silent: {
      series: {
        [`create_stack_backup_last_run_timestamp_seconds{${source},type="log"}`]: "0x10 600x50",
        [`create_stack_backup_last_run_timestamp_seconds{${source},type="base"}`]: "0x60",
        [`create_stack_backup_last_run_success{${source},type="log"}`]: "1x60",
        [`create_stack_backup_recovery_point_objective_seconds{${source}}`]: "900x60",
      },
      at: "24m",
    },
  },
  BackupDeliveryLate: {
    fires: {
      series: { 'create_stack_backup_destination_missing_snapshots{stack="shop",destination="offsite"}': "2x200" },
      at: "150m",
    },
    silent: {
      series: { 'create_stack_backup_destination_missing_snapshots{stack="shop",destination="offsite"}': "2x60 0x140" },
      at: "150m",
    },
  },
  BackupStoreUnreachable: {
    fires: {
      series: { 'create_stack_backup_destination_up{stack="shop",destination="offsite"}': "1x2 0x30" },
      at: "25m",
    },
    silent: {
      series: { 'create_stack_backup_destination_up{stack="shop",destination="offsite"}': "1x2 0x10 1x20" },
      at: "25m",
    },
  },
  RestoreDrillFailed: {
    fires: { series: { [`create_stack_backup_drill_success{${source}}`]: "1x2 0x5" }, at: "5m" },
    silent: { series: { [`create_stack_backup_drill_success{${source}}`]: "0x2 1x5" }, at: "5m" },
  },
  RestoreDrillOld: {
    // 36 days before the beginning of time.
    fires: { series: { [`create_stack_backup_drill_timestamp_seconds{${source}}`]: "-3110400x90" }, at: "80m" },
    silent: { series: { [`create_stack_backup_drill_timestamp_seconds{${source}}`]: "-604800x90" }, at: "80m" },
  },

  TargetDown: {
    fires: {
      series: {
        'up{job="redis",component="redis",service="redis-exporter",instance="redis-exporter:9121"}': "1x2 0x10",
      },
      at: "9m",
      labels: { component: "redis" },
    },
    silent: [
      {
        series: {
          'up{job="redis",component="redis",service="redis-exporter",instance="redis-exporter:9121"}': "1x2 0x1 1x10",
        },
        at: "9m",
      },
      // Blackbox is told of by itself.
      { series: { [`up{${route}}`]: "0x10", [`up{${certificate}}`]: "0x10" }, at: "9m" },
    ],
  },
  MetricsStale: {
    fires: {
      series: { 'create_stack_metrics_written_timestamp_seconds{stack="shop"}': "0x30" },
      at: "10m",
      labels: { component: "supervisor" },
    },
    silent: { series: { 'create_stack_metrics_written_timestamp_seconds{stack="shop"}': "0+60x30" }, at: "10m" },
  },
  ScheduleNotRunning: {
    fires: [
      { series: { 'create_stack_schedule_last_run_timestamp_seconds{stack="shop"}': "0x40" }, at: "25m" },
      // It was never installed.
      { series: { 'up{job="node"}': "1x30" }, at: "15m" },
    ],
    silent: [
      {
        series: {
          'create_stack_schedule_last_run_timestamp_seconds{stack="shop"}': "0+60x40",
          'up{job="node"}': "1x40",
        },
        at: "25m",
      },
      { series: { 'up{job="node"}': "0x30" }, at: "15m" },
    ],
  },
  MetricsFileUnreadable: {
    fires: { series: { 'node_textfile_scrape_error{job="node"}': "1x20" }, at: "15m" },
    silent: { series: { 'node_textfile_scrape_error{job="node"}': "1x2 0x20" }, at: "15m" },
  },
  PrometheusConfigFailed: {
    fires: { series: { 'prometheus_config_last_reload_successful{job="prometheus"}': "0x20" }, at: "10m" },
    silent: { series: { 'prometheus_config_last_reload_successful{job="prometheus"}': "1x20" }, at: "10m" },
  },
  PrometheusRuleFailures: {
    fires: {
      series: {
        'prometheus_rule_evaluation_failures_total{job="prometheus",rule_group="/etc/prometheus/own/a.yml;mine"}':
          "0x5 0+4x20",
      },
      at: "20m",
    },
    silent: {
      series: {
        'prometheus_rule_evaluation_failures_total{job="prometheus",rule_group="/etc/prometheus/own/a.yml;mine"}':
          "4x30",
      },
      at: "20m",
    },
  },
  PrometheusDiskNearSize: {
    fires: {
      series: {
        'prometheus_tsdb_storage_blocks_bytes{job="prometheus"}': "90x100",
        'prometheus_tsdb_wal_storage_size_bytes{job="prometheus"}': "5x100",
        'prometheus_tsdb_retention_limit_bytes{job="prometheus"}': "100x100",
      },
      at: "80m",
    },
    silent: [
      {
        series: {
          'prometheus_tsdb_storage_blocks_bytes{job="prometheus"}': "60x100",
          'prometheus_tsdb_wal_storage_size_bytes{job="prometheus"}': "5x100",
          'prometheus_tsdb_retention_limit_bytes{job="prometheus"}': "100x100",
        },
        at: "80m",
      },
      {
        // Without a limit.
        series: {
          'prometheus_tsdb_storage_blocks_bytes{job="prometheus"}': "60x100",
          'prometheus_tsdb_wal_storage_size_bytes{job="prometheus"}': "5x100",
          'prometheus_tsdb_retention_limit_bytes{job="prometheus"}': "0x100",
        },
        at: "80m",
      },
    ],
  },
  PrometheusCannotTell: {
    fires: [
      {
        series: {
          'prometheus_notifications_errors_total{job="prometheus",alertmanager="http://alertmanager:9093/api/v2/alerts"}':
            "0x5 0+1x30",
        },
        at: "20m",
      },
      { series: { 'prometheus_notifications_alertmanagers_discovered{job="prometheus"}': "0x20" }, at: "10m" },
    ],
    silent: {
      series: {
        'prometheus_notifications_errors_total{job="prometheus",alertmanager="http://alertmanager:9093/api/v2/alerts"}':
          "3x40",
        'prometheus_notifications_alertmanagers_discovered{job="prometheus"}': "1x40",
      },
      at: "20m",
    },
  },
  AlertmanagerConfigFailed: {
    fires: { series: { 'alertmanager_config_last_reload_successful{job="alertmanager"}': "0x20" }, at: "10m" },
    silent: { series: { 'alertmanager_config_last_reload_successful{job="alertmanager"}': "1x20" }, at: "10m" },
  },
  AlertmanagerCannotNotify: {
    fires: {
      series: {
        'alertmanager_notifications_failed_total{job="alertmanager",integration="slack",reason="other"}': "0x5 0+1x30",
        'alertmanager_notifications_failed_total{job="alertmanager",integration="email",reason="other"}': "0x40",
      },
      at: "20m",
      labels: { integration: "slack" },
    },
    silent: {
      series: {
        'alertmanager_notifications_failed_total{job="alertmanager",integration="slack",reason="other"}': "2x40",
      },
      at: "20m",
    },
  },
  Watchdog: {
    fires: { series: { 'up{job="node"}': "1x5" }, at: "1m" },
    silent: [],
  },
};

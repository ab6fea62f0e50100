import type { AlertRule, Thresholds } from "../../../stack/monitoring.ts";

const minute = 60_000;

/** What these alerts are about: the machine, whatever runs on it. */
const about = "host";

/** Of the machine that the stack runs on, as the node exporter sees it. */
export function hostRules({ disk, memory }: Pick<Thresholds, "disk" | "memory">): AlertRule[] {
  return [...diskRules(disk), ...memoryRules(memory), ...machineRules];
}

/** Used share of each disk; one that cannot be written to does not fill up. */
const used = "(1 - node_filesystem_avail_bytes / node_filesystem_size_bytes)";
const usedInodes = "(1 - node_filesystem_files_free / (node_filesystem_files > 0))";
const writable = "and node_filesystem_readonly == 0";

function diskRules(threshold: number): AlertRule[] {
  const critical = roundUp(threshold, 2 / 3);
  return [
    {
      name: "HostDiskFull",
      expr: `${used} > ${critical} ${writable}`,
      for: 2 * minute,
      severity: "critical",
      about,
      summary: "the disk at {{ $labels.mountpoint }} is {{ $value | humanizePercentage }} full",
      meaning:
        "When it is full, databases stop and backups fail. `./prod.sh backup prune` removes old backups, `docker image prune` old releases.",
      command: "df -h",
    },
    {
      name: "HostDiskFilling",
      expr: `${used} > ${threshold} < ${critical} ${writable}`,
      for: 10 * minute,
      severity: "warning",
      about,
      summary: "the disk at {{ $labels.mountpoint }} is {{ $value | humanizePercentage }} full",
      meaning: "There is room yet, but not much. `./prod.sh backup prune --dry-run` says what old backups take.",
      command: "df -h",
    },
    {
      name: "HostDiskFullSoon",
      expr: `predict_linear(node_filesystem_avail_bytes[6h], 24 * 3600) < 0 and ${used} > 0.5 ${writable}`,
      for: 60 * minute,
      severity: "warning",
      about,
      summary: "the disk at {{ $labels.mountpoint }} will be full within a day",
      meaning: "It goes on filling up as in the last six hours. Look for what grows: logs, uploads, a database.",
      command: "sudo du -xh --max-depth=3 --threshold=1G /",
    },
    {
      name: "HostInodesFull",
      expr: `${usedInodes} > ${threshold} ${writable}`,
      for: 10 * minute,
      severity: "critical",
      about,
      summary: "the disk at {{ $labels.mountpoint }} has used {{ $value | humanizePercentage }} of its inodes",
      meaning:
        "A disk can hold so many files and no more, however small. Somewhere many small ones pile up: sessions, caches, mails.",
      command: "df -i",
    },
    {
      name: "HostInodesFullSoon",
      expr: `predict_linear(node_filesystem_files_free[6h], 24 * 3600) < 0 and ${usedInodes} > 0.5 ${writable}`,
      for: 60 * minute,
      severity: "warning",
      about,
      summary: "the disk at {{ $labels.mountpoint }} will be out of inodes within a day",
      meaning: "Files are made as fast as in the last six hours, and a disk can hold so many and no more.",
      command: "df -i",
    },
  ];
}

function memoryRules(threshold: number): AlertRule[] {
  const usedMemory = "(1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)";
  return [
    {
      name: "HostMemoryFull",
      expr: `${usedMemory} > ${threshold}`,
      for: 5 * minute,
      severity: "critical",
      about,
      summary: "{{ $value | humanizePercentage }} of the server's memory is in use",
      meaning: "Soon the kernel will kill a process to go on. `docker stats` says which container takes how much.",
      command: "./prod.sh status",
    },
    {
      name: "HostMemoryFullSoon",
      expr: `predict_linear(node_memory_MemAvailable_bytes[1h], 4 * 3600) < 0 and ${usedMemory} > 0.7`,
      for: 15 * minute,
      severity: "warning",
      about,
      summary: "the server's memory will be used up within 4 hours",
      meaning: "It goes on filling up as in the last hour: something takes memory and does not give it back.",
      command: "./prod.sh status",
    },
    {
      name: "HostOutOfMemory",
      expr: "increase(node_vmstat_oom_kill[15m]) > 0\nunless on () (sum(increase(create_stack_container_oom_kills_total[15m])) > 0)",
      // Kills of containers are written once a minute: before that each would look like one of the server.
      for: 2 * minute,
      severity: "critical",
      about,
      summary: "the kernel killed a process for lack of memory, and it was none of this stack",
      meaning:
        "It was the server that ran out of memory, or another container on it. The kernel's log names the process. The limits of all services together may be more than the server has.",
      command: "sudo dmesg --ctime --level err,warn",
    },
  ];
}

const machineRules: AlertRule[] = [
  {
    name: "HostCpuSaturated",
    expr: `sum(rate(node_cpu_seconds_total{mode!~"idle|iowait|steal"}[5m])) / count(node_cpu_seconds_total{mode="idle"}) > 0.9`,
    for: 15 * minute,
    severity: "warning",
    about,
    summary: "the server's processors are {{ $value | humanizePercentage }} busy",
    meaning:
      "Everything answers late. `docker stats` says which container takes how much; limits: { cpus: … } holds it back.",
    command: "./prod.sh status",
  },
  {
    name: "HostCpuStolen",
    expr: `avg(rate(node_cpu_seconds_total{mode="steal"}[10m])) > 0.2`,
    for: 30 * minute,
    severity: "warning",
    about,
    summary: "{{ $value | humanizePercentage }} of the processor time is taken by other customers of the host",
    meaning:
      "The provider has sold the machine's processors more than once. Ask the provider, or move to another plan.",
    command: "./prod.sh status",
  },
  {
    name: "HostDiskSlow",
    expr: `avg(rate(node_cpu_seconds_total{mode="iowait"}[5m])) > 0.4`,
    for: 15 * minute,
    severity: "warning",
    about,
    summary: "the processors wait {{ $value | humanizePercentage }} of the time for the disk",
    meaning: "The disk cannot keep up: a backup, a query without an index, or a disk that is about to die.",
    command: "sudo dmesg --ctime --level err,warn",
  },
  {
    name: "HostClockWrong",
    expr: "min_over_time(node_timex_sync_status[10m]) == 0 and node_timex_maxerror_seconds >= 16",
    for: 10 * minute,
    severity: "warning",
    about,
    summary: "the server's clock is not synchronised",
    meaning:
      "A wrong clock breaks certificates, logins and backups. Install systemd-timesyncd or chrony, and let UDP port 123 out.",
    command: "timedatectl",
  },
];

/** Part of the way from the threshold to full, in whole percents. */
function roundUp(threshold: number, part: number): number {
  return Math.round((threshold + (1 - threshold) * part) * 100) / 100;
}

import type { Dashboard } from "../../stack/monitoring.ts";

/** File systems of the host that hold something; the rest is made up by the kernel or by Docker. */
const disks = '{fstype!~"tmpfs|overlay|squashfs|ramfs|nsfs|fuse.*"}';

/** The one server that everything runs on. */
export const infrastructure: Dashboard = {
  uid: "infrastructure",
  title: "Infrastructure",
  about: "The server: CPU, memory, disks, and who of the stack uses them",
  panels: [
    {
      title: "CPU",
      kind: "timeseries",
      unit: "percentunit",
      queries: [
        {
          expr: '1 - avg(rate(node_cpu_seconds_total{mode="idle"}[5m]))',
          legend: "busy",
        },
        { expr: 'avg(rate(node_cpu_seconds_total{mode="steal"}[5m]))', legend: "taken by the host's neighbours" },
        { expr: 'avg(rate(node_cpu_seconds_total{mode="iowait"}[5m]))', legend: "waits for the disk" },
      ],
      thresholds: { warning: 0.8, critical: 0.95 },
      min: 0,
      max: 1,
      width: 12,
    },
    {
      title: "Memory",
      kind: "timeseries",
      unit: "bytes",
      queries: [
        { expr: "node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes", legend: "in use" },
        { expr: "node_memory_MemTotal_bytes", legend: "there is" },
        { expr: "node_memory_SwapTotal_bytes - node_memory_SwapFree_bytes", legend: "swapped out" },
      ],
      min: 0,
      width: 12,
    },
    {
      title: "Disk in use",
      kind: "bargauge",
      unit: "percentunit",
      queries: [
        {
          expr: `max by (mountpoint) (1 - node_filesystem_avail_bytes${disks} / (node_filesystem_size_bytes${disks} > 0))`,
          legend: "{{mountpoint}}",
        },
      ],
      thresholds: { warning: 0.8, critical: 0.9 },
      min: 0,
      max: 1,
    },
    {
      title: "Disk, when it will be full",
      about: "At the pace of the last six hours. Years: it does not grow.",
      kind: "timeseries",
      unit: "s",
      queries: [
        {
          expr: `min by (mountpoint) (clamp_max(node_filesystem_avail_bytes${disks} / clamp_min(-deriv(node_filesystem_avail_bytes${disks}[6h]), 1), 31536000))`,
          legend: "{{mountpoint}}",
        },
      ],
      thresholds: { warning: 259_200, critical: 86_400, below: true },
      min: 0,
    },
    {
      title: "Disk reads and writes",
      kind: "timeseries",
      unit: "Bps",
      queries: [
        { expr: "sum by (device) (rate(node_disk_read_bytes_total[5m]))", legend: "{{device}} read" },
        { expr: "sum by (device) (rate(node_disk_written_bytes_total[5m]))", legend: "{{device}} written" },
      ],
      min: 0,
    },
    {
      title: "Memory by service",
      kind: "timeseries",
      unit: "bytes",
      queries: [{ expr: "sum by (service) (create_stack_container_memory_bytes)", legend: "{{service}}" }],
      stacked: true,
      min: 0,
      width: 12,
    },
    {
      title: "CPU by service",
      kind: "timeseries",
      unit: "short",
      queries: [
        { expr: "sum by (service) (rate(create_stack_container_cpu_seconds_total[5m]))", legend: "{{service}}" },
      ],
      stacked: true,
      min: 0,
      width: 12,
    },
    {
      title: "Services",
      about: "1: all of its containers run. 0: none does.",
      kind: "table",
      queries: [
        {
          expr: "sum by (component, service) (create_stack_service_replicas_running) / sum by (component, service) (create_stack_service_replicas_wanted)",
        },
      ],
      width: 24,
    },
  ],
};

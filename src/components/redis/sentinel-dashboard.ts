import type { DashboardPanel } from "../../stack/monitoring.ts";
import { topRow } from "../monitored.ts";
import { sentinelNames } from "./sentinel-names.ts";

/** Who is primary, how far the copies are behind, and whether the sentinels could act. `of`: selector of the servers' series. */
export function replicationPanels(key: string, of: string): DashboardPanel[] {
  const asked = `{job="${sentinelNames(key).sentinels[0]}"}`;
  const primary = `redis_instance_info${of.replace("}", ',role="master"}')}`;
  return [
    ...topRow([
      {
        title: "Primary",
        about: "The server that takes the writes. Two at once: a failover has just happened.",
        kind: "stat",
        queries: [{ expr: `max by (job) (${primary})`, legend: "{{job}}" }],
      },
      {
        title: "Replicas in touch",
        about: "Two are right. With none, writes are refused.",
        kind: "stat",
        queries: [{ expr: `max(redis_connected_slaves${of} and on (job) ${primary})`, legend: "replicas" }],
        thresholds: { warning: 2, critical: 1, below: true },
      },
      {
        title: "Sentinels",
        about: "Two of three must be there to make another server the primary.",
        kind: "stat",
        queries: [{ expr: `min(redis_sentinel_master_ok_sentinels${asked})`, legend: "sentinels" }],
        thresholds: { warning: 3, critical: 2, below: true },
      },
      {
        title: "Failovers",
        about: "Each makes it one more, also those by hand.",
        kind: "stat",
        unit: "short",
        queries: [{ expr: `max(redis_sentinel_master_config_epoch${asked})`, legend: "failovers" }],
      },
    ]),
    {
      title: "Replicas last heard of",
      about: "Once a second each. Longer: it hangs, or cannot keep up.",
      kind: "timeseries",
      unit: "s",
      queries: [{ expr: `redis_connected_slave_lag_seconds${of}`, legend: "{{slave_ip}}" }],
      min: 0,
      width: 12,
    },
    {
      title: "Replicas behind the primary",
      about: "Bytes of writes that would be lost if the primary broke at that moment.",
      kind: "timeseries",
      unit: "bytes",
      queries: [
        {
          expr: `max by (slave_ip) (clamp_min(redis_master_repl_offset${of} - on (job) group_right redis_connected_slave_offset_bytes${of}, 0))`,
          legend: "{{slave_ip}}",
        },
      ],
      min: 0,
      width: 12,
    },
  ];
}

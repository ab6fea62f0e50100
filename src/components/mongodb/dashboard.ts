import type { Dashboard } from "../../stack/monitoring.ts";
import { answers, gaugeOfShare, topRow } from "../monitored.ts";
import { cacheInUse, connectionsInUse, logWindow } from "./alerts.ts";

/** What one asks of a MongoDB server at night; its exporter is the job `key`. */
export function dashboard(key: string): Dashboard {
  const of = (metric: string, more = "") => `mongodb_${metric}{job="${key}"${more === "" ? "" : `, ${more}`}}`;
  const rate = (metric: string, more = "") => `rate(${of(metric, more)}[$__rate_interval])`;
  return {
    uid: `mongodb-${key}`,
    title: `MongoDB: ${key}`,
    about: "Does it answer, does it take writes, does anything wait, how far back does its log of changes reach?",
    panels: [
      ...topRow([
        answers({ expr: of("up"), legend: key }, "0: stopped, starting, or the exporter's password is refused.", {
          width: 4,
        }),
        {
          title: "State",
          about: "1: primary, as it is to be. 2: secondary. 3: recovering.",
          kind: "stat",
          queries: [{ expr: of("rs_myState"), legend: key }],
          width: 4,
        },
        gaugeOfShare({
          title: "Connections in use",
          queries: [{ expr: connectionsInUse(key), legend: key }],
          thresholds: { warning: 0.7, critical: 0.85 },
          width: 5,
        }),
        gaugeOfShare({
          title: "Cache in use",
          about: "The server keeps it below 80 % by itself.",
          queries: [{ expr: cacheInUse(key), legend: key }],
          thresholds: { warning: 0.9, critical: 0.97 },
          width: 5,
        }),
        {
          title: "Log of changes reaches back",
          kind: "stat",
          unit: "s",
          queries: [{ expr: logWindow(key), legend: key }],
          thresholds: { warning: 86_400, critical: 3600, below: true },
        },
      ]),
      {
        title: "Operations",
        kind: "timeseries",
        unit: "ops",
        queries: [{ expr: rate("ss_opcounters"), legend: "{{legacy_op_type}}" }],
        min: 0,
      },
      {
        title: "Time per operation",
        about: "Average of reads, writes and commands.",
        kind: "timeseries",
        unit: "µs",
        queries: [
          {
            expr: `${rate("ss_opLatencies_latency")} / (${rate("ss_opLatencies_ops")} > 0)`,
            legend: "{{op_type}}",
          },
        ],
        min: 0,
      },
      {
        title: "Waiting operations",
        kind: "timeseries",
        unit: "short",
        queries: [{ expr: of("ss_globalLock_currentQueue"), legend: "{{count_type}}" }],
        min: 0,
      },
      {
        title: "Connections",
        kind: "timeseries",
        unit: "short",
        queries: [{ expr: of("ss_connections", 'conn_type=~"current|active"'), legend: "{{conn_type}}" }],
        min: 0,
      },
      {
        title: "Documents",
        kind: "timeseries",
        unit: "ops",
        queries: [{ expr: rate("ss_metrics_document"), legend: "{{doc_op_type}}" }],
        min: 0,
      },
      {
        title: "Size of databases",
        about: "On the disk, with indexes.",
        kind: "timeseries",
        unit: "bytes",
        queries: [
          { expr: of("dbstats_totalSize", 'database!~"admin|config|local"'), legend: "{{database}}" },
          { expr: of("oplog_stats_storageSize"), legend: "log of changes" },
        ],
        min: 0,
      },
    ],
  };
}

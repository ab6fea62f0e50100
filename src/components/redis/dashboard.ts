import type { Dashboard, DashboardPanel } from "../../stack/monitoring.ts";
import { answers, gaugeOfShare, topRow } from "../monitored.ts";
import { jobsOf } from "./alerts.ts";
import { type RedisOptions, titleOf } from "./options.ts";
import { replicationPanels } from "./sentinel-dashboard.ts";

/** What one asks of a server at night, or of three with sentinels; the exporter of each is a job. */
export function dashboard(key: string, options: RedisOptions): Dashboard {
  const jobs = jobsOf(key, options);
  const several = options.mode === "sentinel";
  /** Name of a series: whose it is where there are several servers. */
  const named = (legend: string) => (several ? `{{job}} ${legend}` : legend);
  const each = several ? "{{job}}" : key;
  const of = (metric: string) => `${metric}${jobs}`;
  const rate = (metric: string) => `rate(${of(metric)}[$__rate_interval])`;
  const durable = options.profile === "durable";
  const fill = `${of("redis_memory_used_bytes")} / (${of("redis_memory_max_bytes")} > 0)`;
  return {
    uid: `${options.engine}-${key}`,
    title: `${titleOf(options)}: ${key}`,
    about: "Does it answer, does its memory suffice, does it save, do queues grow?",
    panels: [
      ...topRow([
        answers({ expr: of("redis_up"), legend: each }, "0: stopped, loading, or the exporter's password is refused."),
        gaugeOfShare({
          title: "Memory in use",
          about: durable ? "When it is full, writes are refused." : "A cache is full most of the time.",
          queries: [{ expr: fill, legend: each }],
          ...(durable && { thresholds: { warning: 0.75, critical: 0.9 } }),
        }),
        gaugeOfShare({
          title: "Clients",
          queries: [{ expr: `${of("redis_connected_clients")} / ${of("redis_max_clients")}`, legend: each }],
          thresholds: { warning: 0.7, critical: 0.9 },
        }),
        durable
          ? {
              title: "Saving works",
              about: "0: the last save, write or rewrite of its files failed.",
              kind: "stat",
              queries: [
                { expr: of("redis_rdb_last_bgsave_status"), legend: named("save") },
                { expr: of("redis_aof_last_write_status"), legend: named("write") },
                { expr: of("redis_aof_last_bgrewrite_status"), legend: named("rewrite") },
              ],
              thresholds: { critical: 1, below: true },
            }
          : {
              title: "Found in the cache",
              about: "Share of lookups that found something.",
              kind: "stat",
              unit: "percentunit",
              queries: [{ expr: hits(rate), legend: each }],
            },
      ]),
      {
        title: "Memory",
        kind: "timeseries",
        unit: "bytes",
        queries: [
          { expr: of("redis_memory_used_bytes"), legend: named("used") },
          { expr: of("redis_memory_used_rss_bytes"), legend: named("taken from the system") },
          { expr: of("redis_memory_max_bytes"), legend: named("limit") },
        ],
        min: 0,
      },
      {
        title: "Commands",
        kind: "timeseries",
        unit: "ops",
        queries: [{ expr: `topk(6, ${rate("redis_commands_total")})`, legend: named("{{cmd}}") }],
        min: 0,
      },
      {
        title: "Time per command",
        about: "Average by command; the slowest six.",
        kind: "timeseries",
        unit: "s",
        queries: [
          {
            expr: `topk(6, ${rate("redis_commands_duration_seconds_total")} / (${rate("redis_commands_total")} > 0))`,
            legend: named("{{cmd}}"),
          },
        ],
        min: 0,
      },
      {
        title: "Keys",
        kind: "timeseries",
        unit: "short",
        queries: [{ expr: `${of("redis_db_keys")} > 0`, legend: named("{{db}}") }],
        min: 0,
      },
      {
        title: "Evicted and expired",
        kind: "timeseries",
        unit: "ops",
        queries: [
          { expr: rate("redis_evicted_keys_total"), legend: named("evicted") },
          { expr: rate("redis_expired_keys_total"), legend: named("expired") },
        ],
        min: 0,
      },
      {
        title: "Turned away",
        about: "Connections over the limit, failed logins, commands that a user may not run.",
        kind: "timeseries",
        unit: "ops",
        queries: [
          { expr: rate("redis_rejected_connections_total"), legend: named("connections") },
          { expr: rate("redis_acl_access_denied_auth_total"), legend: named("logins") },
          { expr: rate("redis_acl_access_denied_cmd_total"), legend: named("commands") },
        ],
        min: 0,
      },
      ...(options.queues.length > 0 ? [queues(of("redis_key_size"))] : []),
      ...(several ? replicationPanels(key, jobs) : []),
    ],
  };
}

function hits(rate: (metric: string) => string): string {
  const [hit, miss] = [rate("redis_keyspace_hits_total"), rate("redis_keyspace_misses_total")];
  return `${hit} / (${hit} + ${miss} > 0)`;
}

function queues(expr: string): DashboardPanel {
  return {
    title: "Queues",
    about: "Entries that wait. An empty queue is no key and has no line.",
    kind: "timeseries",
    unit: "short",
    queries: [{ expr: `max by (key) (${expr})`, legend: "{{key}}" }],
    min: 0,
    width: 24,
  };
}

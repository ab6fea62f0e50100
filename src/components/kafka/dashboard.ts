import type { Dashboard, DashboardQuery, Thresholds } from "../../stack/monitoring.ts";
import { answers, topRow } from "../monitored.ts";
import type { KafkaOptions } from "./options.ts";
import { plannedTopics } from "./settings.ts";
import { probePrefix } from "./users.ts";

/** What one asks of a Kafka server at night; its exporter is the job `key`. */
export function dashboard(key: string, options: KafkaOptions, thresholds: Thresholds): Dashboard {
  const of = (metric: string, more = "") => `kminion_${metric}{job="${key}"${more}}`;
  const probe = probePrefix.replaceAll(".", "[.]");
  const groups = `,group_id!~"${probe}.*"`;
  const topics = `,topic_name!~"${probe}.*|__.*"`;
  const rate = (metric: string, more = "") => `rate(${of(metric, more)}[$__rate_interval])`;
  const within = (share: number, metric: string): DashboardQuery => ({
    expr: `histogram_quantile(${share}, sum by (le) (${rate(metric)}))`,
    legend: `${share * 100} of 100`,
  });
  const bytes = plannedTopics(options).reduce((sum, { size }) => sum + size, 0);
  return {
    uid: `kafka-${key}`,
    title: `Kafka: ${key}`,
    about: "Does it take in records, are they read, how much disk do they take?",
    panels: [
      ...topRow([
        answers(
          { expr: of("exporter_up"), legend: key },
          "0 or nothing: stopped, starting, or the exporter's password is refused.",
        ),
        {
          title: "Topics",
          kind: "stat",
          queries: [{ expr: `count(${of("kafka_topic_info", topics)})`, legend: "topics" }],
        },
        {
          title: "Records not read yet",
          about: "The group that is furthest behind.",
          kind: "stat",
          unit: "short",
          queries: [{ expr: `max(${of("kafka_consumer_group_topic_lag", groups)})`, legend: "records" }],
        },
        {
          title: "Disk taken by records",
          kind: "stat",
          unit: "bytes",
          queries: [{ expr: `sum(${of("kafka_broker_log_dir_size_total_bytes")})`, legend: key }],
          ...(bytes > 0 && { thresholds: { critical: Math.round(bytes * 1.1) } }),
        },
      ]),
      {
        title: "Records written",
        about: "Per second, by topic.",
        kind: "timeseries",
        unit: "short",
        queries: [{ expr: `topk(10, ${rate("kafka_topic_high_water_mark_sum", topics)})`, legend: "{{topic_name}}" }],
        min: 0,
      },
      {
        title: "Records read",
        about: "Per second, by group: how fast what it has noted as read grows.",
        kind: "timeseries",
        unit: "short",
        queries: [
          {
            expr: `topk(10, ${rate("kafka_consumer_group_topic_offset_sum", groups)})`,
            legend: "{{group_id}}: {{topic_name}}",
          },
        ],
        min: 0,
      },
      {
        title: "Records not read yet, by group",
        about: "A line that only grows: its consumers are stopped, fail, or are too few.",
        kind: "timeseries",
        unit: "short",
        queries: [
          {
            expr: `topk(10, ${of("kafka_consumer_group_topic_lag", groups)})`,
            legend: "{{group_id}}: {{topic_name}}",
          },
        ],
        min: 0,
      },
      {
        title: "Time to take in a record",
        about: "Measured by the exporter, with a record every five seconds.",
        kind: "timeseries",
        unit: "s",
        queries: [0.5, 0.99].map((share) => within(share, "end_to_end_produce_latency_seconds_bucket")),
        thresholds: { critical: thresholds.p99 },
        min: 0,
      },
      {
        title: "Time until a record is read again",
        kind: "timeseries",
        unit: "s",
        queries: [0.5, 0.99].map((share) => within(share, "end_to_end_roundtrip_latency_seconds_bucket")),
        min: 0,
      },
      {
        title: "Disk taken, by topic",
        kind: "timeseries",
        unit: "bytes",
        queries: [{ expr: `topk(10, ${of("kafka_topic_log_dir_size_total_bytes")})`, legend: "{{topic_name}}" }],
        min: 0,
      },
      {
        title: "Consumers",
        about: "Members of each group that are connected.",
        kind: "timeseries",
        unit: "short",
        queries: [{ expr: of("kafka_consumer_group_members", groups), legend: "{{group_id}}" }],
        min: 0,
      },
    ],
  };
}

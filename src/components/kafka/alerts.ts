import type { AlertRule, Thresholds } from "../../stack/monitoring.ts";
import { formatSize } from "../../support/units.ts";
import { serverDown } from "../monitored.ts";
import type { KafkaOptions } from "./options.ts";
import { type PlannedTopic, plannedTopics } from "./settings.ts";
import { probePrefix } from "./users.ts";

const minute = 60_000;

/** Fewer records than this are no trouble, however their number grows. */
const shortLag = 1_000;

/** When somebody is told about a Kafka server; its exporter is the job `key`. */
export function alertRules(key: string, options: KafkaOptions, thresholds: Thresholds): AlertRule[] {
  const topics = plannedTopics(options);
  return [
    down(key),
    partitionOffline(key),
    lagGrows(key),
    unreadRecordsGone(key),
    slow(key, thresholds.p99),
    ...(topics.length > 0 ? [logTooLarge(key, topics)] : []),
  ];
}

const of = (metric: string, key: string) => `kminion_${metric}{job="${key}"}`;
/** Of all groups but the exporter's own. */
const ofGroups = (metric: string, key: string) =>
  `kminion_kafka_consumer_group_${metric}{job="${key}",group_id!~"${probePrefix.replaceAll(".", "[.]")}.*"}`;

function down(key: string): AlertRule {
  return serverDown(key, {
    name: "KafkaDown",
    // The exporter says nothing of a broker that it cannot ask.
    expr: `(max(${of("exporter_up", key)}) or vector(0)) == 0 unless max(${of("kafka_broker_info", key)}) > 0`,
    for: 2 * minute,
    summary: `${key} does not answer`,
    meaning:
      "The server is stopped, still looks through its files after a hard end, or its disk is full or failed: then it ends itself. What is written waits in the apps as long as they can hold it.",
  });
}

function partitionOffline(key: string): AlertRule {
  const marks = "kafka_topic_partition_high_water_mark";
  const partition = (expr: string) => `max by (topic_name, partition_id) (${expr})`;
  return {
    name: "KafkaPartitionOffline",
    expr: `${partition(`last_over_time(${of(marks, key)}[6h])`)}
unless ${partition(of(marks, key))}
and on (topic_name) max by (topic_name) (${of("kafka_topic_info", key)})`,
    for: 5 * minute,
    severity: "critical",
    about: key,
    summary: `partition {{ $labels.partition_id }} of the topic {{ $labels.topic_name }} at ${key} cannot be read or written`,
    meaning: "The server runs, and its files of this partition are damaged or could not be opened.",
    command: "./prod.sh kafka-topics --describe --unavailable-partitions",
  };
}

/** Never small for a quarter of an hour, and larger all the time than a quarter of an hour before. */
function lagGrows(key: string): AlertRule {
  const lag = ofGroups("topic_lag", key);
  const by = "max by (group_id, topic_name)";
  return {
    name: "KafkaConsumerLagGrows",
    expr: `${by} (${lag}) > ${shortLag} and ${by} (delta(${lag}[15m])) > 0`,
    for: 15 * minute,
    severity: "warning",
    about: key,
    summary: `the group {{ $labels.group_id }} falls behind in {{ $labels.topic_name }}: {{ $value | humanize }} records wait`,
    meaning:
      "More is written than is read: its consumers are stopped, fail, or are too few. What waits longer than the topic's retention is lost to them.",
    command: "./prod.sh kafka-consumer-groups --describe --all-groups",
  };
}

function unreadRecordsGone(key: string): AlertRule {
  const by = "max by (topic_name, partition_id)";
  const held = `(${by} (${of("kafka_topic_partition_high_water_mark", key)}) - ${by} (${of("kafka_topic_partition_low_water_mark", key)}))`;
  return {
    name: "KafkaUnreadRecordsRemoved",
    expr: `max by (group_id, topic_name, partition_id) (${ofGroups("topic_partition_lag", key)})
> on (topic_name, partition_id) group_left () ${held}`,
    for: minute,
    severity: "critical",
    about: key,
    summary: `the group {{ $labels.group_id }} was so far behind in {{ $labels.topic_name }} that records went before it read them`,
    meaning:
      "The topic holds fewer records than the group has not read: retention (by age or by size) has removed the rest. Start its consumers, and give the topic a longer retention or more size in stack.yaml.",
    command: "./prod.sh kafka-consumer-groups --describe --all-groups",
  };
}

function slow(key: string, seconds: number): AlertRule {
  const buckets = `sum by (le) (rate(${of("end_to_end_produce_latency_seconds_bucket", key)}[10m]))`;
  return {
    name: "KafkaSlow",
    expr: `histogram_quantile(0.99, ${buckets}) > ${seconds}`,
    for: 10 * minute,
    severity: "warning",
    about: key,
    summary: `${key} takes {{ $value | humanizeDuration }} to take in a record`,
    meaning:
      "Measured with a record every five seconds. Mostly the disk is slow or busy, or the server has too little CPU or memory.",
    command: "./prod.sh status",
  };
}

/** Ten percent on top: files are removed once a minute. A compacted topic is as large as its keys. */
function logTooLarge(key: string, topics: readonly PlannedTopic[]): AlertRule {
  const names = topics.map(({ name }) => name.replaceAll(".", "[.]")).join("|");
  const bytes = topics.reduce((sum, { size }) => sum + size, 0);
  const metric = `kminion_kafka_topic_log_dir_size_total_bytes{job="${key}",topic_name=~"${names}"}`;
  return {
    name: "KafkaLogTooLarge",
    expr: `sum(max by (topic_name) (${metric})) > ${Math.round(bytes * 1.1)}`,
    for: 15 * minute,
    severity: "warning",
    about: key,
    summary: `the topics of ${key} take {{ $value | humanize1024 }}B, more than the ${formatSize(bytes)} that stack.yaml gives them`,
    meaning:
      "Old records do not go as they should: a topic was given more by hand, a compacted one has many keys, or one file cannot be removed. In the end the disk is full, and the server ends itself.",
    command: "./prod.sh kafka-topics --describe",
  };
}

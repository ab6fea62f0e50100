import type { RuleCases } from "../../support/rule-cases.ts";

const of = (metric: string, values: string, more = "") => ({
  [`kminion_${metric}{job="kafka",component="kafka",service="kafka-exporter",instance="kafka-exporter:8080"${more && `,${more}`}}`]:
    values,
});
const broker = (values: string) =>
  of("kafka_broker_info", values, 'broker_id="1",address="kafka",port="9092",is_controller="true"');
const partition = (number: number, topic = "orders") => `topic_name="${topic}",partition_id="${number}"`;
const high = (values: string, number = 0) => of("kafka_topic_partition_high_water_mark", values, partition(number));
const low = (values: string) => of("kafka_topic_partition_low_water_mark", values, partition(0));
const topicInfo = (values: string) =>
  of("kafka_topic_info", values, 'topic_name="orders",partition_count="3",replication_factor="1"');
const lag = (values: string, group = "web") =>
  of("kafka_consumer_group_topic_lag", values, `group_id="${group}",topic_name="orders"`);
const partitionLag = (values: string, group = "web") =>
  of("kafka_consumer_group_topic_partition_lag", values, `group_id="${group}",${partition(0)}`);
/** A record every five seconds, all of them within `le`, and none faster. */
const latency = (le: string, buckets: readonly string[]) =>
  Object.assign(
    {},
    ...buckets.map((bucket) =>
      of(
        "end_to_end_produce_latency_seconds_bucket",
        bucket === "+Inf" || Number(bucket) >= Number(le) ? "0+12x60" : "0x60",
        `partition_id="0",le="${bucket}"`,
      ),
    ),
  ) as Record<string, string>;
const size = (values: string, topic = "orders") =>
  of("kafka_topic_log_dir_size_total_bytes", values, `topic_name="${topic}"`);
const gigabyte = 1024 ** 3;

export const cases: RuleCases = {
  KafkaDown: {
    fires: [
      {
        // Prometheus looks for a series of the last five minutes.
        series: { ...of("exporter_up", "1x3 0x20"), ...broker("1x3 _x20") },
        at: "12m",
        labels: { component: "kafka", cause: "true" },
      },
      // The exporter does not answer either.
      { series: { ...of("exporter_up", "1x3 _x20"), ...broker("1x3 _x20") }, at: "16m" },
    ],
    silent: [
      { series: { ...of("exporter_up", "1x3 0 1x9"), ...broker("1x3 _ 1x9") }, at: "8m" },
      // One of its questions was not answered; the broker was.
      { series: { ...of("exporter_up", "1x3 0x9"), ...broker("1x12") }, at: "8m" },
    ],
  },
  KafkaPartitionOffline: {
    fires: {
      series: { ...high("5x40", 0), ...high("7x5 _x35", 1), ...topicInfo("1x40") },
      at: "25m",
      labels: { component: "kafka", topic_name: "orders", partition_id: "1" },
    },
    silent: [
      { series: { ...high("5x40", 0), ...high("7x5 _x2 7x33", 1), ...topicInfo("1x40") }, at: "20m" },
      // The topic was removed.
      { series: { ...high("7x5 _x35", 1), ...topicInfo("1x5 _x35") }, at: "25m" },
    ],
  },
  KafkaConsumerLagGrows: {
    fires: { series: lag("1100+50x60"), at: "35m", labels: { component: "kafka", group_id: "web" } },
    silent: [
      { series: lag("90000-100x60"), at: "40m" },
      { series: lag("90000x60"), at: "40m" },
      { series: lag("300+10x60"), at: "55m" },
      { series: lag("1100+50x60", "stack_monitor.probe-1"), at: "35m" },
    ],
  },
  KafkaUnreadRecordsRemoved: {
    fires: {
      series: { ...high("1000x9"), ...low("400x9"), ...partitionLag("601x9") },
      at: "4m",
      labels: { component: "kafka", group_id: "web", topic_name: "orders" },
    },
    silent: [
      { series: { ...high("1000x9"), ...low("400x9"), ...partitionLag("600x9") }, at: "4m" },
      {
        series: { ...high("1000x9"), ...low("400x9"), ...partitionLag("601x9", "stack_monitor.probe-1") },
        at: "4m",
      },
    ],
  },
  KafkaSlow: {
    fires: { series: latency("2.5", ["0.5", "1", "2.5", "+Inf"]), at: "25m", labels: { component: "kafka" } },
    silent: { series: latency("0.5", ["0.5", "1", "2.5", "+Inf"]), at: "25m" },
  },
  KafkaLogTooLarge: {
    fires: {
      series: { ...size(`${1.3 * gigabyte}x30`), ...size(`${gigabyte}x30`, "orders.paid") },
      at: "20m",
      labels: { component: "kafka" },
    },
    silent: [
      { series: { ...size(`${1.1 * gigabyte}x30`), ...size(`${gigabyte}x30`, "orders.paid") }, at: "20m" },
      // What stack.yaml does not name has a limit of its own.
      { series: { ...size(`${gigabyte}x30`), ...size(`${9 * gigabyte}x30`, "ordersXpaid") }, at: "20m" },
    ],
  },
};

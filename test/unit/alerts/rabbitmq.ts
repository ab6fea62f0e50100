import type { RuleCases } from "../../support/rule-cases.ts";

const of = (metric: string, values: string, more = "") => ({
  [`${metric}{job="rabbitmq",component="rabbitmq",service="rabbitmq",instance="rabbitmq:15692"${more && `,${more}`}}`]:
    values,
});
const labels = (queue: string, vhost = "main") => `queue="${queue}",vhost="${vhost}"`;
const ready = (queue: string, values: string, vhost?: string) =>
  of("rabbitmq_queue_messages_ready", values, labels(queue, vhost));
const consumers = (queue: string, values: string, vhost?: string) =>
  of("rabbitmq_queue_consumers", values, labels(queue, vhost));
const unacked = (values: string) => of("rabbitmq_queue_messages_unacked", values, labels("mails"));
const memory = (used: string, limit: string) => ({
  ...of("rabbitmq_process_resident_memory_bytes", used),
  ...of("rabbitmq_resident_memory_limit_bytes", limit),
});
const files = (open: string, most: string) => ({
  ...of("rabbitmq_process_open_fds", open),
  ...of("rabbitmq_process_max_fds", most),
});
const lost = (reason: string, strategy: string, values: string) =>
  of(
    `rabbitmq_global_messages_dead_lettered_${reason}_total`,
    values,
    `queue_type="rabbit_quorum_queue",dead_letter_strategy="${strategy}"`,
  );

export const cases: RuleCases = {
  RabbitmqDown: {
    fires: { series: of("up", "1x3 0x5"), at: "6m", labels: { component: "rabbitmq", cause: "true" } },
    silent: { series: of("up", "1x3 0 1x5"), at: "4m" },
  },
  RabbitmqMemoryAlarm: {
    fires: {
      series: of("rabbitmq_alarms_memory_used_watermark", "0x3 1x3"),
      at: "4m",
      labels: { component: "rabbitmq", cause: "true" },
    },
    silent: { series: of("rabbitmq_alarms_memory_used_watermark", "1x3 0x3"), at: "5m" },
  },
  RabbitmqDiskAlarm: {
    fires: {
      series: of("rabbitmq_alarms_free_disk_space_watermark", "0x3 1x3"),
      at: "4m",
      labels: { component: "rabbitmq", cause: "true" },
    },
    silent: { series: of("rabbitmq_alarms_free_disk_space_watermark", "1x3 0x3"), at: "5m" },
  },
  RabbitmqMemoryNearAlarm: {
    fires: { series: memory("86x15", "100x15"), at: "12m" },
    silent: [
      { series: memory("84x15", "100x15"), at: "12m" },
      { series: memory("60x5 95x5 60x10", "100x20"), at: "14m" },
    ],
  },
  RabbitmqQueueGrowing: {
    fires: {
      series: { ...ready("mails", "110+5x60"), ...ready("paid", "500x60", "orders") },
      at: "30m",
      labels: { queue: "mails", vhost: "main" },
    },
    silent: [
      // Long, but it gets shorter, or stays as it is.
      { series: ready("mails", "5000-10x60"), at: "40m" },
      { series: ready("mails", "5000x60"), at: "40m" },
      // Many at once, done within a few minutes, again and again.
      { series: ready("mails", "0x5 500-100x5 0x5 500-100x5 0x5 500-100x5 0x5 500-100x5"), at: "37m" },
      // Short, however it grows.
      { series: ready("mails", "30+1x60"), at: "55m" },
    ],
  },
  RabbitmqUnacknowledgedGrowing: {
    fires: { series: unacked("110+5x60"), at: "30m", labels: { queue: "mails", vhost: "main" } },
    silent: [
      { series: unacked("5000x60"), at: "40m" },
      { series: unacked("30+1x60"), at: "55m" },
    ],
  },
  RabbitmqQueueWithoutConsumers: {
    fires: {
      series: { ...ready("mails", "0x2 3x20"), ...consumers("mails", "0x22") },
      at: "15m",
      labels: { queue: "mails", vhost: "main" },
    },
    silent: [
      { series: { ...ready("mails", "3x20"), ...consumers("mails", "1x20") }, at: "15m" },
      // Nothing waits.
      { series: { ...ready("mails", "0x20"), ...consumers("mails", "0x20") }, at: "15m" },
      // Its consumer was away for a release.
      { series: { ...ready("mails", "3x20"), ...consumers("mails", "1x3 0x5 1x12") }, at: "16m" },
      // For dead letters, which a person looks at.
      { series: { ...ready("failed", "3x20"), ...consumers("failed", "0x20") }, at: "15m" },
    ],
  },
  RabbitmqMessagesThrownAway: {
    fires: [
      { series: lost("delivery_limit", "disabled", "0x5 3x10"), at: "8m" },
      { series: lost("maxlen", "disabled", "0x5 3x10"), at: "8m" },
    ],
    silent: [
      { series: lost("delivery_limit", "disabled", "3x20"), at: "8m" },
      // They are kept in another queue.
      { series: lost("delivery_limit", "at_most_once", "0x5 3x10"), at: "8m" },
    ],
  },
  RabbitmqDeadLetters: {
    fires: [
      { series: ready("failed", "0x2 1x10"), at: "8m", labels: { queue: "failed", vhost: "main" } },
      { series: ready("failed", "0x2 1x10", "orders"), at: "8m", labels: { queue: "failed", vhost: "orders" } },
    ],
    silent: [
      { series: { ...ready("failed", "0x12"), ...ready("mails", "9x12") }, at: "8m" },
      // A queue of the same name in another virtual host.
      { series: ready("failed", "9x12", "elsewhere"), at: "8m" },
      { series: ready("failed", "0x2 1x3 0x6"), at: "9m" },
    ],
  },
  RabbitmqFileDescriptors: {
    fires: { series: files("87x10", "100x10"), at: "8m" },
    silent: { series: files("84x10", "100x10"), at: "8m" },
  },
};

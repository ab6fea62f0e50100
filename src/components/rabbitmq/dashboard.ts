import type { Dashboard } from "../../stack/monitoring.ts";
import { answers, gaugeOfShare, topRow } from "../monitored.ts";

/** What one asks of a RabbitMQ server at night; it is the job `key`. */
export function dashboard(key: string): Dashboard {
  const of = (metric: string) => `${metric}{job="${key}"}`;
  const total = (metric: string) => `sum(rate(${of(`rabbitmq_global_messages_${metric}_total`)}[$__rate_interval]))`;
  const longest = (metric: string) => `topk(8, max by (vhost, queue) (${of(`rabbitmq_queue_${metric}`)}))`;
  const legend = "{{vhost}}/{{queue}}";
  return {
    uid: `rabbitmq-${key}`,
    title: `RabbitMQ: ${key}`,
    about: "Does it answer, are publishers held back, which queues grow, who takes messages?",
    panels: [
      ...topRow([
        answers({ expr: of("up"), legend: key }, "0: stopped, starting, or it hangs."),
        {
          title: "Publishers are held back",
          about: "1: memory or free disk is short, and who sends messages has to wait.",
          kind: "stat",
          queries: [
            { expr: of("rabbitmq_alarms_memory_used_watermark"), legend: "memory" },
            { expr: of("rabbitmq_alarms_free_disk_space_watermark"), legend: "disk" },
          ],
          thresholds: { critical: 1 },
        },
        gaugeOfShare({
          title: "Memory before publishers wait",
          queries: [
            {
              expr: `${of("rabbitmq_process_resident_memory_bytes")} / ${of("rabbitmq_resident_memory_limit_bytes")}`,
              legend: key,
            },
          ],
          thresholds: { warning: 0.7, critical: 0.85 },
        }),
        {
          title: "Connections",
          kind: "stat",
          queries: [{ expr: of("rabbitmq_connections"), legend: "connections" }],
        },
      ]),
      {
        title: "Messages that wait",
        about: "The eight longest queues.",
        kind: "timeseries",
        unit: "short",
        queries: [{ expr: longest("messages_ready"), legend }],
        min: 0,
        width: 12,
      },
      {
        title: "Taken and not acknowledged",
        about: "They are delivered again when their consumer goes.",
        kind: "timeseries",
        unit: "short",
        queries: [{ expr: longest("messages_unacked"), legend }],
        min: 0,
        width: 12,
      },
      {
        title: "Messages",
        kind: "timeseries",
        unit: "ops",
        queries: [
          { expr: total("received"), legend: "sent by apps" },
          { expr: total("delivered"), legend: "delivered" },
          { expr: total("acknowledged"), legend: "acknowledged" },
          { expr: total("redelivered"), legend: "delivered again" },
        ],
        min: 0,
      },
      {
        title: "Given up",
        about:
          "Went to a queue for dead letters, or were thrown away where there is none; unroutable: no queue wanted them.",
        kind: "timeseries",
        unit: "ops",
        queries: [
          { expr: total("dead_lettered_rejected"), legend: "rejected" },
          { expr: total("dead_lettered_expired"), legend: "expired" },
          { expr: total("dead_lettered_delivery_limit"), legend: "delivered too often" },
          { expr: total("dead_lettered_maxlen"), legend: "queue full" },
          { expr: total("unroutable_dropped"), legend: "unroutable" },
        ],
        min: 0,
      },
      {
        title: "Consumers",
        about: "Of the eight queues with the fewest.",
        kind: "timeseries",
        unit: "short",
        queries: [{ expr: `bottomk(8, max by (vhost, queue) (${of("rabbitmq_queue_consumers")}))`, legend }],
        min: 0,
      },
      {
        title: "Memory",
        kind: "timeseries",
        unit: "bytes",
        queries: [
          { expr: of("rabbitmq_process_resident_memory_bytes"), legend: "used" },
          { expr: of("rabbitmq_resident_memory_limit_bytes"), legend: "publishers wait" },
        ],
        min: 0,
      },
      {
        title: "Free disk",
        kind: "timeseries",
        unit: "bytes",
        queries: [
          { expr: of("rabbitmq_disk_space_available_bytes"), legend: "free" },
          { expr: of("rabbitmq_disk_space_available_limit_bytes"), legend: "publishers wait" },
        ],
        min: 0,
      },
      {
        title: "Open files and connections",
        kind: "timeseries",
        unit: "short",
        queries: [
          { expr: of("rabbitmq_process_open_fds"), legend: "open" },
          { expr: of("rabbitmq_process_max_fds"), legend: "limit" },
        ],
        min: 0,
      },
    ],
  };
}

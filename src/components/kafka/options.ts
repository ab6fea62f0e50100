import { z } from "zod";
import { duration, imageReference, limits, memory, size } from "../../stack/fields.ts";
import { serverSettings } from "../server-settings.ts";

const defaultImage = "apache/kafka:4.3.1";

/** Settings that decide how the stack reaches, guards, sizes and keeps the server. */
const ownSettings = [
  "advertised.listeners",
  "allow.everyone.if.no.acl.found",
  "authorizer.class.name",
  "cluster.id",
  "controller.listener.names",
  "controller.quorum.bootstrap.servers",
  "controller.quorum.voters",
  "default.replication.factor",
  "inter.broker.listener.name",
  "listener.security.protocol.map",
  "listeners",
  "log.dir",
  "log.dirs",
  "log.retention.bytes",
  "log.retention.hours",
  "log.retention.minutes",
  "log.retention.ms",
  "metadata.log.dir",
  "min.insync.replicas",
  "node.id",
  "offsets.topic.replication.factor",
  "process.roles",
  "sasl.enabled.mechanisms",
  "sasl.mechanism.controller.protocol",
  "sasl.mechanism.inter.broker.protocol",
  "super.users",
  "transaction.state.log.replication.factor",
];

const settings = serverSettings("server.properties", /^[a-z][a-z0-9.]*$/, ownSettings).describe(
  "Further settings of server.properties, such as message.max.bytes: 5242880",
);

const megabyte = 1024 ** 2;

const topicName = z
  .string()
  .regex(
    /^(?!\.{1,2}$)(?!__)[a-zA-Z0-9._-]{1,200}$/,
    `expected the name of a topic: letters, digits, ".", "_" and "-", not beginning with "__"`,
  );

const topicSize = () => size().refine((bytes) => bytes >= 4 * megabyte, "expected at least 4m");

const topic = z
  .strictObject({
    partitions: z
      .int({ error: "expected a number of partitions" })
      .min(1, "expected at least 1 partition")
      .max(200, "expected at most 200 partitions: each one costs files and memory")
      .default(1)
      .describe("How many consumers of a group can read it side by side; can grow later, never shrink"),
    retention: duration()
      .optional()
      .describe("How long its records are kept at most (default: retention of the server)"),
    size: topicSize()
      .optional()
      .describe("Disk that it may take, all partitions together; then its oldest records go (default: 1g)"),
    compact: z
      .boolean()
      .default(false)
      .describe("Keep the newest record of each key for ever, whatever its size and age"),
  })
  .nullable()
  .transform((given) => given ?? { partitions: 1, compact: false, retention: undefined, size: undefined });

/** `kafka: { memory: 2g }` is short for `kafka: { limits: { memory: 2g } }`. */
export const kafkaOptions = z
  .strictObject({
    image: imageReference().default(defaultImage).describe("Image of Apache Kafka 4, not the native one"),
    topics: z
      .record(topicName, topic)
      .default({})
      .describe("Topics that are made at each start where they are missing: orders: { partitions: 3, retention: 7d }"),
    retention: duration().prefault("7d").describe("How long records are kept at most, where a topic says nothing else"),
    groups: z
      .enum(["own", "any"])
      .default("own")
      .describe("Consumer groups that an app may use: named like the app or beginning with its name and a dot, or any"),
    backup: z
      .enum(["pause", "stop", "none"])
      .default("pause")
      .describe("How it is copied: while it stands still (clients wait), while it is stopped, or not at all"),
    memory: memory().optional().describe("Short for limits.memory"),
    limits: limits({ cpus: 1, memory: "1g", pids: 512 }),
    settings,
  })
  .transform(({ memory: short, limits: all, ...rest }) => ({
    ...rest,
    limits: short === undefined ? all : { ...all, memory: short },
  }));

export type KafkaOptions = z.output<typeof kafkaOptions>;

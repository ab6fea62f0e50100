import type { AlertRule } from "../../stack/monitoring.ts";
import type { RedisOptions } from "./options.ts";

const minute = 60_000;

/** A queue shorter than this is no trouble, however it grows. */
const shortQueue = 100;

/** When somebody is told about a Redis server; its exporter is the job `key`. */
export function alertRules(key: string, options: RedisOptions): AlertRule[] {
  return [
    down(key),
    rejects(key),
    ...(options.profile === "durable" ? [memory(key), evicts(key), saveFailed(key)] : []),
    ...("replicaof" in options.settings ? [replication(key)] : []),
    ...(options.queues.length > 0 ? [queueGrowing(key)] : []),
  ];
}

const of = (key: string) => `{job="${key}"}`;

function down(key: string): AlertRule {
  return {
    name: "RedisDown",
    expr: `max(redis_up${of(key)}) == 0`,
    for: minute,
    severity: "critical",
    about: key,
    cause: true,
    summary: `${key} does not answer`,
    meaning:
      "The server is stopped, still loads its data, or refuses the exporter's password. Every app that uses it fails as long.",
    command: `./prod.sh logs ${key}`,
  };
}

function rejects(key: string): AlertRule {
  return {
    name: "RedisRejectsConnections",
    expr: `sum(increase(redis_rejected_connections_total${of(key)}[5m])) > 0`,
    for: 0,
    severity: "warning",
    about: key,
    summary: `${key} has turned away {{ $value | humanize }} connections within 5 minutes`,
    meaning: "As many clients are connected as it takes. Mostly an app opens connections and does not close them.",
    command: "./prod.sh redis-cli CLIENT LIST",
  };
}

function memory(key: string): AlertRule {
  const all = of(key);
  return {
    name: "RedisMemoryNearLimit",
    expr: `max(redis_memory_used_bytes${all}) / (max(redis_memory_max_bytes${all}) > 0) > 0.9`,
    for: 5 * minute,
    severity: "critical",
    about: key,
    summary: `${key} has filled {{ $value | humanizePercentage }} of its memory`,
    meaning:
      "When it is full it refuses to write (or, with another eviction, throws data away). Find out what grows, or give it more: memory: in stack.yaml.",
    command: "./prod.sh redis-cli --bigkeys",
  };
}

function evicts(key: string): AlertRule {
  return {
    name: "RedisEvictsKeys",
    expr: `sum(increase(redis_evicted_keys_total${of(key)}[10m])) > 0`,
    for: 0,
    severity: "critical",
    about: key,
    summary: `${key} has thrown away {{ $value | humanize }} keys within 10 minutes because its memory is full`,
    meaning: "It is meant to keep its data, and it loses some. Give it more memory, or the eviction noeviction.",
    command: `./prod.sh logs ${key}`,
  };
}

function saveFailed(key: string): AlertRule {
  const failed = ["rdb_last_bgsave_status", "aof_last_write_status", "aof_last_bgrewrite_status"];
  return {
    name: "RedisSaveFails",
    expr: failed.map((name) => `max(redis_${name}${of(key)}) == 0`).join("\nor "),
    for: 2 * minute,
    severity: "critical",
    about: key,
    summary: `${key} cannot write its data to the disk`,
    meaning:
      "The disk is full, or there was no memory for the copy that it writes from. A restart now would lose data, and it may refuse writes until it can save again.",
    command: "df -h",
  };
}

function replication(key: string): AlertRule {
  return {
    name: "RedisReplicationBroken",
    expr: `max by (master_host) (redis_master_link_up${of(key)}) == 0`,
    for: 5 * minute,
    severity: "critical",
    about: key,
    summary: `${key} has lost its master {{ $labels.master_host }}`,
    meaning: "It still answers, with data that gets older: what is written at the master does not arrive.",
    command: `./prod.sh logs ${key}`,
  };
}

/** Never short for a quarter of an hour, and longer all the time than a quarter of an hour before. */
function queueGrowing(key: string): AlertRule {
  const size = `redis_key_size${of(key)}`;
  return {
    name: "QueueGrowing",
    expr: `max by (key) (${size}) > ${shortQueue} and max by (key) (delta(${size}[15m])) > 0`,
    for: 15 * minute,
    severity: "warning",
    about: key,
    summary: `the queue {{ $labels.key }} grows and holds {{ $value | humanize }} entries`,
    meaning:
      "More work comes in than is done: its workers are stopped, fail, or are too few. It fills the memory in the end.",
    command: "./prod.sh status",
  };
}

import type { AlertRule } from "../../stack/monitoring.ts";
import { serverDown } from "../monitored.ts";
import { type RedisOptions, titleOf } from "./options.ts";
import { sentinelRules } from "./sentinel-alerts.ts";
import { sentinelNames } from "./sentinel-names.ts";

const minute = 60_000;

/** A queue shorter than this is no trouble, however it grows. */
const shortQueue = 100;

/** The servers of a component, their jobs, and what the person on call types. */
export interface Measured {
  key: string;
  /** Begin of the rules' names, which belong to one type of component each. */
  title: "Redis" | "Valkey";
  shell: string;
  /** Selector of its servers' series. */
  of: string;
  /** Their services, for `logs`. */
  services: string;
}

/** When somebody is told about a server, or about three with sentinels. */
export function alertRules(key: string, options: RedisOptions): AlertRule[] {
  const several = options.mode === "sentinel";
  const { servers } = sentinelNames(key);
  const measured: Measured = {
    key,
    title: titleOf(options),
    shell: `./prod.sh ${options.engine}-cli`,
    of: jobsOf(key, options),
    services: several ? servers.join(" ") : key,
  };
  return [
    down(measured),
    rejects(measured),
    ...(options.profile === "durable" ? [memory(measured), evicts(measured), saveFailed(measured)] : []),
    ...("replicaof" in options.settings ? [replication(measured)] : []),
    ...(options.queues.length > 0 ? [queueGrowing(measured)] : []),
    ...(several ? sentinelRules(measured) : []),
  ];
}

/** Selector of the series of a component's servers. */
export function jobsOf(key: string, { mode }: Pick<RedisOptions, "mode">): string {
  return mode === "sentinel" ? `{job=~"${sentinelNames(key).servers.join("|")}"}` : `{job="${key}"}`;
}

function down({ key, title, of, services }: Measured): AlertRule {
  return serverDown(key, {
    name: `${title}Down`,
    expr: `max(redis_up${of}) == 0`,
    summary: `${key} does not answer`,
    meaning:
      "The server is stopped, still loads its data, or refuses the exporter's password. Every app that uses it fails as long.",
    command: `./prod.sh logs ${services}`,
  });
}

function rejects({ key, title, shell, of }: Measured): AlertRule {
  return {
    name: `${title}RejectsConnections`,
    expr: `sum(increase(redis_rejected_connections_total${of}[5m])) > 0`,
    for: 0,
    severity: "warning",
    about: key,
    summary: `${key} has turned away {{ $value | humanize }} connections within 5 minutes`,
    meaning: "As many clients are connected as it takes. Mostly an app opens connections and does not close them.",
    command: `${shell} CLIENT LIST`,
  };
}

function memory({ key, title, shell, of: all }: Measured): AlertRule {
  return {
    name: `${title}MemoryNearLimit`,
    expr: `max(redis_memory_used_bytes${all}) / (max(redis_memory_max_bytes${all}) > 0) > 0.9`,
    for: 5 * minute,
    severity: "critical",
    about: key,
    summary: `${key} has filled {{ $value | humanizePercentage }} of its memory`,
    meaning:
      "When it is full it refuses to write (or, with another eviction, throws data away). Find out what grows, or give it more: memory: in stack.yaml.",
    command: `${shell} --bigkeys`,
  };
}

function evicts({ key, title, of, services }: Measured): AlertRule {
  return {
    name: `${title}EvictsKeys`,
    expr: `sum(increase(redis_evicted_keys_total${of}[10m])) > 0`,
    for: 0,
    severity: "critical",
    about: key,
    summary: `${key} has thrown away {{ $value | humanize }} keys within 10 minutes because its memory is full`,
    meaning: "It is meant to keep its data, and it loses some. Give it more memory, or the eviction noeviction.",
    command: `./prod.sh logs ${services}`,
  };
}

function saveFailed({ key, title, of }: Measured): AlertRule {
  const failed = ["rdb_last_bgsave_status", "aof_last_write_status", "aof_last_bgrewrite_status"];
  return {
    name: `${title}SaveFails`,
    expr: failed.map((name) => `max(redis_${name}${of}) == 0`).join("\nor "),
    for: 2 * minute,
    severity: "critical",
    about: key,
    summary: `${key} cannot write its data to the disk`,
    meaning:
      "The disk is full, or there was no memory for the copy that it writes from. A restart now would lose data, and it may refuse writes until it can save again.",
    command: "df -h",
  };
}

function replication({ key, title, of, services }: Measured): AlertRule {
  return {
    name: `${title}ReplicationBroken`,
    expr: `max by (master_host) (redis_master_link_up${of}) == 0`,
    for: 5 * minute,
    severity: "critical",
    about: key,
    summary: `${key} has lost its master {{ $labels.master_host }}`,
    meaning: "It still answers, with data that gets older: what is written at the master does not arrive.",
    command: `./prod.sh logs ${services}`,
  };
}

/** Never short for a quarter of an hour, and longer all the time than a quarter of an hour before. */
function queueGrowing({ key, title, of }: Measured): AlertRule {
  const size = `redis_key_size${of}`;
  return {
    name: title === "Redis" ? "QueueGrowing" : `${title}QueueGrowing`,
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

import type { AlertRule } from "../../stack/monitoring.ts";
import { serverDown } from "../monitored.ts";

const minute = 60_000;
const hour = 3600;

/** Share of the connections that the server takes. */
export function connectionsInUse(key: string): string {
  const of = (kind: string) => `max(mongodb_ss_connections{job="${key}", conn_type="${kind}"})`;
  return `${of("current")} / (${of("current")} + ${of("available")})`;
}

/** Seconds from the oldest to the newest change that the log still has. */
export function logWindow(key: string): string {
  const of = (end: string) => `max(mongodb_mongod_replset_oplog_${end}_timestamp{job="${key}"})`;
  return `${of("head")} - ${of("tail")}`;
}

/** Used share of the server's cache. */
export function cacheInUse(key: string): string {
  const of = (what: string) => `max(mongodb_ss_wt_cache_${what}{job="${key}"})`;
  return `${of("bytes_currently_in_the_cache")} / ${of("maximum_bytes_configured")}`;
}

/** When somebody is told about a MongoDB server; its exporter is the job `key`. */
export function alertRules(key: string): AlertRule[] {
  const of = (metric: string, more = "") => `mongodb_${metric}{job="${key}"${more === "" ? "" : `, ${more}`}}`;
  const shell = (line: string) => `./prod.sh mongosh --eval "${line}"`;
  return [
    serverDown(key, {
      name: "MongodbDown",
      expr: `max(${of("up")}) == 0`,
      summary: `${key} does not answer`,
      meaning:
        "The server is stopped, still starts, or refuses the exporter's password. Every app that uses it fails as long.",
    }),
    {
      name: "MongodbNotPrimary",
      expr: `max(${of("rs_myState")}) != 1`,
      for: 2 * minute,
      severity: "critical",
      about: key,
      summary: `${key} takes no writes`,
      meaning:
        "It is not primary of its replica set of one: it recovers, or its configuration of the set is not its own. Starting the stack sets that right.",
      command: "./prod.sh start",
    },
    {
      name: "MongodbConnectionsNearLimit",
      expr: `${connectionsInUse(key)} > 0.85`,
      for: 5 * minute,
      severity: "warning",
      about: key,
      summary: `${key} has {{ $value | humanizePercentage }} of its connections in use`,
      meaning:
        "When all are taken, new ones are closed at once. Mostly an app opens more than it closes: one client for the whole app is enough (maxPoolSize).",
      command: shell("db.serverStatus().connections"),
    },
    {
      name: "MongodbCacheFull",
      expr: `${cacheInUse(key)} > 0.97`,
      for: 15 * minute,
      severity: "warning",
      about: key,
      summary: `the cache of ${key} is {{ $value | humanizePercentage }} full`,
      meaning:
        "The server keeps it below 80 % by itself; above that, queries wait until it has made room. Give it more memory, or look for a query without an index.",
      command: shell("db.currentOp({ active: true, secs_running: { \\$gt: 5 } })"),
    },
    {
      name: "MongodbQueriesWait",
      expr: `max(${of("ss_globalLock_currentQueue", 'count_type="total"')}) > 20`,
      for: 5 * minute,
      severity: "warning",
      about: key,
      summary: `{{ $value | humanize }} operations of ${key} wait for their turn`,
      meaning: "More comes in than the server gets done: slow queries, a slow disk, or too small a cache.",
      command: shell("db.currentOp({ active: true, secs_running: { \\$gt: 5 } })"),
    },
    {
      name: "MongodbLogOfChangesShort",
      expr: [
        `(${logWindow(key)}) < ${hour}`,
        // Of a new one everything is still there, so that it is short for another reason.
        `and max(${of("ss_uptime")}) > ${2 * hour}`,
      ].join("\n"),
      for: 10 * minute,
      severity: "warning",
      about: key,
      summary: `the log of changes of ${key} reaches back no more than {{ $value | humanizeDuration }}`,
      meaning:
        "A change stream that was interrupted for longer cannot go on where it was, and a backup that takes longer fails. Write a larger oplog: into stack.yaml.",
      command: shell("db.getReplicationInfo()"),
    },
  ];
}

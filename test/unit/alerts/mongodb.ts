import type { RuleCases } from "../../support/rule-cases.ts";

const from = 'job="mongodb",component="mongodb",service="mongodb-exporter",instance="mongodb-exporter:9216"';
const of = (metric: string, values: string, more = "") => ({
  [`mongodb_${metric}{${from}${more && `,${more}`}}`]: values,
});
const up = (values: string) => of("up", values, 'cluster_role="mongod"');
const connections = (current: string, available: string) => ({
  ...of("ss_connections", current, 'conn_type="current"'),
  ...of("ss_connections", available, 'conn_type="available"'),
});
const cache = (used: string) => ({
  ...of("ss_wt_cache_bytes_currently_in_the_cache", used),
  ...of("ss_wt_cache_maximum_bytes_configured", "100x40"),
});
const queue = (values: string) => of("ss_globalLock_currentQueue", values, 'count_type="total"');
/** The log of changes from its oldest to its newest, of a server that has run for so long. */
const log = (oldest: string, newest: string, uptime: string) => ({
  ...of("mongod_replset_oplog_tail_timestamp", oldest),
  ...of("mongod_replset_oplog_head_timestamp", newest),
  ...of("ss_uptime", uptime),
});

export const cases: RuleCases = {
  MongodbDown: {
    fires: { series: up("1x3 0x5"), at: "6m", labels: { component: "mongodb", cause: "true" } },
    // A start that takes half a minute.
    silent: { series: up("1x3 0 1x5"), at: "4m" },
  },
  MongodbNotPrimary: {
    fires: [
      { series: of("rs_myState", "1x2 2x9"), at: "6m" },
      { series: of("rs_myState", "1x2 3x9"), at: "6m" },
    ],
    silent: { series: of("rs_myState", "2x1 1x9"), at: "6m" },
  },
  MongodbConnectionsNearLimit: {
    fires: { series: connections("230x15", "26x15"), at: "10m" },
    silent: [
      { series: connections("200x15", "56x15"), at: "10m" },
      { series: connections("20x5 250x3 20x9", "236x5 6x3 236x9"), at: "9m" },
    ],
  },
  MongodbCacheFull: {
    fires: { series: cache("99x40"), at: "20m" },
    silent: [
      { series: cache("80x40"), at: "20m" },
      { series: cache("80x5 99x10 80x20"), at: "16m" },
    ],
  },
  MongodbQueriesWait: {
    fires: { series: queue("0x2 50x10"), at: "9m" },
    silent: [
      { series: queue("5x15"), at: "9m" },
      { series: queue("0x2 50x3 0x9"), at: "8m" },
    ],
  },
  MongodbLogOfChangesShort: {
    fires: { series: log("1000000x30", "1001800x30", "90000x30"), at: "15m" },
    silent: [
      { series: log("1000000x30", "1090000x30", "90000x30"), at: "15m" },
      // A new server, whose log has everything.
      { series: log("1000000x30", "1001800x30", "1800x30"), at: "15m" },
    ],
  },
};

import type { RuleCases } from "../../support/rule-cases.ts";

const of = (metric: string, values: string, more = "", key = "redis") => ({
  [`${metric}{job="${key}",component="${key}",service="${key}-exporter",instance="${key}-exporter:9121"${more && `,${more}`}}`]:
    values,
});
const full = "redis_memory_max_bytes";
const saves = (save: string, write: string, rewrite: string) => ({
  ...of("redis_rdb_last_bgsave_status", save),
  ...of("redis_aof_last_write_status", write),
  ...of("redis_aof_last_bgrewrite_status", rewrite),
});
const queue = (values: string) => of("redis_key_size", values, 'db="db0",key="bull:mail:wait"');

export const cases: RuleCases = {
  RedisDown: {
    fires: [
      { series: of("redis_up", "1x3 0x5"), at: "6m", labels: { component: "redis", cause: "true" } },
      { series: of("redis_up", "0x9", "", "follower"), at: "6m", labels: { component: "follower" } },
    ],
    silent: { series: { ...of("redis_up", "1x3 0 1x5"), ...of("redis_up", "1x9", "", "follower") }, at: "4m" },
  },
  RedisRejectsConnections: {
    fires: { series: of("redis_rejected_connections_total", "4x5 9x5"), at: "8m" },
    silent: { series: of("redis_rejected_connections_total", "9x20"), at: "8m" },
  },
  RedisMemoryNearLimit: {
    fires: { series: { ...of("redis_memory_used_bytes", "95x10"), ...of(full, "100x10") }, at: "8m" },
    silent: [
      { series: { ...of("redis_memory_used_bytes", "89x10"), ...of(full, "100x10") }, at: "8m" },
      { series: { ...of("redis_memory_used_bytes", "50x5 95x3 50x5"), ...of(full, "100x15") }, at: "8m" },
      // No limit.
      { series: { ...of("redis_memory_used_bytes", "95x10"), ...of(full, "0x10") }, at: "8m" },
      // A cache is full most of the time.
      {
        series: {
          ...of("redis_memory_used_bytes", "100x10", "", "follower"),
          ...of(full, "100x10", "", "follower"),
        },
        at: "8m",
      },
    ],
  },
  RedisEvictsKeys: {
    fires: { series: of("redis_evicted_keys_total", "0x5 12x10"), at: "9m" },
    silent: [
      { series: of("redis_evicted_keys_total", "12x20"), at: "9m" },
      { series: of("redis_evicted_keys_total", "0+100x20", "", "follower"), at: "9m" },
    ],
  },
  RedisSaveFails: {
    fires: [
      { series: saves("1x2 0x10", "1x12", "1x12"), at: "8m" },
      { series: saves("1x12", "1x2 0x10", "1x12"), at: "8m" },
      { series: saves("1x12", "1x12", "1x2 0x10"), at: "8m" },
    ],
    silent: { series: saves("1x4 0x1 1x12", "1x12", "1x12"), at: "6m" },
  },
  RedisReplicationBroken: {
    fires: {
      series: of("redis_master_link_up", "1x2 0x10", 'master_host="elsewhere",master_port="6379"', "follower"),
      at: "9m",
      labels: { component: "follower", master_host: "elsewhere" },
    },
    silent: {
      series: of("redis_master_link_up", "1x2 0x2 1x10", 'master_host="elsewhere",master_port="6379"', "follower"),
      at: "5m",
    },
  },
  QueueGrowing: {
    fires: { series: queue("110+5x60"), at: "30m", labels: { key: "bull:mail:wait" } },
    silent: [
      // Long, but it gets shorter, or stays as it is.
      { series: queue("5000-10x60"), at: "40m" },
      { series: queue("5000x60"), at: "40m" },
      // Many at once, done within a few minutes, again and again.
      { series: queue("0x5 500-100x5 0x5 500-100x5 0x5 500-100x5 0x5 500-100x5"), at: "37m" },
      // Short, however it grows.
      { series: queue("30+1x60"), at: "55m" },
      // It was empty, which is no key, and has only just been filled.
      { series: queue("_x30 150+5x30"), at: "40m" },
    ],
  },
};

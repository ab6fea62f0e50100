import type { RuleCases } from "../../support/rule-cases.ts";

/** Cases of the rules of both engines, whose names begin with its title; `main`, `follower`, `sessions`: keys in the stack. */
export function casesFor(title: "Redis" | "Valkey", main: string, follower: string, sessions: string): RuleCases {
  const of = (metric: string, values: string, more = "", key = main) => ({
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

  const [first, second, asked] = ["1", "2", "sentinel-1"].map((end) => `${sessions}-${end}`) as [
    string,
    string,
    string,
  ];
  const role = (key: string, is: "master" | "slave", values: string) =>
    of("redis_instance_info", values, `role="${is}"`, key);
  const up = (values: string) => ({ ...of("redis_up", values, "", first), ...of("redis_up", values, "", second) });
  const connected = (values: string, key = first) => of("redis_connected_slaves", values, "", key);
  const epoch = (values: string, address: string) =>
    of("redis_sentinel_master_config_epoch", values, `master_address="${address}"`, asked);
  const lag = (values: string) => of("redis_connected_slave_lag_seconds", values, `slave_ip="${second}"`, first);

  return {
    [`${title}Down`]: {
      fires: [
        { series: of("redis_up", "1x3 0x5"), at: "6m", labels: { component: main, cause: "true" } },
        { series: of("redis_up", "0x9", "", follower), at: "6m", labels: { component: follower } },
      ],
      silent: { series: { ...of("redis_up", "1x3 0 1x5"), ...of("redis_up", "1x9", "", follower) }, at: "4m" },
    },
    [`${title}RejectsConnections`]: {
      fires: { series: of("redis_rejected_connections_total", "4x5 9x5"), at: "8m" },
      silent: { series: of("redis_rejected_connections_total", "9x20"), at: "8m" },
    },
    [`${title}MemoryNearLimit`]: {
      fires: { series: { ...of("redis_memory_used_bytes", "95x10"), ...of(full, "100x10") }, at: "8m" },
      silent: [
        { series: { ...of("redis_memory_used_bytes", "89x10"), ...of(full, "100x10") }, at: "8m" },
        { series: { ...of("redis_memory_used_bytes", "50x5 95x3 50x5"), ...of(full, "100x15") }, at: "8m" },
        // No limit.
        { series: { ...of("redis_memory_used_bytes", "95x10"), ...of(full, "0x10") }, at: "8m" },
        // A cache is full most of the time.
        {
          series: {
            ...of("redis_memory_used_bytes", "100x10", "", follower),
            ...of(full, "100x10", "", follower),
          },
          at: "8m",
        },
      ],
    },
    [`${title}EvictsKeys`]: {
      fires: { series: of("redis_evicted_keys_total", "0x5 12x10"), at: "9m" },
      silent: [
        { series: of("redis_evicted_keys_total", "12x20"), at: "9m" },
        { series: of("redis_evicted_keys_total", "0+100x20", "", follower), at: "9m" },
      ],
    },
    [`${title}SaveFails`]: {
      fires: [
        { series: saves("1x2 0x10", "1x12", "1x12"), at: "8m" },
        { series: saves("1x12", "1x2 0x10", "1x12"), at: "8m" },
        { series: saves("1x12", "1x12", "1x2 0x10"), at: "8m" },
      ],
      silent: { series: saves("1x4 0x1 1x12", "1x12", "1x12"), at: "6m" },
    },
    [`${title}ReplicationBroken`]: {
      fires: {
        series: of("redis_master_link_up", "1x2 0x10", 'master_host="elsewhere",master_port="6379"', follower),
        at: "9m",
        labels: { component: follower, master_host: "elsewhere" },
      },
      silent: {
        series: of("redis_master_link_up", "1x2 0x2 1x10", 'master_host="elsewhere",master_port="6379"', follower),
        at: "5m",
      },
    },
    [title === "Redis" ? "QueueGrowing" : `${title}QueueGrowing`]: {
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
    [`${title}NoPrimary`]: {
      fires: [
        {
          series: { ...up("1x9"), ...role(first, "slave", "1x9"), ...role(second, "slave", "1x9") },
          at: "5m",
          labels: { component: sessions, cause: "true" },
        },
        { series: { ...up("1x9"), ...role(first, "master", "1x2 _x9"), ...role(second, "slave", "1x9") }, at: "9m" },
      ],
      silent: [
        { series: { ...up("1x9"), ...role(first, "master", "1x9"), ...role(second, "slave", "1x9") }, at: "5m" },
        // Nobody answers at all: that is another alert.
        { series: up("0x9"), at: "5m" },
      ],
    },
    [`${title}RefusesWrites`]: {
      fires: {
        series: { ...role(first, "master", "1x9"), ...connected("0x9"), ...connected("0x9", second) },
        at: "5m",
        labels: { component: sessions },
      },
      silent: [
        { series: { ...role(first, "master", "1x9"), ...connected("1x9"), ...connected("0x9", second) }, at: "5m" },
        { series: { ...role(first, "master", "1x12"), ...connected("2x3 0x0 2x9") }, at: "5m" },
      ],
    },
    [`${title}FailedOver`]: {
      fires: {
        series: { ...epoch("3x20 _x9", first), ...epoch("_x20 4x9", second) },
        at: "24m",
        labels: { component: sessions },
      },
      silent: [
        { series: epoch("4x40", second), at: "24m" },
        // Measured only now.
        { series: epoch("4x5", second), at: "4m" },
      ],
    },
    [`${title}ReplicaLost`]: {
      fires: {
        series: { ...role(first, "master", "1x20"), ...connected("2x3 1x20") },
        at: "12m",
        labels: { component: sessions },
      },
      silent: [
        { series: { ...role(first, "master", "1x20"), ...connected("2x3 1x2 2x20") }, at: "8m" },
        {
          series: {
            ...role(first, "master", "1x20"),
            ...role(second, "slave", "1x20"),
            ...connected("2x20"),
            ...connected("1x20", second),
          },
          at: "12m",
        },
      ],
    },
    [`${title}ReplicaLags`]: {
      fires: { series: lag("0x3 15x9"), at: "8m", labels: { component: sessions, slave_ip: second } },
      silent: { series: lag("1x3 15x1 1x9"), at: "8m" },
    },
    [`${title}QuorumAtRisk`]: {
      fires: [
        {
          series: of("redis_sentinel_master_ok_sentinels", "3x3 2x15", "", asked),
          at: "12m",
          labels: { component: sessions },
        },
        { series: of("redis_up", "1x3 0x15", "", asked), at: "12m", labels: { component: sessions } },
      ],
      silent: {
        series: {
          ...of("redis_sentinel_master_ok_sentinels", "3x3 2x2 3x15", "", asked),
          ...of("redis_up", "1x20", "", asked),
        },
        at: "8m",
      },
    },
  };
}

export const cases = casesFor("Redis", "redis", "follower", "sessions");

import type { RuleCases } from "../../support/rule-cases.ts";

const loki = 'job="loki",component="loki",service="loki"';
const alloy = 'job="loki-alloy",component="loki",service="loki-alloy"';

export const cases: RuleCases = {
  LokiDown: {
    fires: { series: { [`up{${loki}}`]: "1x2 0x10" }, at: "8m", labels: { component: "loki" } },
    silent: [
      { series: { [`up{${loki}}`]: "1x2 0x2 1x10" }, at: "8m" },
      { series: { [`up{${alloy}}`]: "0x12" }, at: "8m" },
    ],
  },
  LokiRefusesLines: {
    fires: {
      series: { [`loki_discarded_samples_total{${loki},reason="rate_limited"}`]: "0+10x40" },
      at: "30m",
      labels: { component: "loki", reason: "rate_limited" },
    },
    silent: [
      { series: { [`loki_discarded_samples_total{${loki},reason="rate_limited"}`]: "10x40" }, at: "30m" },
      {
        series: { [`loki_discarded_samples_total{${loki},reason="greater_than_max_sample_age"}`]: "0+10x40" },
        at: "30m",
      },
    ],
  },
  LogLinesLost: {
    fires: {
      series: { [`loki_write_dropped_entries_total{${alloy}}`]: "0x10 5x20" },
      at: "15m",
      labels: { component: "loki" },
    },
    silent: { series: { [`loki_write_dropped_entries_total{${alloy}}`]: "5x30" }, at: "15m" },
  },
  LogStoreLarge: {
    fires: {
      series: { 'create_stack_log_store_bytes{component="loki"}': "20000000000x60" },
      at: "40m",
      labels: { component: "loki" },
    },
    silent: [
      { series: { 'create_stack_log_store_bytes{component="loki"}': "10000000000x60" }, at: "40m" },
      { series: { 'create_stack_log_store_bytes{component="elk"}': "20000000000x60" }, at: "40m" },
    ],
  },
  LogCollectorDown: {
    fires: { series: { [`up{${alloy}}`]: "1x2 0x10" }, at: "10m", labels: { component: "loki" } },
    silent: { series: { [`up{${alloy}}`]: "1x2 0x4 1x10" }, at: "10m" },
  },
  LogsMissing: {
    fires: {
      series: { [`loki_source_docker_target_entries_total{${alloy}}`]: "0+20x5 100x40" },
      at: "30m",
      labels: { component: "loki" },
    },
    silent: { series: { [`loki_source_docker_target_entries_total{${alloy}}`]: "0+1x40" }, at: "30m" },
  },
};

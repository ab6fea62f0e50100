import type { RuleCases } from "../../support/rule-cases.ts";

export const cases: RuleCases = {
  TargetDown: {
    fires: {
      series: {
        'up{job="redis",component="redis",service="redis-exporter",instance="redis-exporter:9121"}': "1x2 0x10",
      },
      at: "9m",
      labels: { component: "redis" },
    },
    silent: {
      series: {
        'up{job="redis",component="redis",service="redis-exporter",instance="redis-exporter:9121"}': "1x2 0x1 1x10",
      },
      at: "9m",
    },
  },
};

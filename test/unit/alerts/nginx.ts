import type { RuleCases } from "../../support/rule-cases.ts";

const of = (metric: string, values: string) => ({
  [`${metric}{job="nginx",component="nginx",service="nginx-exporter",instance="nginx-exporter:9113"}`]: values,
});

export const cases: RuleCases = {
  NginxDown: {
    fires: { series: of("nginx_up", "1x3 0x5"), at: "6m", labels: { component: "nginx", cause: "true" } },
    silent: { series: of("nginx_up", "1x3 0 1x5"), at: "4m" },
  },
  NginxConnectionsHigh: {
    fires: { series: of("nginx_connections_active", "3300x10"), at: "8m" },
    silent: [
      { series: of("nginx_connections_active", "3200x10"), at: "8m" },
      { series: of("nginx_connections_active", "100x3 3300x2 100x9"), at: "8m" },
    ],
  },
  NginxConnectionsDropped: {
    fires: {
      series: { ...of("nginx_connections_accepted", "0+10x10"), ...of("nginx_connections_handled", "0+8x10") },
      at: "8m",
    },
    silent: {
      series: { ...of("nginx_connections_accepted", "0+10x10"), ...of("nginx_connections_handled", "0+10x10") },
      at: "8m",
    },
  },
};

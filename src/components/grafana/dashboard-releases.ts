import type { Dashboard, DashboardPanel, DashboardQuery } from "../../stack/monitoring.ts";
import { perService } from "../traefik/metrics.ts";

/**
 * While two releases of an app run, Traefik knows each as a service of its own, `server--<release>@file`, and else as
 * `server@file`. A container's release is the tag of its image.
 */
const mine = 'service=~"$app(--[^.@]+)?[.@].*"';
const rate = (metric: string, more = "") => `rate(${metric}{${mine}${more}}[5m])`;
const requests = (more = "") => rate("traefik_service_requests_total", more);
const duration = rate("traefik_service_request_duration_seconds_bucket", ',protocol!~"websocket|sse"');
const containers = '{service="$app"}';

const all = perService(requests());
const errors = `(${perService(requests(',code=~"5.."'))} or 0 * ${all}) / clamp_min(${all}, 0.001)`;
const quantile = (value: number) => `histogram_quantile(${value}, ${perService(duration, "le")})`;

function lines(title: string, unit: string, query: DashboardQuery, more: Partial<DashboardPanel> = {}): DashboardPanel {
  return { title, kind: "timeseries", unit, queries: [query], min: 0, width: 12, ...more };
}

/** Two releases of one app side by side: what a canary is judged by. With one release it shows that one. */
export const releases: Dashboard = {
  uid: "releases",
  title: "Release against release",
  about: "The releases of one app side by side, such as a canary and what was there before",
  variables: [{ name: "app", label: "App", query: 'label_values(create_stack_container_info{group="apps"}, service)' }],
  panels: [
    {
      title: "Releases that run",
      kind: "table",
      queries: [{ expr: `count by (service, release, image) (create_stack_container_info${containers})` }],
      width: 12,
      height: 5,
    },
    {
      title: "Share of the requests",
      kind: "bargauge",
      unit: "percentunit",
      queries: [
        {
          expr: `${all} / on () group_left () clamp_min(sum(${requests()}), 0.001)`,
          legend: "{{service}}",
        },
      ],
      min: 0,
      max: 1,
      width: 12,
      height: 5,
    },
    lines(
      "Errors",
      "percentunit",
      { expr: errors, legend: "{{service}}" },
      {
        about:
          "Share of answers with 5xx. Above 5 %, or 3 points above the other release, a canary is to be taken back.",
        thresholds: { critical: 0.05 },
      },
    ),
    lines(
      "Time to answer (p95)",
      "s",
      { expr: quantile(0.95), legend: "{{service}}" },
      {
        about: "Above 2 s, or 1.5 times the other release, a canary is to be taken back.",
        thresholds: { critical: 2 },
      },
    ),
    lines("Requests", "reqps", { expr: all, legend: "{{service}}" }),
    lines("Time to answer (p50)", "s", { expr: quantile(0.5), legend: "{{service}}" }),
    lines("Memory by release", "bytes", {
      expr: `avg by (release) (create_stack_container_memory_bytes${containers})`,
      legend: "{{release}}",
    }),
    lines("CPU by release", "short", {
      expr: `avg by (release) (rate(create_stack_container_cpu_seconds_total${containers}[5m]))`,
      legend: "{{release}}",
    }),
    lines("Answers by status", "reqps", {
      expr: perService(requests(), "code"),
      legend: "{{service}} {{code}}",
    }),
    lines("Age of each release", "s", {
      expr: `time() - min by (release) (create_stack_container_start_timestamp_seconds${containers})`,
      legend: "{{release}}",
    }),
  ],
};

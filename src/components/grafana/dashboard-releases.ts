import type { Dashboard, DashboardPanel, DashboardQuery } from "../../stack/monitoring.ts";

/**
 * Traefik knows an app's releases as services of their own, `server-<release>`, while two of them run, and as `server`
 * otherwise; a container's release is the tag of its image.
 */
const mine = 'service=~"$app(-.+)?"';
const requests = `traefik_service_requests_total{${mine}}`;
const failures = `traefik_service_requests_total{${mine},code=~"5.."}`;
const duration = `traefik_service_request_duration_seconds_bucket{${mine}}`;
const containers = '{service="$app"}';

const errorRate = (window: string) =>
  `sum by (service) ((rate(${failures}[${window}])) or (0 * rate(${requests}[${window}]))) / clamp_min(sum by (service) (rate(${requests}[${window}])), 0.001)`;
const quantile = (value: number, window = "5m") =>
  `histogram_quantile(${value}, sum by (le, service) (rate(${duration}[${window}])))`;

function lines(title: string, unit: string, query: DashboardQuery, more: Partial<DashboardPanel> = {}): DashboardPanel {
  return { title, kind: "timeseries", unit, queries: [query], min: 0, width: 12, ...more };
}

/** Two releases of one app side by side: what a canary is judged by. With one release it shows that one. */
export const releases: Dashboard = {
  uid: "releases",
  title: "Release against release",
  about: "The releases of one app side by side, such as a canary and what was there before",
  variables: [
    { name: "app", label: "App", query: 'label_values(create_stack_container_info{component!=""}, service)' },
  ],
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
          expr: `sum by (service) (rate(${requests}[5m])) / on () group_left () clamp_min(sum(rate(${requests}[5m])), 0.001)`,
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
      { expr: errorRate("5m"), legend: "{{service}}" },
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
    lines("Requests", "reqps", { expr: `sum by (service) (rate(${requests}[5m]))`, legend: "{{service}}" }),
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
      expr: `sum by (service, code) (rate(${requests}[5m]))`,
      legend: "{{service}} {{code}}",
    }),
    lines("Age of each release", "s", {
      expr: `time() - min by (release) (create_stack_container_start_timestamp_seconds${containers})`,
      legend: "{{release}}",
    }),
  ],
};

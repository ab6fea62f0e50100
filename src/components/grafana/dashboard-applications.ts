import type { Dashboard } from "../../stack/monitoring.ts";
import { perService } from "../traefik/metrics.ts";

/** Services of Traefik are named `web@file`, and `web.3000@file` where one has several ports. */
const mine = 'service=~"($service)[.@].*"';
const rate = (metric: string, more = "") => `rate(${metric}{${mine}${more}}[5m])`;
const requests = (more = "") => rate("traefik_service_requests_total", more);
const duration = rate("traefik_service_request_duration_seconds_bucket", ',protocol!~"websocket|sse"');
const inService = '{service=~"$service"}';

/** Share or rate of answers with these codes. A counter without a single one has no series: that is 0. */
const withCode = (codes: string, ...by: string[]) =>
  `(${perService(requests(`,code=~"${codes}"`), ...by)} or 0 * ${perService(requests(), ...by)})`;

/** What a user of the applications notices, then why. Requests and answers are measured by Traefik. */
export const applications: Dashboard = {
  uid: "applications",
  title: "Application overview",
  about: "What users notice: requests, errors and slowness of each app, and what it uses",
  variables: [
    {
      name: "service",
      label: "App",
      query: 'label_values(create_stack_container_info{group="apps"}, service)',
      several: true,
    },
  ],
  panels: [
    {
      title: "Requests",
      kind: "stat",
      unit: "reqps",
      queries: [{ expr: `sum(${requests()})` }],
      width: 6,
      height: 4,
    },
    {
      title: "Errors",
      about: "Share of answers with 5xx in the last five minutes.",
      kind: "stat",
      unit: "percentunit",
      queries: [
        {
          expr: `sum(${withCode("5..")}) / clamp_min(sum(${requests()}), 0.001)`,
        },
      ],
      thresholds: { warning: 0.001, critical: 0.01 },
      width: 6,
      height: 4,
    },
    {
      title: "Slowest 1 % (p99)",
      kind: "stat",
      unit: "s",
      queries: [{ expr: `histogram_quantile(0.99, sum by (le) (${duration}))` }],
      thresholds: { warning: 0.5, critical: 1 },
      width: 6,
      height: 4,
    },
    {
      title: "Containers that run",
      about: "Of those that should run.",
      kind: "stat",
      unit: "percentunit",
      queries: [
        {
          expr: `sum(create_stack_service_replicas_running${inService}) / sum(create_stack_service_replicas_wanted${inService})`,
        },
      ],
      thresholds: { critical: 1, below: true },
      width: 6,
      height: 4,
    },
    {
      title: "Requests by app",
      kind: "timeseries",
      unit: "reqps",
      queries: [{ expr: perService(requests()), legend: "{{service}}" }],
      min: 0,
    },
    {
      title: "Errors by app",
      about: "Share of answers with 5xx.",
      kind: "timeseries",
      unit: "percentunit",
      queries: [
        {
          expr: `${withCode("5..")} / clamp_min(${perService(requests())}, 0.001)`,
          legend: "{{service}}",
        },
      ],
      thresholds: { critical: 0.01 },
      min: 0,
    },
    {
      title: "Time to answer",
      about: "Half of all requests are faster than p50, 99 of 100 faster than p99.",
      kind: "timeseries",
      unit: "s",
      queries: [0.5, 0.95, 0.99].map((quantile) => ({
        expr: `histogram_quantile(${quantile}, ${perService(duration, "le")})`,
        legend: `{{service}} p${quantile * 100}`,
      })),
      thresholds: { critical: 1 },
      min: 0,
    },
    {
      title: "Answers by status",
      kind: "timeseries",
      unit: "reqps",
      queries: [{ expr: `sum by (code) (${requests()})`, legend: "{{code}}" }],
      stacked: true,
      min: 0,
    },
    {
      title: "Refused requests (4xx)",
      about: "Many at once: a broken client, an expired login, somebody who tries passwords.",
      kind: "timeseries",
      unit: "reqps",
      queries: [
        {
          expr: withCode("4.."),
          legend: "{{service}}",
        },
      ],
      min: 0,
    },
    {
      title: "Memory of each container",
      about: "At its limit it is killed.",
      kind: "timeseries",
      unit: "percentunit",
      queries: [
        {
          expr: `create_stack_container_memory_bytes${inService} / (create_stack_container_memory_limit_bytes${inService} > 0)`,
          legend: "{{container}}",
        },
      ],
      thresholds: { warning: 0.8, critical: 0.95 },
      min: 0,
      max: 1,
    },
    {
      title: "CPU of each container",
      kind: "timeseries",
      unit: "short",
      queries: [{ expr: `rate(create_stack_container_cpu_seconds_total${inService}[5m])`, legend: "{{container}}" }],
      min: 0,
    },
    {
      title: "Restarts",
      about: "Starts after an end that nobody asked for.",
      kind: "timeseries",
      unit: "short",
      queries: [{ expr: `increase(create_stack_container_restarts_total${inService}[15m])`, legend: "{{service}}" }],
      min: 0,
    },
  ],
};

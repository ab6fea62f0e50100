import type { Dashboard, DashboardPanel, Thresholds } from "../../stack/monitoring.ts";
import { topRow } from "../monitored.ts";
import { perService } from "./metrics.ts";

/** What one asks at night about what comes in; Traefik tells its own metrics as the job `key`. */
export function dashboard(key: string, thresholds: Pick<Thresholds, "errors" | "p99">): Dashboard {
  return {
    uid: `traefik-${key}`,
    title: `Requests: ${key}`,
    about: "Does anything come in, does it fail, is it slow, and at which service?",
    panels: [...now(key, thresholds), ...byService(key, thresholds), ...ofTraefik(key)],
  };
}

const rateOf =
  (key: string) =>
  (metric: string, more = "") =>
    `rate(${metric}{job="${key}"${more}}[$__rate_interval])`;

/** Slow by nature: they last as long as somebody listens. */
const finite = ', protocol!~"websocket|sse"';

function now(key: string, { errors, p99 }: Pick<Thresholds, "errors" | "p99">): DashboardPanel[] {
  const rate = rateOf(key);
  const [all, failed] = ["", ', code=~"5.."'].map((more) => `sum(${rate("traefik_service_requests_total", more)})`);
  const buckets = `sum by (le) (${rate("traefik_service_request_duration_seconds_bucket", finite)})`;
  return topRow([
    {
      title: "Answers",
      kind: "stat",
      queries: [{ expr: `up{job="${key}"}`, legend: key }],
      thresholds: { critical: 1, below: true },
    },
    {
      title: "Failed",
      about: "Share of requests that were answered with 5xx.",
      kind: "stat",
      unit: "percentunit",
      queries: [{ expr: `(${failed} or vector(0)) / (${all} > 0)`, legend: "5xx" }],
      thresholds: { warning: errors / 2, critical: errors },
    },
    {
      title: "Slowest of a hundred",
      about: "99 of 100 requests take less.",
      kind: "stat",
      unit: "s",
      queries: [{ expr: `histogram_quantile(0.99, ${buckets})`, legend: "p99" }],
      thresholds: { warning: p99 / 2, critical: p99 },
    },
    {
      title: "Open connections",
      kind: "stat",
      unit: "short",
      queries: [{ expr: `sum(traefik_open_connections{job="${key}", entrypoint=~"web.*"})`, legend: "open" }],
      thresholds: { warning: 2000, critical: 4000 },
    },
  ]);
}

function byService(key: string, { errors, p99 }: Pick<Thresholds, "errors" | "p99">): DashboardPanel[] {
  const rate = rateOf(key);
  const all = perService(rate("traefik_service_requests_total"));
  const failed = perService(rate("traefik_service_requests_total", ', code=~"5.."'));
  const buckets = perService(rate("traefik_service_request_duration_seconds_bucket", finite), "le");
  const panel = (title: string, unit: string, expr: string, legend = "{{service}}"): DashboardPanel => ({
    title,
    kind: "timeseries",
    unit,
    queries: [{ expr, legend }],
    min: 0,
  });
  return [
    panel("Requests by service", "reqps", all),
    {
      ...panel("Failed by service", "percentunit", `(${failed} or 0 * ${all}) / ${all}`),
      thresholds: { critical: errors },
    },
    {
      ...panel("Slowest of a hundred by service", "s", `histogram_quantile(0.99, ${buckets})`),
      thresholds: { critical: p99 },
    },
    {
      ...panel("Usual time by service", "s", `histogram_quantile(0.5, ${buckets})`),
      about: "Half of the requests take less.",
    },
    {
      ...panel("Answers by code", "reqps", `sum by (code) (${rate("traefik_service_requests_total")})`, "{{code}}"),
      about: "502 and 504: Traefik did not reach the app. 429: the limit per address. 404 of an app is the app's own.",
    },
    panel("Sent by service", "Bps", perService(rate("traefik_service_responses_bytes_total"))),
  ];
}

function ofTraefik(key: string): DashboardPanel[] {
  return [
    {
      title: "Requests to no service",
      about: "What came in less what a service got: unknown hosts, redirections to HTTPS, scanners.",
      kind: "timeseries",
      unit: "reqps",
      queries: [
        {
          expr: `sum by (entrypoint) (${rateOf(key)("traefik_entrypoint_requests_total")})`,
          legend: "at {{entrypoint}}",
        },
        { expr: `sum(${rateOf(key)("traefik_service_requests_total")})`, legend: "to services" },
      ],
      min: 0,
    },
    {
      title: "Routes last changed",
      about:
        "When Traefik last took over a change of its files. Older than a deploy: it does not take the new file; its log says why.",
      kind: "stat",
      unit: "dateTimeFromNow",
      queries: [{ expr: `1000 * max(traefik_config_last_reload_success{job="${key}"})`, legend: key }],
      height: 8,
    },
  ];
}

import type { Dashboard } from "../../stack/monitoring.ts";
import { answers, gaugeOfShare, topRow } from "../monitored.ts";

/** What one asks of a web server at night; its exporter is the job `key`. `most`: connections that it can hold. */
export function dashboard(key: string, most: number): Dashboard {
  const of = (metric: string) => `${metric}{job="${key}"}`;
  const rate = (metric: string) => `rate(${of(metric)}[$__rate_interval])`;
  return {
    uid: `nginx-${key}`,
    title: `Web server: ${key}`,
    about: "Does it answer, how much is asked of it, does it have room for more?",
    panels: [
      ...topRow([
        answers({ expr: of("nginx_up"), legend: key }, "0: stopped or hanging."),
        gaugeOfShare({
          title: "Connections in use",
          about: `Of the ${most} that it can hold.`,
          queries: [{ expr: `${of("nginx_connections_active")} / ${most}`, legend: key }],
          thresholds: { warning: 0.6, critical: 0.8 },
        }),
        {
          title: "Dropped within an hour",
          kind: "stat",
          queries: [
            {
              expr: `increase(${of("nginx_connections_accepted")}[1h]) - increase(${of("nginx_connections_handled")}[1h])`,
              legend: key,
            },
          ],
          thresholds: { critical: 1 },
        },
      ]),
      {
        title: "Requests",
        about: "How many of them fail is on the dashboard of applications, where Traefik counts them.",
        kind: "timeseries",
        unit: "reqps",
        queries: [{ expr: rate("nginx_http_requests_total"), legend: key }],
        min: 0,
      },
      {
        title: "Connections",
        about: "Writing: an answer is under way, or an app is waited for. Waiting: open for a next request.",
        kind: "timeseries",
        unit: "short",
        queries: ["reading", "writing", "waiting"].map((state) => ({
          expr: of(`nginx_connections_${state}`),
          legend: state,
        })),
        stacked: true,
        min: 0,
      },
      {
        title: "New connections",
        kind: "timeseries",
        unit: "short",
        queries: [{ expr: rate("nginx_connections_accepted"), legend: "per second" }],
        min: 0,
      },
    ],
  };
}

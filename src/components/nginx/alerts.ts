import type { AlertRule } from "../../stack/monitoring.ts";
import { serverDown } from "../monitored.ts";

const minute = 60_000;

/** When somebody is told about a web server; its exporter is the job `key`. `most`: connections that it can hold. */
export function alertRules(key: string, most: number): AlertRule[] {
  const of = (metric: string) => `${metric}{job="${key}"}`;
  return [
    serverDown(key, {
      name: "NginxDown",
      expr: `max(${of("nginx_up")}) == 0`,
      summary: `${key} does not answer`,
      meaning: "The web server is stopped, hangs, or its configuration does not let it start. Its log says which line.",
    }),
    {
      name: "NginxConnectionsHigh",
      expr: `max(${of("nginx_connections_active")}) > ${Math.round(most * 0.8)}`,
      for: 5 * minute,
      severity: "warning",
      about: key,
      summary: `${key} holds {{ $value | humanize }} of ${most} connections`,
      meaning:
        "Either very many people are here, or an app behind it does not answer and its requests pile up. At the limit no new ones are taken.",
      command: `./prod.sh logs ${key} --since 10m`,
    },
    {
      name: "NginxConnectionsDropped",
      expr: `increase(${of("nginx_connections_accepted")}[5m]) - increase(${of("nginx_connections_handled")}[5m]) > 1`,
      for: 0,
      severity: "warning",
      about: key,
      summary: `${key} has dropped {{ $value | humanize }} connections within 5 minutes`,
      meaning: "It took connections that it had no room for: all that a worker can hold are in use.",
      command: `./prod.sh logs ${key} --since 10m`,
    },
  ];
}

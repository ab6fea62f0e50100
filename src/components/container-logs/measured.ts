import type { AlertRule, Scrape } from "../../stack/monitoring.ts";
import { collectorName, collectorPort } from "./collector.ts";
import { socketName } from "./socket-proxy.ts";

const minute = 60_000;

/** Its counter of lines tells them apart by their own `service` and `component`. */
export function collectorScrape(key: string): Scrape {
  const service = collectorName(key);
  return { job: service, service, port: collectorPort, path: "/metrics", keepsLabels: true };
}

/** What can go wrong on the way from the containers to the store. `prefix`: a name stands for the rules of one type of store. */
export function collectorRules(key: string, prefix: "" | "Elk" = ""): AlertRule[] {
  const job = collectorName(key);
  return [
    {
      name: `${prefix}LogCollectorDown`,
      expr: `up{job="${job}"} == 0`,
      for: 5 * minute,
      severity: "warning",
      about: key,
      cause: true,
      summary: "Logs are no longer collected",
      meaning: `${job} does not answer. New lines stay in the containers' own logs, which keep the last 30 MB of each; when it is back it goes on where it stopped.`,
      command: `./prod.sh logs ${job}`,
    },
    {
      name: `${prefix}LogsMissing`,
      expr: `increase(loki_source_docker_target_entries_total{job="${job}"}[15m]) == 0`,
      for: minute,
      severity: "warning",
      about: key,
      summary: "No log line has been read for 15 minutes",
      meaning: `Either ${socketName(key)} does not let ${job} reach the engine, or the store takes no lines and reading waits for it.`,
      command: `./prod.sh logs ${socketName(key)}`,
    },
  ];
}

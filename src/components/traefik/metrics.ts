import { type Scrape, scrapeNetwork } from "../../stack/monitoring.ts";
import type { ComponentUse } from "../component.ts";

const port = 8082;

/**
 * Where the metrics are served: on the network of scrapes and on no other that the container is in, since apps and the
 * internet are on those. Its address there is known to Docker alone, whose DNS answers `<service>.<network>` with it.
 */
export function metricsAddress({ key, stack }: Pick<ComponentUse, "key" | "stack">): string {
  return `${key}.${stack}_${scrapeNetwork}:${port}`;
}

/** Its series have the label `service`, the one that a request went to: `web@file`. */
export function scrapeOf(key: string): Scrape {
  return { job: key, service: key, port, path: "/metrics", keepsLabels: true };
}

/** PromQL that adds up a metric of the routes' services, with the Compose service as label `service`, beside those in `by`. */
export function perService(rate: string, ...by: string[]): string {
  // web@file, and web.3000@file where a service has several ports.
  const named = `label_replace(${rate}, "service", "$1", "service", "([^.@]+).*@.*")`;
  return `sum by (${["service", ...by].join(", ")}) (${named})`;
}

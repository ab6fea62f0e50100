import type { Scrape } from "../../stack/monitoring.ts";
import { composeSize, formatDuration } from "../../support/units.ts";
import { addressOf, parts } from "./names.ts";
import type { MonitoringOptions } from "./options.ts";
import type { ProbedRoute } from "./probes.ts";

/** Somebody's metrics, with the component whose they are. */
export type ScrapeOf = Scrape & { component: string };

/** Values for prometheus.yml.hbs. */
export function prometheusValues(
  { scrape, retention, size }: MonitoringOptions,
  stack: string,
  scrapes: readonly ScrapeOf[],
  routes: readonly ProbedRoute[],
): Record<string, unknown> {
  const jobs = scrapes.map(({ job }) => job);
  const twice = jobs.find((job, index) => jobs.indexOf(job) < index);
  if (twice !== undefined) throw new Error(`two scrapes have the name ${twice}`);
  return {
    stack: JSON.stringify(stack),
    interval: formatDuration(scrape),
    timeout: formatDuration(Math.min(scrape, 10_000)),
    retention: longDuration(retention),
    size: sizeText(size),
    alertmanager: addressOf(parts.alertmanager),
    scrapes: scrapes.map(scrapeValues),
    routes,
    blackbox: addressOf(parts.blackbox),
  };
}

function scrapeValues(scrape: ScrapeOf): Record<string, unknown> {
  const { job, service, port, path, replicated, token, labels, keepsLabels, component } = scrape;
  const all = Object.entries({ component, service, ...labels });
  return {
    job,
    service,
    port,
    path: path === "/metrics" ? false : JSON.stringify(path),
    replicated: replicated === true,
    token: token ?? false,
    keepsLabels: keepsLabels === true,
    target: addressOf({ service, port }),
    labels: all.map(([name, value]) => ({ name, value: JSON.stringify(value) })),
    containers: job === parts.cadvisor.service,
  };
}

const day = 86_400_000;

/** Days where it comes out even: `15d`. */
function longDuration(milliseconds: number): string {
  return milliseconds % day === 0 ? `${milliseconds / day}d` : formatDuration(milliseconds);
}

/** Binary units, in Prometheus' letters: `5GB`. */
function sizeText(bytes: number): string {
  return composeSize(bytes)
    .toUpperCase()
    .replace(/(?<!B)$/, "B");
}

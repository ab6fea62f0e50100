import type { ComponentUse, Contribution } from "../component.ts";
import { networkOfScrapes } from "../monitored.ts";
import { alertRules } from "./alerts.ts";
import { dashboard } from "./dashboard.ts";
import { metricsPort } from "./services.ts";

/** The server's own metrics: counts and names of buckets, on a port that no route leads to. */
export function monitoring({ key, thresholds }: ComponentUse): Contribution {
  return {
    networks: [networkOfScrapes],
    scrapes: [{ job: key, service: key, port: metricsPort, path: "/metrics" }],
    alertRules: alertRules(key, thresholds),
    dashboards: [dashboard(key, thresholds)],
  };
}

import type { ComponentUse, Contribution } from "../component.ts";
import { networkOfScrapes } from "../monitored.ts";
import { alertRules } from "./alerts.ts";
import { dashboard } from "./dashboard.ts";
import { adminPort, namesOf } from "./services.ts";

/** The server's own metrics, on a port that no route leads to, for whoever has the token. */
export function monitoring({ key, thresholds }: ComponentUse): Contribution {
  return {
    networks: [networkOfScrapes],
    scrapes: [{ job: key, service: key, port: adminPort, path: "/metrics", token: namesOf(key).metricsToken }],
    alertRules: alertRules(key, thresholds),
    dashboards: [dashboard(key, thresholds)],
  };
}

import type { ComponentUse, Contribution } from "../component.ts";
import { exporterName, exporterService, networkOfScrapes } from "../monitored.ts";
import { alertRules } from "./alerts.ts";
import { dashboard } from "./dashboard.ts";
import { statusPort } from "./services.ts";

const port = 9113;

/** What is there for Prometheus: https://github.com/nginx/nginx-prometheus-exporter. `most`: connections that it can hold. */
export function monitoring({ key }: ComponentUse, most: number): Contribution {
  const service = exporterService({
    key,
    image: "nginx/nginx-prometheus-exporter:1.5.1",
    user: "1001:1001",
    command: [`--nginx.scrape-uri=http://${key}:${statusPort}/status`, `--web.listen-address=:${port}`],
    environment: {},
  });
  return {
    services: [service],
    networks: [{ name: key, about: `${key} and the reader of its figures`, internal: true }, networkOfScrapes],
    scrapes: [{ job: key, service: exporterName(key), port, path: "/metrics" }],
    alertRules: alertRules(key, most),
    dashboards: [dashboard(key, most)],
  };
}

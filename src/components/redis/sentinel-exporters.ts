import type { ComponentUse, Contribution } from "../component.ts";
import { monitorPassword, networkOfScrapes } from "../monitored.ts";
import { alertRules } from "./alerts.ts";
import { dashboard } from "./dashboard.ts";
import { exporterOf, passwordMap, scrapeOf } from "./exporter.ts";
import type { RedisOptions } from "./options.ts";
import { sentinelNames, sentinelPort, serverPort } from "./sentinel-names.ts";

/**
 * What is there for Prometheus of three servers and their sentinels: an exporter each for the servers, and one for the
 * first sentinel, which knows of the others; that it is gone itself is seen as well.
 */
export function sentinelMonitoring(options: RedisOptions, { key }: ComponentUse): Contribution {
  const { servers, sentinels } = sentinelNames(key);
  const asked = sentinels.slice(0, 1);
  return {
    services: [
      ...servers.map((server) => exporterOf(key, options, server, serverPort)),
      ...asked.map((sentinel) => exporterOf(key, { queues: [] }, sentinel, sentinelPort)),
    ],
    networks: [networkOfScrapes],
    secrets: [
      monitorPassword(key),
      passwordMap(key, [
        ...servers.map((server) => `${server}:${serverPort}`),
        ...asked.map((sentinel) => `${sentinel}:${sentinelPort}`),
      ]),
    ],
    scrapes: [...servers, ...asked].map(scrapeOf),
    alertRules: alertRules(key, options),
    dashboards: [dashboard(key, options)],
  };
}

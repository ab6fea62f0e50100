import { metricsFolder, monitoringNetwork, type Scrape } from "../../stack/monitoring.ts";
import { didYouMean } from "../../support/suggest.ts";
import type { Component, ComponentUse, Contribution, ContributionOf, OptionProblem } from "../component.ts";
import { networkOfScrapes } from "../monitored.ts";
import { authorityOf, configFiles } from "./files.ts";
import { addressOf, alertsNetwork, parts, volumes } from "./names.ts";
import { type MonitoringOptions, options } from "./options.ts";
import { probedRoutes } from "./probes.ts";
import { secretsOf } from "./receivers.ts";
import { genericRules } from "./rules/index.ts";
import {
  alertmanagerService,
  blackboxService,
  cadvisorService,
  nodeExporterService,
  ownRulesFolder,
  prometheusService,
} from "./services.ts";

const { prometheus, alertmanager, nodeExporter, blackbox, cadvisor } = parts;

export const component: Component<MonitoringOptions> = {
  type: "monitoring",
  about: "Prometheus and Alertmanager: measures everything, says when something is wrong",
  offersNothing: true,
  options,
  monitors: true,
  thresholds: ({ thresholds }) => ({ ...thresholds, p99: thresholds.p99 / 1_000 }),
  contribute,
  collect,
};

function contribute(chosen: MonitoringOptions, use: ComponentUse): Contribution {
  return {
    services: [
      alertmanagerService(use.key, chosen, use.notify),
      nodeExporterService(chosen),
      ...(chosen.cadvisor ? [cadvisorService(chosen)] : []),
    ],
    networks: [
      networkOfScrapes,
      { name: monitoringNetwork, about: "Prometheus, and those that ask it", internal: true },
      { name: alertsNetwork, about: "Alertmanager's way out to those who are told", internal: false },
    ],
    volumes: [
      { name: volumes.prometheus, about: "Metrics, for as long as they are kept" },
      { name: volumes.alertmanager, about: "What Alertmanager has told to whom, and silences" },
    ],
    unprotected: [
      { name: volumes.prometheus, reason: "metrics: only the past is lost with them, and no service needs it" },
      { name: volumes.alertmanager, reason: "silences, and who was told what: at worst something is told twice" },
    ],
    folders: [
      { path: metricsFolder, mode: 0o755 },
      { path: ownRulesFolder, mode: 0o755 },
    ],
    secrets: secretsOf(use.notify),
    scrapes: ownScrapes(chosen),
    alertRules: genericRules(use.thresholds, use.key),
    monitoring: [{ prometheus, alertmanager }],
    grafanaSources: [
      {
        uid: "prometheus",
        name: "Prometheus",
        type: "prometheus",
        url: `http://${addressOf(prometheus)}`,
        network: monitoringNetwork,
        settings: { timeInterval: `${Math.round(chosen.scrape / 1_000)}s` },
      },
      {
        uid: "alertmanager",
        name: "Alertmanager",
        type: "alertmanager",
        url: `http://${addressOf(alertmanager)}`,
        network: monitoringNetwork,
        settings: { implementation: "prometheus" },
      },
    ],
    consoles: [
      {
        name: "prometheus",
        about: "metrics, what is read, alert rules and whether they hold",
        ...prometheus,
        network: monitoringNetwork,
        path: "/",
      },
      {
        name: "alertmanager",
        about: "alerts that are firing now; silences",
        ...alertmanager,
        network: monitoringNetwork,
        path: "/",
      },
    ],
  };
}

function ownScrapes(chosen: MonitoringOptions): Scrape[] {
  return [
    scrapeOf("prometheus", prometheus),
    scrapeOf("alertmanager", alertmanager),
    // What the supervisor writes says itself which component and service it is about.
    { ...scrapeOf("node", nodeExporter), keepsLabels: true },
    ...(chosen.cadvisor ? [scrapeOf(cadvisor.service, cadvisor)] : []),
  ];
}

function scrapeOf(job: string, part: { service: string; port: number }): Scrape {
  return { job, ...part, path: "/metrics" };
}

/** Once all routes, scrapes and rules are known. */
function collect(chosen: MonitoringOptions, use: ComponentUse, all: readonly ContributionOf[]): Contribution {
  const routes = all.flatMap(({ contribution }) => contribution.routes ?? []);
  const edge = all.find(({ contribution }) => contribution.services?.some(({ group }) => group === "edge"))?.key;
  const probed = edge === undefined ? [] : probedRoutes(routes, edge, componentOf(all));
  const authority = authorityOf(routes, all);
  const ofBlackbox = probed.length > 0 ? [scrapeOf(blackbox.service, blackbox)] : [];
  const scrapes = all.flatMap(({ key, contribution }) => [
    ...(contribution.scrapes ?? []).map((scrape) => ({ ...scrape, component: key })),
    ...(key === use.key ? ofBlackbox.map((scrape) => ({ ...scrape, component: key })) : []),
  ]);
  const tokens = [...new Set(scrapes.flatMap(({ token }) => (token === undefined ? [] : [token])))];
  return {
    services: [
      prometheusService(use.key, chosen, tokens),
      ...(probed.length > 0 ? [blackboxService(use.key, chosen, authority === undefined ? [] : [authority])] : []),
    ],
    scrapes: ofBlackbox,
    files: configFiles(chosen, use, { scrapes, routes: probed, authority, edge, all }),
    alertsOff: chosen.without,
    problems: unknownRules(chosen.without, all),
  };
}

function componentOf(all: readonly ContributionOf[]): (service: string) => string {
  return (service) =>
    all.find(({ contribution }) => contribution.services?.some(({ name }) => name === service))?.key ?? service;
}

function unknownRules(without: readonly string[], all: readonly ContributionOf[]): OptionProblem[] {
  const names = new Set(all.flatMap(({ contribution }) => contribution.alertRules ?? []).map(({ name }) => name));
  return without.flatMap((name, index) =>
    names.has(name)
      ? []
      : [{ path: ["without", index], message: `no alert rule is called ${name}`, hint: didYouMean(name, [...names]) }],
  );
}

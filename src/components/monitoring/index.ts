import { monitoringNetwork } from "../../stack/monitoring.ts";
import type { Component } from "../component.ts";
import { networkOfScrapes } from "../monitored.ts";
import { genericRules } from "./generic-rules.ts";
import { addressOf, alertsNetwork, parts } from "./names.ts";
import { type MonitoringOptions, options } from "./options.ts";
import { ruleFile } from "./rule-file.ts";

export const component: Component<MonitoringOptions> = {
  type: "monitoring",
  about: "Prometheus and Alertmanager: measures everything, says when something is wrong",
  options,
  monitors: true,
  thresholds: ({ thresholds }) => ({ ...thresholds, p99: thresholds.p99 / 1_000 }),
  contribute(_chosen, use) {
    const { prometheus, alertmanager } = parts;
    return {
      networks: [
        networkOfScrapes,
        { name: monitoringNetwork, about: "Prometheus, and those that ask it", internal: true },
        { name: alertsNetwork, about: "Alertmanager's way out to those who are told", internal: false },
      ],
      alertRules: genericRules(use),
      monitoring: [{ prometheus, alertmanager }],
      grafanaSources: [
        {
          uid: "prometheus",
          name: "Prometheus",
          type: "prometheus",
          url: `http://${addressOf(prometheus)}`,
          network: monitoringNetwork,
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
          about: "Metrics, targets and rules as Prometheus sees them",
          ...prometheus,
          network: monitoringNetwork,
          path: "/",
        },
        {
          name: "alertmanager",
          about: "Alerts that are firing; silences",
          ...alertmanager,
          network: monitoringNetwork,
          path: "/",
        },
      ],
    };
  },
  collect(chosen, use, all) {
    const files = all
      .map(({ key, contribution }) => ({
        key,
        rules: (contribution.alertRules ?? []).filter(({ name }) => !chosen.without.includes(name)),
      }))
      .filter(({ rules }) => rules.length > 0)
      .map(({ key, rules }) => ({
        path: `config/${use.key}/rules/${key}.yml`,
        content: ruleFile(key, rules),
        mode: 0o644 as const,
      }));
    return { files, alertsOff: chosen.without };
  },
};

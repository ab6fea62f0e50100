import type { Component } from "../component.ts";
import { type MonitoringOptions, options } from "./options.ts";
import { ruleFile } from "./rule-file.ts";

export const component: Component<MonitoringOptions> = {
  type: "monitoring",
  about: "Prometheus and Alertmanager: measures everything, says when something is wrong",
  options,
  monitors: true,
  thresholds: ({ thresholds }) => ({ ...thresholds, p99: thresholds.p99 / 1_000 }),
  contribute() {
    return {};
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

import type { Component } from "../component.ts";
import { collectorFile, collectorName, collectorService, positionsVolume } from "../container-logs/collector.ts";
import { collectorRules, collectorScrape } from "../container-logs/measured.ts";
import { multilineProblems } from "../container-logs/options.ts";
import { socketNetwork, socketProxy } from "../container-logs/socket-proxy.ts";
import { memoryProblems, memoryQuestion, type SmallestMemory } from "../smallest-memory.ts";
import { logsDashboard } from "./dashboard.ts";
import { type LokiOptions, lokiOptions } from "./options.ts";
import { lokiRules } from "./rules.ts";
import { configPath, dataVolume, logsNetwork, lokiPort, lokiService, lokiSettings } from "./service.ts";

const smallest: SmallestMemory = { name: "Loki", bytes: 128 * 1024 ** 2 };

export const component: Component<LokiOptions> = {
  type: "loki",
  about: "Loki: the logs of all containers in one place, to be searched in Grafana",
  offersNothing: true,
  options: lokiOptions,
  questions: [
    { path: ["retention"], message: "How long log lines are kept", kind: "input", default: "30d" },
    memoryQuestion(smallest, "256m"),
  ],
  contribute(options, use) {
    const { key, monitored } = use;
    const url = `http://${key}:${lokiPort}`;
    return {
      services: [
        lokiService(use, options),
        socketProxy(key, collectorName(key), options.socket),
        collectorService(use, {
          networks: [logsNetwork.name],
          dependsOn: { service: key, condition: "service_healthy" },
        }),
      ],
      volumes: [dataVolume(key), positionsVolume(key)],
      networks: [logsNetwork, socketNetwork(key)],
      files: [
        { path: configPath(key), content: use.template("loki/loki.yml.hbs", lokiSettings(options)), mode: 0o644 },
      ],
      unprotected: [
        {
          name: dataVolume(key).name,
          reason: "logs: of use for a while, and large; a copy elsewhere is a second Loki's",
        },
        { name: positionsVolume(key).name, reason: "made again: containers' logs are read from their beginning" },
      ],
      grafanaSources: [
        { uid: key, name: "Loki", type: "loki", url, network: logsNetwork.name, settings: { maxLines: 1000 } },
      ],
      ...(monitored && {
        scrapes: [{ job: key, service: key, port: lokiPort, path: "/metrics" }, collectorScrape(key)],
        alertRules: [...lokiRules(key, options), ...collectorRules(key)],
        dashboards: [logsDashboard(key)],
      }),
      problems: memoryProblems(smallest, options.limits),
    };
  },
  collect(options, use, all) {
    const url = `http://${use.key}:${lokiPort}/loki/api/v1/push`;
    return {
      files: [collectorFile(use, options, all, { kind: "loki", url })],
      problems: multilineProblems(options, all),
    };
  },
};

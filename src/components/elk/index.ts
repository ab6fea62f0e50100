import { secretText } from "../../stack/secret-text.ts";
import type { Component, ComponentUse, Connection, Contribution } from "../component.ts";
import { collectorFile, collectorName, collectorService, positionsVolume } from "../container-logs/collector.ts";
import { collectorRules, collectorScrape } from "../container-logs/measured.ts";
import { multilineProblems } from "../container-logs/options.ts";
import { socketNetwork, socketProxy } from "../container-logs/socket-proxy.ts";
import { networkOfScrapes } from "../monitored.ts";
import { withPrefix } from "../prefix.ts";
import { memoryProblems, memoryQuestion, type SmallestMemory } from "../smallest-memory.ts";
import { elkDashboard } from "./dashboard.ts";
import { configFiles } from "./files.ts";
import { elasticsearchExporter, elasticsearchScrape, elkRules } from "./measured.ts";
import { namesOf, ports } from "./names.ts";
import { type ElkOptions, elkOptions } from "./options.ts";
import { secretsOf } from "./secrets.ts";
import { elasticsearchService, kibanaService, logstashService, setupService } from "./services.ts";

const gigabyte = 1024 ** 3;
const smallest: SmallestMemory = { name: "Elasticsearch", bytes: gigabyte };

export const component: Component<ElkOptions> = {
  type: "elk",
  about: "Elasticsearch, Logstash and Kibana: logs by full text, for hosts with 8 GB of memory and more",
  options: elkOptions,
  questions: [
    { path: ["retention"], message: "How long log lines are kept", kind: "input", default: "30d" },
    memoryQuestion(smallest, "2g"),
  ],
  contribute,
  collect(options, use, all) {
    const { key } = use;
    const { logstash } = namesOf(key);
    const output = { kind: "otlp" as const, url: `http://${logstash}:${ports.otlp}` };
    return {
      files: [collectorFile(use, options, all, output, [logstash, collectorName(key)])],
      problems: multilineProblems(options, all),
    };
  },
};

function contribute(options: ElkOptions, use: ComponentUse): Contribution {
  const { key, monitored } = use;
  const names = namesOf(key);
  return {
    services: [
      elasticsearchService(key, options),
      setupService(use, options),
      logstashService(key, options),
      kibanaService(key, options),
      socketProxy(key, collectorName(key), options.socket),
      collectorService(use, {
        networks: [names.store],
        dependsOn: { service: names.logstash, condition: "service_healthy" },
      }),
      ...(monitored ? [elasticsearchExporter(key)] : []),
    ],
    volumes: [
      { name: names.data, about: "Log lines that Elasticsearch keeps, and what people made in Kibana" },
      { name: names.queue, about: "Lines on their way through Logstash, and those that Elasticsearch refused" },
      positionsVolume(key),
    ],
    networks: [
      { name: key, about: `Apps that send logs to ${names.logstash}`, internal: true },
      { name: names.store, about: `${names.elasticsearch} and what writes to it or asks it`, internal: true },
      socketNetwork(key),
      ...(monitored ? [networkOfScrapes] : []),
    ],
    secrets: secretsOf(key, monitored),
    files: configFiles(use, options),
    connections: connectionsOf(use),
    routeNeeds:
      options.host === undefined
        ? []
        : [{ service: names.kibana, host: options.host, path: "/", port: ports.kibana, at: ["host"] }],
    consoles: [
      {
        name: "kibana",
        about: "logs, by full text",
        service: names.kibana,
        port: ports.kibana,
        network: names.store,
        path: "/",
        ...(options.host !== undefined && { host: options.host }),
        login: { user: "elastic", password: names.secrets.elastic },
      },
    ],
    hostNeeds: hostNeeds(options),
    unprotected: [
      { name: names.data, reason: "logs: of use for a while, and large; what is made in Kibana can be exported there" },
      { name: names.queue, reason: "lines on their way; empty when all is well" },
      { name: positionsVolume(key).name, reason: "made again: containers' logs are read from their beginning" },
    ],
    ...(monitored && {
      scrapes: [elasticsearchScrape(key), collectorScrape(key)],
      alertRules: [...elkRules(key), ...collectorRules(key, "Elk")],
      dashboards: [elkDashboard(key)],
    }),
    problems: memoryProblems(smallest, options.limits),
  };
}

/** An app must not stay down because its log has nowhere to go: it starts after Logstash, but does not wait for it. */
function connectionsOf({ key, usedBy }: ComponentUse): Connection[] {
  const { logstash } = namesOf(key);
  const variables = { LOGSTASH_HOST: secretText`${logstash}`, LOGSTASH_PORT: secretText`${ports.logstash}` };
  return usedBy.map((user) => ({
    app: user.key,
    from: key,
    ...(user.part !== undefined && { part: user.part }),
    variables: withPrefix([user.further && key], variables),
    network: key,
    dependsOn: [{ service: logstash, condition: "service_started" }],
  }));
}

function hostNeeds({ force }: ElkOptions): NonNullable<Contribution["hostNeeds"]> {
  return [
    {
      memory: 8 * gigabyte,
      advisory: force,
      reason: "its three servers take more than 4 GB, and the disk's cache makes searches fast",
      hint: "name loki in place of elk in stack.yaml: it finds lines too and takes 512 MB; or say `force: true` under elk",
    },
    {
      sysctl: "vm.max_map_count",
      minimum: 262_144,
      advisory: force,
      reason: "Elasticsearch maps many files of its index into memory, and fails on the way where it may not",
    },
  ];
}

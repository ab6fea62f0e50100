import { basename } from "node:path/posix";
import type { SecretFile } from "../../stack/model.ts";
import type { Component, ComponentUse, Contribution } from "../component.ts";
import { networkOfScrapes } from "../monitored.ts";
import { randomPassword } from "../random-secret.ts";
import { memoryProblems, memoryQuestion } from "../smallest-memory.ts";
import { alertRules } from "./alerts.ts";
import { protection } from "./backup.ts";
import { connectionsOf } from "./connections.ts";
import { dashboard } from "./dashboard.ts";
import { configFolder, namesOf, ports } from "./names.ts";
import { type RabbitmqOptions, rabbitmqOptions } from "./options.ts";
import { dataFolder, serverService, setupService } from "./services.ts";
import { deriveSettings, settingLines, smallest } from "./settings.ts";
import { policyPrefix, topologyLines, topologyProblems } from "./topology.ts";
import { adminUser, definitionsFile, monitorUser, stackTag } from "./users.ts";
import { type AppUser, planVhosts } from "./vhosts.ts";

const about = "RabbitMQ: queues between apps";

export const component: Component<RabbitmqOptions> = {
  type: "rabbitmq",
  about,
  options: rabbitmqOptions,
  questions: [memoryQuestion(smallest, "512m")],
  contribute,
};

function contribute(options: RabbitmqOptions, use: ComponentUse): Contribution {
  const { key, monitored } = use;
  const names = namesOf(key);
  const { vhosts, users, problems } = planVhosts(options, use);
  return {
    services: [serverService(key, about, options, monitored), setupService(key, options)],
    volumes: [{ name: names.data, about: `Queues and messages of ${key}` }],
    networks: [{ name: key, about: `Apps that use ${key}`, internal: true }, ...(monitored ? [networkOfScrapes] : [])],
    secrets: secretsOf(key, users, vhosts),
    files: filesOf(options, use),
    connections: connectionsOf(key, users),
    routeNeeds:
      options.host === undefined
        ? []
        : [{ service: key, host: options.host, path: "/", port: ports.management, at: ["host"] }],
    consoles: [
      {
        name: key,
        about: "queues, messages and connections",
        service: key,
        port: ports.management,
        network: key,
        path: "/",
        ...(options.host !== undefined && { host: options.host }),
        login: { user: adminUser, password: names.admin },
      },
    ],
    shortcuts: [
      {
        verb: "rabbitmqctl",
        service: key,
        command: ["rabbitmqctl"],
        about: `Commands to ${key} itself: list_queues --vhost main, status, list_connections`,
      },
    ],
    inspections: [{ services: [key], command: ["bash", `${configFolder}/inspect.sh`] }],
    ...protection(key, options),
    ...(monitored && {
      scrapes: [{ job: key, service: key, port: ports.metrics, path: "/metrics/per-object" }],
      alertRules: alertRules(key, options),
      dashboards: [dashboard(key)],
    }),
    problems: [...problems, ...topologyProblems(options), ...memoryProblems(smallest, options.limits)],
  };
}

function filesOf(options: RabbitmqOptions, use: ComponentUse) {
  const { key, monitored } = use;
  const names = namesOf(key);
  const derived = deriveSettings(options);
  const plugins = [
    ...new Set(["rabbitmq_management", ...(monitored ? ["rabbitmq_prometheus"] : []), ...options.plugins]),
  ];
  const values = {
    key,
    ...names,
    configFolder,
    dataFolder,
    adminUser,
    monitorUser,
    stackTag,
    policyPrefix,
    plugins: plugins.join(","),
  };
  const file = (folder: string, template: string, more: Record<string, unknown> = {}) => ({
    path: `${folder}/${basename(template, ".hbs")}`,
    content: use.template(template, { ...values, ...more }),
    mode: 0o644 as const,
  });
  const script = (folder: string, template: string) => ({ ...file(folder, template), mode: 0o755 as const });
  return [
    file(names.config, "rabbitmq/rabbitmq.conf.hbs", { ...derived, settings: settingLines(options.settings) }),
    { path: `${names.config}/enabled_plugins`, content: `[${plugins.join(",")}].\n`, mode: 0o644 as const },
    ...[
      "rabbitmq/start.sh.hbs",
      "rabbitmq/api.sh.hbs",
      "rabbitmq/health.sh.hbs",
      "rabbitmq/inspect.sh.hbs",
      "rabbitmq/backup.sh.hbs",
    ].map((template) => script(names.config, template)),
    script(`config/${key}`, "rabbitmq/setup.sh.hbs"),
    { path: names.topology, content: topologyLines(options), mode: 0o644 as const },
  ];
}

function secretsOf(key: string, users: readonly AppUser[], vhosts: readonly string[]): SecretFile[] {
  const names = namesOf(key);
  return [
    randomPassword(names.admin, `Password of the administrator of ${key}`),
    randomPassword(names.monitor, `Password of ${monitorUser} at ${key}, who reads the server's state`),
    randomPassword(names.cookie, `Erlang cookie of ${key}: whoever has it commands the server`),
    ...users.map((user) => randomPassword(user.secret, `Password of ${user.app} at ${key}`)),
    {
      name: names.definitions,
      about: `Users, virtual hosts and rights of ${key}, with hashes of the passwords`,
      mode: 0o444,
      kind: "composed",
      content: definitionsFile(users, vhosts, names),
    },
  ];
}

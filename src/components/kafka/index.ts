import type { DataSourceOf } from "../../stack/data-source.ts";
import type { ConfigFile, SecretFile } from "../../stack/model.ts";
import { formatDuration, formatSize } from "../../support/units.ts";
import type { Component, ComponentUse, Contribution, OptionProblem } from "../component.ts";
import { monitorSecret, monitorUser } from "../monitored.ts";
import { randomPassword } from "../random-secret.ts";
import { memoryProblems, memoryQuestion } from "../smallest-memory.ts";
import { connectionsOf } from "./connections.ts";
import { monitoring, monitorNeeds } from "./exporter.ts";
import { type KafkaOptions, kafkaOptions } from "./options.ts";
import {
  configFiles,
  inspectCommand,
  namesOf,
  serverService,
  setupService,
  templates,
  toolCommand,
} from "./services.ts";
import { type PlannedTopic, plannedTopics, settingsForTemplate, smallest, smallestShare } from "./settings.ts";
import { type AccessRule, type AppUser, accessRules, adminUser, jaasFile, planUsers } from "./users.ts";

const about = "Kafka: streams of records between apps";

export const component: Component<KafkaOptions> = {
  type: "kafka",
  about,
  options: kafkaOptions,
  questions: [memoryQuestion(smallest, "1g")],
  contribute,
};

function contribute(options: KafkaOptions, use: ComponentUse): Contribution {
  const { key } = use;
  const names = namesOf(key);
  const { users, problems } = planUsers(options, use);
  const more = use.monitored ? monitoring(options, use) : undefined;
  const logins = [
    ...users.map(({ name, secret }) => ({ name, secret })),
    ...(more ? [{ name: monitorUser, secret: monitorSecret(key) }] : []),
  ];
  const rules = [
    ...users.flatMap((user) => accessRules(user, options.groups)),
    ...(more ? monitorNeeds.rules : []),
  ].map(ruleForTemplate);
  const topics = [...plannedTopics(options), ...(more ? monitorNeeds.topics : [])].map(topicForTemplate);
  const needsSetup = logins.length > 0 || topics.length > 0;
  const server = settingsForTemplate(key, options, adminUser);
  const values = { ...server, ...names, monitorUser, users: logins, rules, topics };
  return {
    services: [
      serverService(key, about, options),
      ...(needsSetup
        ? [
            setupService(
              key,
              options,
              logins.map(({ secret }) => secret),
            ),
          ]
        : []),
      ...(more?.services ?? []),
    ],
    volumes: [{ name: names.data, about: `Records of ${key}, and how far each group has read` }],
    networks: [{ name: key, about: `Apps that use ${key}`, internal: true }, ...(more?.networks ?? [])],
    secrets: [...secretsOf(key, users), ...(more?.secrets ?? [])],
    files: [...new Set([...configFiles.server, ...(needsSetup ? configFiles.setup : [])])].map(
      (name): ConfigFile => ({
        path: `${names.config}/${name}`,
        content: use.template(templates[name], values),
        mode: name.endsWith(".sh") ? 0o755 : 0o644,
      }),
    ),
    connections: connectionsOf(key, users, Object.keys(options.topics)),
    shortcuts: shortcutsOf(key),
    inspections: [{ services: [key], command: inspectCommand }],
    dataSources: options.backup === "none" ? [] : [volumeSource(key, options.backup)],
    unprotected:
      options.backup === "none"
        ? [{ name: key, reason: `stack.yaml says so; records live ${formatDuration(options.retention)} and only here` }]
        : [],
    ...(more && { scrapes: more.scrapes, alertRules: more.alertRules, dashboards: more.dashboards }),
    problems: [...problems, ...sizeProblems(options), ...memoryProblems(smallest, options.limits)],
  };
}

/**
 * Paused, its files are those of a server that was killed at that moment: every record that it has confirmed is in them,
 * and Kafka looks through the newest file of each partition when it starts on a copy. Stopped, they are closed in order.
 */
function volumeSource(key: string, kind: "pause" | "stop"): Omit<DataSourceOf<"volume">, "component"> {
  return { name: key, kind: "volume", service: key, volume: namesOf(key).data, consistency: { kind } };
}

const tools = [
  { tool: "topics", does: "Topics" },
  { tool: "consumer-groups", does: "Consumer groups, and how far they are behind," },
  { tool: "console-consumer", does: "Reads records" },
  { tool: "console-producer", does: "Writes records" },
  { tool: "configs", does: "Settings of topics" },
  { tool: "acls", does: "Who may do what" },
];

function shortcutsOf(key: string): NonNullable<Contribution["shortcuts"]> {
  return tools.map(({ tool, does }) => ({
    verb: `kafka-${tool}`,
    service: key,
    command: toolCommand(tool),
    about: `${does} of ${key}, as its administrator`,
  }));
}

/** One call in setup.sh; a star would otherwise be taken for names of files. */
function ruleForTemplate({ user, pattern, operations, resources }: AccessRule): Record<string, string> {
  const words = resources.map((word) => (word === "*" ? "'*'" : word));
  return { user, pattern, operations: operations.join(" "), resources: words.join(" ") };
}

function topicForTemplate(topic: PlannedTopic): Record<string, string | number> {
  const settings = [
    ["cleanup.policy", topic.compact ? "compact" : "delete"],
    ["retention.ms", topic.retentionMs],
    ["retention.bytes", topic.retentionBytes],
    ["segment.bytes", topic.segmentBytes],
  ].flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
  return { name: topic.name, partitions: topic.partitions, settings: settings.join(" ") };
}

function secretsOf(key: string, users: readonly AppUser[]): SecretFile[] {
  const names = namesOf(key);
  return [
    randomPassword(names.admin, `Password of the administrator of ${key}`),
    ...users.map((user) => randomPassword(user.secret, `Password of ${user.name} at ${key}`)),
    {
      name: names.jaas,
      about: `The administrator's password, as ${key} reads it`,
      mode: 0o444,
      kind: "composed",
      content: jaasFile(names.admin),
    },
  ];
}

function sizeProblems(options: KafkaOptions): OptionProblem[] {
  return plannedTopics(options).flatMap(({ name, partitions, size }) =>
    size / partitions >= smallestShare
      ? []
      : [
          {
            path: ["topics", name],
            message: `the topic ${name} has ${partitions} partitions in ${formatSize(size)}: too little for their smallest files`,
            hint: `write size: ${(partitions * smallestShare) / 1024 ** 2}m or more, or fewer partitions`,
          },
        ],
  );
}

import { basename } from "node:path/posix";
import type { ConfigFile, SecretFile } from "../../stack/model.ts";
import type { Component, ComponentUse, Contribution } from "../component.ts";
import { monitorSecret } from "../monitored.ts";
import { randomPassword, randomSecret } from "../random-secret.ts";
import { memoryProblems, memoryQuestion } from "../smallest-memory.ts";
import { dumpSecret, dumpSource } from "./backup.ts";
import { connectionsOf } from "./connections.ts";
import { monitoring } from "./exporter.ts";
import { hostNeeds } from "./host-needs.ts";
import { type MongodbOptions, mongodbOptions } from "./options.ts";
import { namesOf, scriptFolder, serverService, setupService, shellCommand } from "./services.ts";
import { settingsForTemplate, smallest } from "./settings.ts";
import { adminUser, type DatabaseUser, databaseUsers, nameProblems, userList } from "./users.ts";

const about = "MongoDB, a replica set of one member: transactions and change streams work";

export const component: Component<MongodbOptions> = {
  type: "mongodb",
  about,
  options: mongodbOptions,
  questions: [
    {
      path: ["version"],
      message: "Version of MongoDB",
      kind: "select",
      choices: ["8.0", "7.0"],
      default: "8.0",
    },
    memoryQuestion(smallest, "1g"),
  ],
  contribute,
};

function contribute(options: MongodbOptions, use: ComponentUse): Contribution {
  const { key } = use;
  const names = namesOf(key);
  const users = databaseUsers(use);
  const monitor = use.monitored ? monitorSecret(key) : undefined;
  const more = use.monitored ? monitoring(use) : undefined;
  const passwords = [...users.map(({ secret }) => secret), ...(monitor === undefined ? [] : [monitor])];
  return {
    services: [serverService(key, about, options), setupService(key, options, passwords), ...(more?.services ?? [])],
    volumes: [{ name: names.data, about: `Databases of ${key}` }],
    networks: [{ name: key, about: `Apps that use ${key}`, internal: true }, ...(more?.networks ?? [])],
    secrets: [...secretsOf(key, users), dumpSecret(key), ...(more?.secrets ?? [])],
    files: filesOf(options, use, userList(users, monitor)),
    connections: connectionsOf(key, users),
    shortcuts: [
      {
        verb: "mongosh",
        service: key,
        command: shellCommand(),
        about: `MongoDB shell of ${key}, as its administrator: --eval "db.getSiblingDB('shop').stats()"`,
      },
    ],
    inspections: [{ services: [key], command: inspection }],
    hostNeeds: hostNeeds(),
    dataSources: [dumpSource(key)],
    ...(more && { scrapes: more.scrapes, alertRules: more.alertRules, dashboards: more.dashboards }),
    problems: [...nameProblems(users, key), ...memoryProblems(smallest, options.limits)],
  };
}

const inspection = [
  ...["env", "STACK_PART=inspect"],
  ...["mongosh", "--quiet", "--norc", "--nodb", "--file", `${scriptFolder}/tasks.js`],
];

function filesOf(options: MongodbOptions, { key, template }: ComponentUse, users: string): ConfigFile[] {
  const names = namesOf(key);
  const { oplog } = settingsForTemplate(options);
  const values = { key, adminUser, oplog, ...names };
  const file = (path: string, more: Record<string, unknown> = values, mode: ConfigFile["mode"] = 0o644) => ({
    path: `${names.config}/${basename(path, ".hbs")}`,
    content: template(path, more),
    mode,
  });
  return [
    file("mongodb/mongod.conf.hbs", { ...settingsForTemplate(options) }),
    file("mongodb/start.sh.hbs", values, 0o755),
    file("mongodb/initialized.sh.hbs", values, 0o755),
    file("mongodb/mongosh.conf.hbs"),
    file("mongodb/setup.js.hbs", { ...values, users }),
    file("mongodb/admin.js.hbs"),
    file("mongodb/backup.sh.hbs", values, 0o755),
    file("mongodb/tasks.js.hbs"),
  ];
}

function secretsOf(key: string, users: readonly DatabaseUser[]): SecretFile[] {
  const names = namesOf(key);
  return [
    randomPassword(names.admin, `Password of the administrator of ${key}`),
    // Of what a key file may hold, `-` and `_` are missing.
    randomSecret(names.keyFile, `Key by which members of the replica set of ${key} know each other; there is one`),
    ...users.map((user) => randomPassword(user.secret, `Password of ${user.name} at ${key}`)),
  ];
}

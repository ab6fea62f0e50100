import type { SecretFile } from "../../stack/model.ts";
import { formatSize, parseSize } from "../../support/units.ts";
import type { Component, ComponentUse, Contribution } from "../component.ts";
import { dumpSource } from "./backup.ts";
import { connectionsOf } from "./connections.ts";
import { monitoring, monitorRights, monitorSecret } from "./exporter.ts";
import { type RedisOptions, redisOptions } from "./options.ts";
import { configPath, namesOf, serverService, setupService, shellCommand } from "./services.ts";
import { deriveSettings, settingsForTemplate, smallestMemory } from "./settings.ts";
import { type AppUser, aclFile, adminUser, appUsers } from "./users.ts";

export const component: Component<RedisOptions> = {
  type: "redis",
  about: "Redis or Valkey: cache, queue, sessions",
  options: redisOptions,
  questions: [
    {
      path: ["profile"],
      message: "Redis keeps its data over restarts (durable), or is a cache that forgets",
      kind: "select",
      choices: ["durable", "cache"],
      default: "durable",
    },
    {
      path: ["limits", "memory"],
      message: "Memory for Redis",
      kind: "input",
      default: "256m",
      validate: (answer) => memoryProblem(parseSize(answer)),
    },
  ],
  contribute,
};

function contribute(options: RedisOptions, use: ComponentUse): Contribution {
  const { key } = use;
  const names = namesOf(key);
  const users = appUsers(use);
  const derived = deriveSettings(options);
  const durable = options.profile === "durable";
  const engineName = options.engine === "redis" ? "Redis" : "Valkey";
  const tooSmall = memoryProblem(options.limits.memory);
  const needsSetup = users.length > 0 || use.monitored;
  const more = use.monitored ? monitoring(options, use) : undefined;
  return {
    services: [
      serverService(key, durable ? `${engineName}, kept on disk` : `${engineName} as a cache`, options),
      ...(needsSetup ? [setupService(key, options)] : []),
      ...(more?.services ?? []),
    ],
    volumes: durable ? [{ name: names.data, about: `Data of ${key}` }] : [],
    networks: [{ name: key, about: `Apps that use ${key}`, internal: true }, ...(more?.networks ?? [])],
    secrets: [...secretsOf(use, users, options), ...(more?.secrets ?? [])],
    files: [
      {
        path: configPath(key, options),
        content: use.template(
          "redis/redis.conf.hbs",
          settingsForTemplate(derived, options.settings, `/run/secrets/${names.acl}`),
        ),
        mode: 0o644,
      },
      ...(durable
        ? [
            {
              path: names.backup,
              content: use.template("redis/backup.sh.hbs", { key, ...names, engine: options.engine, adminUser }),
              mode: 0o755 as const,
            },
          ]
        : []),
      ...(needsSetup
        ? [
            {
              path: names.script,
              content: use.template("redis/setup.sh.hbs", { key, ...names, engine: options.engine, adminUser }),
              mode: 0o755 as const,
            },
          ]
        : []),
    ],
    connections: connectionsOf(key, users),
    shortcuts: [
      {
        verb: "redis-cli",
        service: key,
        command: shellCommand(key, options),
        about: `${engineName} shell of ${key}, as its administrator`,
      },
    ],
    hostNeeds: [
      {
        sysctl: "vm.overcommit_memory",
        minimum: 1,
        advisory: true,
        reason: "saving to disk copies the process, which can fail under memory pressure without it",
      },
    ],
    dataSources: durable ? [dumpSource(key)] : [],
    ...(more && { scrapes: more.scrapes, alertRules: more.alertRules, dashboards: more.dashboards }),
    unprotected: durable ? [] : [{ name: key, reason: "a cache: what is in it is made again" }],
    ...(tooSmall !== undefined && { problems: [{ path: ["limits", "memory"], message: tooSmall }] }),
  };
}

function secretsOf({ key, monitored }: ComponentUse, users: readonly AppUser[], options: RedisOptions): SecretFile[] {
  const names = namesOf(key);
  const monitor = monitored ? { secret: monitorSecret(key), rights: monitorRights(options) } : undefined;
  const password = (name: string, about: string): SecretFile => ({
    name,
    about,
    mode: 0o444,
    kind: "random",
    encoding: "base64url",
  });
  return [
    password(names.admin, `Password of the administrator of ${key}`),
    ...users.map((user) => password(user.secret, `Password of ${user.name} at ${key}`)),
    {
      name: names.acl,
      about: `Who may do what at ${key}, with hashes of the passwords`,
      mode: 0o444,
      kind: "composed",
      content: aclFile(users, names.admin, options.allow, monitor),
    },
  ];
}

function memoryProblem(bytes: number | undefined): string | undefined {
  if (bytes === undefined) return "expected a size such as 256m or 1g";
  return bytes < smallestMemory ? `Redis needs at least ${formatSize(smallestMemory)} of memory` : undefined;
}

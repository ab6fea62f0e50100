import { appUsers } from "../app-users.ts";
import type { ComponentUse, Contribution } from "../component.ts";
import { dumpSource, dumpValues } from "./backup.ts";
import { connectionsOf } from "./connections.ts";
import { monitoring } from "./exporter.ts";
import { type RedisOptions, titleOf } from "./options.ts";
import { configPath, namesOf, serverService, setupService, shellCommand } from "./services.ts";
import { deriveSettings, settingsForTemplate } from "./settings.ts";
import { adminUser } from "./users.ts";

/** One server. */
export function singleParts(options: RedisOptions, use: ComponentUse): Contribution {
  const { key } = use;
  const names = namesOf(key);
  const users = appUsers(use);
  const durable = options.profile === "durable";
  const title = titleOf(options);
  const needsSetup = users.length > 0 || use.monitored;
  const more = use.monitored ? monitoring(options, use) : undefined;
  const settings = settingsForTemplate(deriveSettings(options), options, `/run/secrets/${names.acl}`);
  const values = { key, ...names, engine: options.engine, adminUser };
  return {
    services: [
      serverService(key, durable ? `${title}, kept on disk` : `${title} as a cache`, options),
      ...(needsSetup ? [setupService(key, options)] : []),
      ...(more?.services ?? []),
    ],
    volumes: durable ? [{ name: names.data, about: `Data of ${key}` }] : [],
    networks: [{ name: key, about: `Apps that use ${key}`, internal: true }, ...(more?.networks ?? [])],
    secrets: more?.secrets ?? [],
    files: [
      { path: configPath(key, options), content: use.template("redis/redis.conf.hbs", settings), mode: 0o644 },
      ...(durable
        ? [
            {
              path: names.backup,
              content: use.template("redis/backup.sh.hbs", { ...values, ...dumpValues(key, options) }),
              mode: 0o755 as const,
            },
          ]
        : []),
      ...(needsSetup
        ? [{ path: names.script, content: use.template("redis/setup.sh.hbs", values), mode: 0o755 as const }]
        : []),
    ],
    connections: connectionsOf(key, users),
    shortcuts: [
      {
        verb: `${options.engine}-cli`,
        service: key,
        command: shellCommand(key, options),
        about: `${title} shell of ${key}, as its administrator`,
      },
    ],
    dataSources: durable ? [dumpSource(key)] : [],
    ...(more && { scrapes: more.scrapes, alertRules: more.alertRules, dashboards: more.dashboards }),
    unprotected: durable ? [] : [{ name: key, reason: "a cache: what is in it is made again" }],
  };
}

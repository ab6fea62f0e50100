import type { ConfigFile } from "../../stack/model.ts";
import { appUsers } from "../app-users.ts";
import type { ComponentUse, Contribution, OptionProblem } from "../component.ts";
import { monitorSecret } from "../monitored.ts";
import { dumpSource, dumpValues } from "./backup.ts";
import { sentinelConnections } from "./connections.ts";
import { type RedisOptions, titleOf } from "./options.ts";
import { sentinelMonitoring } from "./sentinel-exporters.ts";
import { quorum, sentinelNames, volumeOf } from "./sentinel-names.ts";
import { sentinelNote } from "./sentinel-runbook.ts";
import { sentinelSecrets } from "./sentinel-secrets.ts";
import {
  inside,
  proxyConnections,
  proxyService,
  seedService,
  sentinelFiles,
  sentinelServices,
  sentinelSetup,
  serverServices,
} from "./sentinel-services.ts";
import { shellCommand } from "./services.ts";
import { deriveSettings, settingsForTemplate } from "./settings.ts";
import { adminUser, healthUser } from "./users.ts";

/** Settings that the sentinels or the stack decide where there are several servers. */
const decided = ["replicaof", "slaveof", "masteruser", "replica-announce-ip", "slave-announce-ip"];

/** Three servers with the same data, and three sentinels who decide which of them is the primary. */
export function sentinelParts(options: RedisOptions, use: ComponentUse): Contribution {
  const { key, monitored } = use;
  const names = sentinelNames(key);
  const users = appUsers(use);
  const title = titleOf(options);
  const more = monitored ? sentinelMonitoring(options, use) : undefined;
  const [first = key] = names.servers;
  const isUsed = users.length > 0 || monitored || options.proxy;
  return {
    services: [
      seedService(key, options),
      ...serverServices(key, options),
      ...sentinelServices(key, options),
      ...(isUsed ? [sentinelSetup(key, options)] : []),
      ...(options.proxy ? [proxyService(key, options)] : []),
      ...(more?.services ?? []),
    ],
    volumes: [
      ...names.servers.map((name) => ({ name: volumeOf(name), about: `Data of ${name}, and its role` })),
      ...names.sentinels.map((name) => ({ name: volumeOf(name), about: `What ${name} knows: who is primary` })),
    ],
    networks: [{ name: key, about: `Apps that use ${key}`, internal: true }, ...(more?.networks ?? [])],
    secrets: [
      ...sentinelSecrets(key, names, users, monitored ? monitorSecret(key) : undefined),
      ...(more?.secrets ?? []),
    ],
    files: filesOf(options, use),
    connections: sentinelConnections(key, options, users),
    shortcuts: [
      {
        verb: `${options.engine}-cli`,
        service: first,
        command: shellCommand(key, options, names.sentinels),
        about: `${title} shell on the primary of ${key}, as its administrator`,
      },
    ],
    inspections: [{ services: names.sentinels, command: ["sh", inside.status] }],
    actions: [
      {
        verb: options.engine,
        word: "failover",
        services: names.sentinels,
        command: ["sh", inside.failover],
        about: `makes another server of ${key} the primary`,
        asks: `Make another server of ${key} the primary? Connections to the one that is it now end, and for one to three seconds nothing can be written.`,
        timeout: 60_000,
      },
    ],
    runbook: [sentinelNote(key, options)],
    dataSources: [{ ...dumpSource(key), ...restoredWith(key) }],
    unprotected: names.sentinels.map((name) => ({
      name: volumeOf(name),
      reason: "who is primary; found out again",
    })),
    ...(more && { scrapes: more.scrapes, alertRules: more.alertRules, dashboards: more.dashboards }),
    problems: problemsOf(options),
  };
}

/** A restore fills the first server alone; the rest copies from it and finds out who is what. */
function restoredWith(key: string) {
  const { servers, sentinels } = sentinelNames(key);
  const [first = key, ...others] = servers;
  return {
    service: first,
    volume: volumeOf(first),
    standIns: others,
    follows: [...others, ...sentinels].map((service) => ({ service, volume: volumeOf(service) })),
  };
}

function filesOf(options: RedisOptions, { key, template }: ComponentUse): ConfigFile[] {
  const names = sentinelNames(key);
  const paths = sentinelFiles(key, options);
  const { engine } = options;
  const [first] = names.servers;
  const values = {
    ...names,
    key,
    engine,
    quorum,
    adminUser,
    healthUser,
    first,
    firstSentinel: names.sentinels[0],
    serverList: names.servers.join(" "),
    sentinelList: names.sentinels.join(" "),
    config: inside.config,
    failoverAfter: options.failoverAfter,
    failoverTimeout: Math.max(5_000, options.failoverAfter),
  };
  const script = (path: string, name: string, more: Record<string, unknown> = {}): ConfigFile => ({
    path,
    content: template(name, { ...values, ...more }),
    mode: 0o755,
  });
  const settings = settingsForTemplate(deriveSettings(options), options, `/run/secrets/${names.acl}`);
  return [
    { path: paths.server, content: template("redis/redis.conf.hbs", settings), mode: 0o644 },
    { path: paths.sentinel, content: template("redis/sentinel.conf.hbs", values), mode: 0o644 },
    script(paths.startServer, "redis/server.sh.hbs", { state: inside.serverState }),
    script(paths.startSentinel, "redis/sentinel.sh.hbs", { state: inside.sentinelState }),
    script(paths.status, "redis/sentinel-status.sh.hbs"),
    script(paths.failover, "redis/failover.sh.hbs"),
    script(paths.setup, "redis/replication-setup.sh.hbs"),
    script(paths.seed, "redis/seed.sh.hbs"),
    script(paths.backup, "redis/backup.sh.hbs", dumpValues(key, options)),
    ...(options.proxy
      ? [
          {
            path: paths.proxy,
            content: template("redis/haproxy.cfg.hbs", {
              ...values,
              connections: proxyConnections * 2,
              servers: names.servers.map((name) => ({ name })),
            }),
            mode: 0o644 as const,
          },
        ]
      : []),
  ];
}

function problemsOf({ profile, settings, engine }: RedisOptions): OptionProblem[] {
  const own = decided.filter((name) => name in settings);
  return [
    ...(profile === "cache"
      ? [
          {
            path: ["profile"],
            message: "a cache that forgets cannot have sentinels: a primary that restarts empty would empty the others",
            hint: `leave mode: sentinel out, or have ${titleOf({ engine })} keep its data: profile: durable`,
          },
        ]
      : []),
    ...own.map((name) => ({
      path: ["settings", name],
      message: `${name} is decided by the sentinels and cannot be set here`,
      hint: "remove it, or leave mode: sentinel out",
    })),
  ];
}

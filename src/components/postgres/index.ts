import { basename } from "node:path/posix";
import type { ConfigFile, SecretFile } from "../../stack/model.ts";
import type { Component, ComponentUse, Contribution } from "../component.ts";
import { monitorSecret, monitorUser } from "../monitored.ts";
import { randomPassword } from "../random-secret.ts";
import { memoryProblems, memoryQuestion } from "../smallest-memory.ts";
import { connectionsOf } from "./connections.ts";
import { dashboard } from "./dashboard.ts";
import { type Database, planDatabases } from "./databases.ts";
import { monitoring } from "./exporter.ts";
import { type PostgresOptions, postgresOptions } from "./options.ts";
import { type Pooler, planPooler, poolerInSetup, poolerParts } from "./pooler.ts";
import { poolerMonitoring } from "./pooler-monitoring.ts";
import { poolerRole } from "./pooler-options.ts";
import { dataFolder, dataTarget, namesOf, serverService, serverUser, setupService } from "./services.ts";
import { deriveSettings, ownSettingLines, settingsForTemplate, smallest } from "./settings.ts";

const about = "PostgreSQL database";

export const component: Component<PostgresOptions> = {
  type: "postgres",
  about,
  options: postgresOptions,
  questions: [
    {
      path: ["version"],
      message: "Version of Postgres",
      kind: "select",
      choices: ["18", "17", "16"],
      default: "18",
    },
    memoryQuestion(smallest, "512m"),
  ],
  contribute,
};

function contribute(options: PostgresOptions, use: ComponentUse): Contribution {
  const { key } = use;
  const derived = deriveSettings(options);
  const plan = planDatabases(options, use);
  const pooler = options.pooler && planPooler(options.pooler, use, plan, derived.maxConnections);
  const parts = [
    server(options, use, plan.databases, derived),
    ...setup(options, use, plan.databases, pooler),
    ...(pooler ? [poolerParts(pooler, use)] : []),
    ...(use.monitored ? [monitoring(use)] : []),
    ...(use.monitored && pooler ? [poolerMonitoring(key)] : []),
  ];
  const all = <Item>(items: (part: Contribution) => readonly Item[] | undefined): Item[] =>
    parts.flatMap((part) => items(part) ?? []);
  return {
    services: all((part) => part.services),
    volumes: all((part) => part.volumes),
    networks: all((part) => part.networks),
    secrets: all((part) => part.secrets),
    files: all((part) => part.files),
    shortcuts: all((part) => part.shortcuts),
    folders: all((part) => part.folders),
    dataSources: all((part) => part.dataSources),
    connections: connectionsOf(key, plan.databases, plan.uses, pooler),
    ...(use.monitored && {
      scrapes: all((part) => part.scrapes),
      alertRules: all((part) => part.alertRules),
      dashboards: [dashboard(key, pooler !== undefined)],
    }),
    problems: [...plan.problems, ...(pooler?.problems ?? []), ...memoryProblems(smallest, options.limits)],
  };
}

function server(
  options: PostgresOptions,
  { key, monitored, template }: ComponentUse,
  databases: readonly Database[],
  derived: ReturnType<typeof deriveSettings>,
): Contribution {
  const names = namesOf(key);
  const main = databases[0]?.name ?? "postgres";
  const file = (path: string, values: Record<string, unknown> = {}) => configFile(key, path, template(path, values));
  return {
    services: [serverService(key, about, options, derived)],
    volumes: [
      { name: names.data, about: `Databases of ${key}` },
      { name: names.socket, about: `Unix socket of ${key}, for its set-up; holds no data` },
    ],
    networks: [{ name: key, about: `Apps that use ${key}`, internal: true }],
    secrets: secretsOf(key, databases),
    files: [
      file("postgres/postgresql.conf.hbs", {
        ...settingsForTemplate(derived),
        monitored,
        settings: ownSettingLines(options.settings),
      }),
      file("postgres/pg_hba.conf.hbs"),
      { ...file("postgres/archive-wal.sh.hbs"), mode: 0o755 },
      file("postgres/pg_ident.conf.hbs"),
    ],
    shortcuts: [
      {
        verb: "psql",
        service: key,
        command: ["psql", "--username", main, "--dbname", main],
        about: `SQL shell of ${key}, as the owner of ${main} (--username postgres: the superuser)`,
      },
    ],
    folders: [{ path: names.spool, mode: 0o777 }],
    dataSources: [
      {
        name: key,
        kind: "postgres",
        service: key,
        volume: names.data,
        databases: databases.map((database) => database.name),
        socketVolume: names.socket,
        spool: names.spool,
        target: dataTarget(options.version),
        dataFolder: dataFolder(options.version),
        user: serverUser,
      },
    ],
  };
}

/** The step that makes roles and databases; none where there is nobody to make. */
function setup(
  options: PostgresOptions,
  { key, monitored, template }: ComponentUse,
  databases: readonly Database[],
  pooler: Pooler | undefined,
): Contribution[] {
  if (databases.length === 0 && !monitored && pooler === undefined) return [];
  const monitor = monitored && { name: monitorUser, secret: monitorSecret(key) };
  const inSetup = pooler && poolerInSetup(pooler, databases);
  const logins = [...databases, ...(monitor ? [monitor] : []), ...(inSetup ? [inSetup] : [])];
  const passwords = logins.map(({ secret }) => secret);
  const gone = [...(monitor ? [] : [monitorUser]), ...(inSetup ? [] : [poolerRole])];
  const path = "postgres/setup.sql.hbs";
  return [
    {
      services: [setupService(key, options, passwords)],
      files: [
        configFile(
          key,
          path,
          template(path, { databases, monitor, pooler: inSetup, gone: gone.map((role) => `'${role}'`).join(", ") }),
        ),
      ],
    },
  ];
}

function configFile(key: string, template: string, content: string): ConfigFile {
  return { path: `${namesOf(key).config}/${basename(template, ".hbs")}`, content, mode: 0o644 };
}

function secretsOf(key: string, databases: readonly Database[]): SecretFile[] {
  return [
    randomPassword(
      namesOf(key).superuser,
      `Password of the superuser of ${key}; only used when its volume is made, and not accepted over the network`,
    ),
    ...databases.map(({ name, secret }) => randomPassword(secret, `Password of the role ${name} of ${key}`)),
  ];
}

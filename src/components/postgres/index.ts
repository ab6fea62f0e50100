import { basename } from "node:path/posix";
import type { SecretFile } from "../../stack/model.ts";
import { formatSize, parseSize } from "../../support/units.ts";
import type { Component, ComponentUse, Contribution } from "../component.ts";
import { monitorUser } from "../monitored.ts";
import { connectionsOf } from "./connections.ts";
import { type Database, planDatabases } from "./databases.ts";
import { monitoring, monitorSecret } from "./exporter.ts";
import { type PostgresOptions, postgresOptions } from "./options.ts";
import { dataFolder, dataTarget, namesOf, serverService, serverUser, setupService } from "./services.ts";
import { deriveSettings, ownSettingLines, settingsForTemplate, smallestMemory } from "./settings.ts";

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
    {
      path: ["limits", "memory"],
      message: "Memory for Postgres",
      kind: "input",
      default: "512m",
      validate: (answer) => memoryProblem(parseSize(answer)),
    },
  ],
  contribute,
};

function contribute(options: PostgresOptions, use: ComponentUse): Contribution {
  const { key } = use;
  const names = namesOf(key);
  const derived = deriveSettings(options);
  const { databases, uses, problems } = planDatabases(options, use);
  const tooSmall = memoryProblem(options.limits.memory);
  const main = databases[0]?.name ?? "postgres";
  const monitor = use.monitored && { name: monitorUser, secret: monitorSecret(key) };
  const more = use.monitored ? monitoring(use) : undefined;
  const needsSetup = databases.length > 0 || use.monitored;
  const passwords = [...databases.map(({ secret }) => secret), ...(monitor ? [monitor.secret] : [])];
  const file = (template: string, values: Record<string, unknown> = {}) => ({
    path: `${names.config}/${basename(template, ".hbs")}`,
    content: use.template(template, values),
    mode: 0o644 as const,
  });
  return {
    services: [
      serverService(key, about, options, derived),
      ...(needsSetup ? [setupService(key, options, passwords)] : []),
      ...(more?.services ?? []),
    ],
    volumes: [
      { name: names.data, about: `Databases of ${key}` },
      { name: names.socket, about: `Unix socket of ${key}, for its set-up; holds no data` },
    ],
    networks: [{ name: key, about: `Apps that use ${key}`, internal: true }, ...(more?.networks ?? [])],
    secrets: [...secretsOf(key, databases), ...(more?.secrets ?? [])],
    files: [
      file("postgres/postgresql.conf.hbs", {
        ...settingsForTemplate(derived),
        monitored: use.monitored,
        settings: ownSettingLines(options.settings),
      }),
      file("postgres/pg_hba.conf.hbs"),
      { ...file("postgres/archive-wal.sh.hbs"), mode: 0o755 },
      file("postgres/pg_ident.conf.hbs"),
      ...(needsSetup ? [file("postgres/setup.sql.hbs", { databases, monitor })] : []),
      ...(more?.files ?? []),
    ],
    connections: connectionsOf(key, databases, uses),
    shortcuts: [
      {
        verb: "psql",
        service: key,
        command: ["psql", "--username", main, "--dbname", main],
        about: `SQL shell of ${key}, as the owner of ${main} (--username postgres: the superuser)`,
      },
    ],
    folders: [{ path: names.spool, mode: 0o777 }],
    ...(more && { scrapes: more.scrapes, alertRules: more.alertRules, dashboards: more.dashboards }),
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
    problems: tooSmall === undefined ? problems : [...problems, { path: ["limits", "memory"], message: tooSmall }],
  };
}

function secretsOf(key: string, databases: readonly Database[]): SecretFile[] {
  return [
    {
      name: namesOf(key).superuser,
      about: `Password of the superuser of ${key}; only used when its volume is made, and not accepted over the network`,
      mode: 0o444,
      kind: "random",
      encoding: "base64url",
    },
    ...databases.map(
      (database): SecretFile => ({
        name: database.secret,
        about: `Password of the role ${database.name} of ${key}`,
        mode: 0o444,
        kind: "random",
        encoding: "base64url",
      }),
    ),
  ];
}

function memoryProblem(bytes: number | undefined): string | undefined {
  if (bytes === undefined) return "expected a size such as 512m or 4g";
  return bytes < smallestMemory ? `Postgres needs at least ${formatSize(smallestMemory)} of memory` : undefined;
}

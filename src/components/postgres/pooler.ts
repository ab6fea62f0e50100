import type { SecretFile } from "../../stack/model.ts";
import { secret, secretText } from "../../stack/secret-text.ts";
import type { Dependency } from "../../stack/service.ts";
import { didYouMean } from "../../support/suggest.ts";
import type { ComponentUse, Contribution, OptionProblem, ServiceNeeds } from "../component.ts";
import { monitorSecret, monitorUser } from "../monitored.ts";
import { randomPassword } from "../random-secret.ts";
import type { Database, DatabasePlan, DatabaseUse } from "./databases.ts";
import { type PoolerOptions, poolerRole } from "./pooler-options.ts";
import { namesOf } from "./services.ts";

/** The image's user `postgres`. */
const user = "70:70";
const usualImage = "edoburu/pgbouncer:v1.26.0-p0";
const configFile = "/etc/pgbouncer/pgbouncer.ini";
const megabyte = 1024 ** 2;

/** Connections that Postgres keeps for its superuser and the exporter. */
const reserved = 5;
const usualSize = 20;

/** What is decided of the pooler before its files are printed. */
export interface Pooler {
  options: PoolerOptions;
  /** Which database goes through it for whom. */
  uses: DatabaseUse[];
  /** Connections to the server for each database. */
  size: number;
  /** Secret with the password of its role. */
  secret: string;
  problems: OptionProblem[];
}

/** Who goes through the pooler, and how many connections each gets of what the server takes. */
export function planPooler(
  options: PoolerOptions,
  { key, usedBy }: Pick<ComponentUse, "key" | "usedBy">,
  { uses }: Pick<DatabasePlan, "uses">,
  maxConnections: number,
): Pooler {
  const pooled = uses.filter(({ app }) => options.apps === undefined || options.apps.includes(app));
  const pools = new Set(pooled.map(({ database }) => database)).size;
  const direct = Math.max(5, Math.floor(maxConnections / 10));
  const share = Math.floor((maxConnections - reserved - direct) / Math.max(1, pools));
  const size = options.size ?? Math.min(usualSize, Math.max(1, share));
  return {
    options,
    uses: pooled,
    size,
    secret: `${key}_${poolerRole}`,
    problems: [...strangers(options, key, usedBy), ...tooMany(size * pools, maxConnections, key)],
  };
}

function strangers({ apps = [] }: PoolerOptions, key: string, usedBy: ComponentUse["usedBy"]): OptionProblem[] {
  const known = usedBy.map((app) => app.key);
  return apps.flatMap((app, index) =>
    known.includes(app)
      ? []
      : [{ path: ["pooler", "apps", index], message: `${app} does not use ${key}`, hint: didYouMean(app, known) }],
  );
}

function tooMany(wanted: number, maxConnections: number, key: string): OptionProblem[] {
  const most = maxConnections - reserved;
  if (wanted <= most) return [];
  return [
    {
      path: ["pooler"],
      message: `the pooler may open ${wanted} connections, and ${key} takes ${most} from apps`,
      hint: "write a smaller size:, give Postgres more memory, or set max_connections under settings:",
    },
  ];
}

/** What the pooler adds to the stack beside the server. */
export function poolerParts(pooler: Pooler, { key, monitored, template }: ComponentUse): Contribution {
  const names = namesOf(key);
  const { options, size } = pooler;
  const users = `${names.pooler}_users`;
  const path = `${names.config}/pgbouncer.ini`;
  const settings = Object.entries(options.settings).map(([name, value]) => ({ name, value: iniValue(value) }));
  return {
    services: [poolerService(key, pooler, users, path)],
    secrets: [
      randomPassword(
        pooler.secret,
        `Password of ${poolerRole}, by which the pooler looks up logins at ${key}; it reads a new one when it starts`,
      ),
      userList(users, key, pooler, monitored),
    ],
    files: [
      {
        path,
        content: template("postgres/pgbouncer.ini.hbs", {
          key,
          users,
          role: poolerRole,
          monitor: monitored && monitorUser,
          mode: options.mode,
          size,
          clients: options.clients,
          settings,
        }),
        mode: 0o644,
      },
    ],
    shortcuts: [
      {
        verb: "pgbouncer",
        service: names.pooler,
        command: consoleCommand(pooler.secret),
        about: `Console of ${names.pooler}: -c "SHOW POOLS", -c "SHOW CLIENTS"`,
      },
    ],
  };
}

/** Names that the pooler knows itself; the passwords of apps it looks up at the server, so that a new one counts at once. */
function userList(name: string, key: string, pooler: Pooler, monitored: boolean): SecretFile {
  const line = (login: string, password: string) => secretText`"${login}" "${secret(password)}"\n`;
  return {
    name,
    about: `Logins of the pooler of ${key} itself`,
    mode: 0o444,
    kind: "composed",
    content: [...line(poolerRole, pooler.secret), ...(monitored ? line(monitorUser, monitorSecret(key)) : [])],
  };
}

function poolerService(key: string, { options, secret: password }: Pooler, users: string, path: string): ServiceNeeds {
  const names = namesOf(key);
  return {
    name: names.pooler,
    about: `PgBouncer: many connections of apps share few of ${key}`,
    group: "data",
    image: options.image ?? usualImage,
    user,
    // Past the image's entry point, which writes its settings from the environment.
    entrypoint: ["/usr/bin/pgbouncer", configFile],
    secrets: [users, password],
    mounts: [{ kind: "bind", source: path, target: configFile, readOnly: true }],
    tmpfs: [{ target: "/tmp", size: megabyte, mode: "1777" }],
    networks: [key],
    dependsOn: dependencies(key),
    healthcheck: {
      // Of the pooler itself: when Postgres is gone, a restart of the pooler would help nobody.
      test: ["CMD", "pg_isready", "-h", "127.0.0.1", "-p", "5432", "-U", poolerRole, "-d", "pgbouncer"],
    },
    limits: options.limits,
    // Lets transactions end and takes no new ones; the usual signal waits until the last client has gone.
    stopSignal: "SIGINT",
    stopGracePeriod: 30_000,
    nofile: 16_384,
  };
}

function dependencies(key: string): Dependency[] {
  return [
    { service: key, condition: "service_healthy" },
    { service: namesOf(key).setup, condition: "service_completed_successfully" },
  ];
}

/** The password comes from its file, so that it is no argument. */
function consoleCommand(password: string): string[] {
  const read = `PGPASSWORD="$(cat /run/secrets/${password})"`;
  return ["sh", "-c", `${read} exec psql -h 127.0.0.1 -U ${poolerRole} -d pgbouncer "$@"`, "psql"];
}

/** What setup.sql needs to know of it: whose logins it may look up. */
export function poolerInSetup({ uses, secret: password }: Pooler, databases: readonly Database[]) {
  const roles = databases.filter(({ name }) => uses.some(({ database }) => database === name));
  return { role: poolerRole, secret: password, logins: roles.map(({ name }) => `'${name}'`).join(", ") || "NULL" };
}

function iniValue(value: string | number | boolean): string {
  return typeof value === "boolean" ? (value ? "1" : "0") : String(value);
}

import { z } from "zod";
import { imageReference, limits, name } from "../../stack/fields.ts";
import { serverSettings } from "../server-settings.ts";

/** Role by which the pooler looks up the logins of apps, and its administrator. No app can have a name with an underscore. */
export const poolerRole = "stack_pooler";

/** Settings that decide how the stack reaches and guards the pooler. */
const ownSettings = [
  "admin_users",
  "auth_dbname",
  "auth_file",
  "auth_query",
  "auth_type",
  "auth_user",
  "conffile",
  "default_pool_size",
  "ignore_startup_parameters",
  "listen_addr",
  "listen_port",
  "logfile",
  "max_client_conn",
  "pidfile",
  "pool_mode",
  "stats_users",
  "unix_socket_dir",
  "user",
];

const details = z.strictObject({
  mode: z
    .enum(["transaction", "session"])
    .default("transaction")
    .describe(
      "transaction shares connections after each transaction, so that LISTEN, SET and locks of a session need DATABASE_DIRECT_URL; session when a client has gone",
    ),
  size: z
    .int({ error: "expected a number of connections" })
    .min(1, "expected at least one connection")
    .max(1000, "expected at most 1000 connections")
    .optional()
    .describe("Connections to Postgres for each app; left out: what Postgres has divided among them, at most 20"),
  clients: z
    .int({ error: "expected a number of connections" })
    .min(10, "expected at least 10 connections")
    .max(10_000, "expected at most 10000 connections")
    .default(500)
    .describe("Connections of all apps together that it takes"),
  apps: z
    .array(name("the key of an app"))
    .optional()
    .describe("Apps that go through it; left out: all that use this Postgres"),
  image: imageReference().optional().describe("Another image of PgBouncer with the same user and programs"),
  limits: limits({ cpus: 0.5, memory: "64m", pids: 32 }),
  settings: serverSettings("pgbouncer.ini", /^[a-z][a-z_]*$/, ownSettings).describe(
    "Further settings of pgbouncer.ini, such as query_wait_timeout: 30",
  ),
});

export type PoolerOptions = z.output<typeof details>;

/** `pooler: true` is short for `pooler: {}`. */
export const poolerOptions = z
  .union([z.literal(true).transform(() => details.parse({})), details])
  .describe("PgBouncer between apps and Postgres: many connections of apps share few of the server");

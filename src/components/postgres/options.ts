import { z } from "zod";
import { imageReference, limits } from "../../stack/fields.ts";
import { monitorUser } from "../monitored.ts";
import { serverSettings } from "../server-settings.ts";
import { poolerOptions, poolerRole } from "./pooler-options.ts";

const versions = [16, 17, 18] as const;

/** Official Debian images, pinned. Debian and Alpine differ in user id and sort order, so a volume never changes sides. */
const images: Record<PostgresVersion, string> = {
  16: "postgres:16.15-trixie",
  17: "postgres:17.11-trixie",
  18: "postgres:18.6-trixie",
};

export type PostgresVersion = (typeof versions)[number];

/** One database that stack.yaml names. */
export interface DatabaseOptions {
  name: string;
  extensions: string[];
}

const version = z.literal(versions).describe("Major version. A volume stays with the version that made it");

/** Names that the server, or this component, needs for itself. */
const reservedNames = ["postgres", "template0", "template1", "superuser", "public", "none", monitorUser, poolerRole];

/** What is wrong with the name of a database (and of the role that owns it), or undefined. */
export function databaseNameProblem(text: string): string | undefined {
  if (reservedNames.includes(text) || text.startsWith("pg_"))
    return `"${text}" is reserved by Postgres; choose another name`;
  if (!/^[a-z][a-z0-9_-]{0,62}$/.test(text))
    return `expected the name of a database: lower-case letters, digits, "_" and "-", starting with a letter, at most 63`;
  return undefined;
}

const databaseName = z.string({ error: "expected the name of a database" }).superRefine((text, context) => {
  const problem = databaseNameProblem(text);
  if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
});

const extensions = z
  .array(
    z
      .string({ error: "expected the name of an extension such as pg_trgm" })
      .regex(/^[a-z][a-z0-9_-]{0,62}$/, "expected the name of an extension such as pg_trgm"),
  )
  .default([])
  .describe("Extensions that are created in it: pg_trgm, citext, uuid-ossp");

const databaseEntry = z.union([
  databaseName.transform((text): DatabaseOptions => ({ name: text, extensions: [] })),
  z.strictObject({ name: databaseName.describe("Name of the database and of the role that owns it"), extensions }),
]);

const databaseMap = z
  .record(databaseName, z.strictObject({ extensions }).nullable())
  .transform((map): DatabaseOptions[] =>
    Object.entries(map).map(([key, value]) => ({ name: key, extensions: value?.extensions ?? [] })),
  );

const databases = z
  .union([z.array(databaseEntry), databaseMap])
  .optional()
  .describe(
    "Databases, each with its own role and password. Without it: one per app that uses Postgres, named like the app",
  );

/** Settings that decide how the stack reaches and guards the server; changing them would break it. */
const ownSettings = [
  "config_file",
  "data_directory",
  "external_pid_file",
  "hba_file",
  "ident_file",
  "listen_addresses",
  "port",
  "unix_socket_directories",
];

const settings = serverSettings("postgresql.conf", /^[a-z][a-z0-9_.]*$/, ownSettings).describe(
  "Further settings of postgresql.conf; they win over the derived ones",
);

const details = z.strictObject({
  version: version.default(18),
  image: imageReference()
    .refine(
      (text) => !text.includes("alpine"),
      "expected a Debian-based image: Alpine's sorts text differently and has another user id",
    )
    .optional()
    .describe("Another image of the same major version, such as one with PostGIS or pgvector"),
  databases,
  pooler: poolerOptions.optional(),
  limits: limits({ cpus: 1, memory: "512m" }),
  settings,
});

export type PostgresOptions = z.output<typeof details>;

/** `postgres: 17` is short for `postgres: { version: 17 }`. */
export const postgresOptions = z.union([version.transform((value) => details.parse({ version: value })), details]);

export function imageOf(options: Pick<PostgresOptions, "version" | "image">): string {
  return options.image ?? images[options.version];
}

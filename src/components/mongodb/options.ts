import { z } from "zod";
import { imageReference, limits, size } from "../../stack/fields.ts";
import { serverSettings } from "../server-settings.ts";

/** Official images, pinned. A volume goes from 7.0 to 8.0 and not back. */
const images = { "7.0": "mongo:7.0.40", "8.0": "mongo:8.0.29" } as const;

export type MongodbVersion = keyof typeof images;

const version = z
  .union([z.literal(["7.0", "8.0"]), z.literal([7, 8])], { error: "expected 7.0 or 8.0" })
  .transform((value): MongodbVersion => (Number(value) === 7 ? "7.0" : "8.0"))
  .describe("Major version. A volume that 8.0 has written to is not read by 7.0");

const gigabyte = 1024 ** 3;

/** Server parameters that decide who gets in; changing them would break the stack. */
const ownSettings = [
  "authenticationMechanisms",
  "clusterAuthMode",
  "disableSplitHorizonIPCheck",
  "enableLocalhostAuthBypass",
  "enableTestCommands",
  "scramIterationCount",
  "scramSHA256IterationCount",
];

const settings = serverSettings("setParameter", /^[a-z][A-Za-z0-9]*$/, ownSettings).describe(
  "Server parameters (setParameter of mongod.conf), such as transactionLifetimeLimitSeconds: 120",
);

const details = z.strictObject({
  version: version.prefault("8.0"),
  image: imageReference().optional().describe("Another image of the same major version"),
  oplog: size()
    .refine((bytes) => bytes >= gigabyte, "expected at least 1g: MongoDB takes no smaller one")
    .prefault("1g")
    .describe("Size of the log of changes: change streams and restores to a moment reach back as far as it does"),
  limits: limits({ cpus: 1, memory: "1g", pids: 512 }),
  settings,
});

export type MongodbOptions = z.output<typeof details>;

/** `mongodb: 7.0` is short for `mongodb: { version: 7.0 }`. */
export const mongodbOptions = z.union([version.transform((value) => details.parse({ version: value })), details]);

export function imageOf(options: Pick<MongodbOptions, "version" | "image">): string {
  return options.image ?? images[options.version];
}

const reserved = ["admin", "local", "config"];

/** What is wrong with the name of a database, or undefined. */
export function databaseNameProblem(text: string): string | undefined {
  if (reserved.includes(text)) return `"${text}" is MongoDB's own database; choose another name`;
  if (!/^[a-z][a-z0-9_-]{0,62}$/.test(text))
    return `"${text}" is no name of a database: lower-case letters, digits, "_" and "-", starting with a letter, at most 63`;
  return undefined;
}

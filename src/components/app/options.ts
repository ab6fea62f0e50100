import { z } from "zod";
import {
  absolutePath,
  command,
  duration,
  hostName,
  imageReference,
  limits,
  name,
  port,
  secretName,
  size,
  variableName,
} from "../../stack/fields.ts";

const route = z.union([
  hostName().transform((host) => ({ host, path: "/" })),
  z.strictObject({
    host: hostName().describe("Public host name; its DNS record points at this server"),
    path: absolutePath("a path such as /api").default("/").describe("Path prefix that comes to this app"),
  }),
]);

const timing = {
  interval: duration().prefault("10s").describe("Time between two checks"),
  timeout: duration().prefault("5s").describe("A check that takes longer has failed"),
  startup: duration().prefault("60s").describe("Time that the app may take to start before failed checks count"),
  retries: z.int().min(1).max(100).default(3).describe("Failed checks in a row that make it unhealthy"),
};

const health = z.union([
  absolutePath("a path such as /health").transform((path) => ({ path })),
  z.strictObject({
    path: absolutePath("a path such as /health").describe("Path that answers 200 when the app can serve"),
    ...timing,
  }),
  z.strictObject({
    exec: command().describe("Command inside the container that ends with 0 when the app can work"),
    ...timing,
  }),
]);

const metrics = z.union([
  absolutePath("a path such as /metrics").transform((path): { path: string; port?: number | undefined } => ({ path })),
  z.strictObject({
    path: absolutePath("a path such as /metrics")
      .default("/metrics")
      .describe("Path that answers in Prometheus' format"),
    port: port().optional().describe("Port that it is at; the app's own when left out"),
  }),
]);

const task = z.union([
  command().transform((words) => ({ command: words, timeout: 10 * 60_000 })),
  z.strictObject({
    command: command().describe("What to run, as a list of words"),
    timeout: duration().prefault("10m").describe("It is stopped after this time"),
  }),
]);

/** What is said of `backup` at a volume of another component. */
export const copiedThere = {
  error: "expected no backup beside of: the volume is copied where it is the component's own",
  path: ["backup"],
};

/** A volume of another component, in place of one of its own. */
export const sharing = {
  of: name("the name of an app or service of this stack")
    .optional()
    .describe("App or service whose volume of this name it is: both see the same files, and it is backed up there"),
  readOnly: z.boolean().default(false).describe("It may read the volume and not write to it"),
};

const volume = z
  .strictObject({
    name: name("the volume's name").describe("Name of the volume, unique within the app"),
    path: absolutePath("a path in the container").describe("Where the app finds it"),
    backup: z
      .union([
        z.enum(["live", "pause", "stop"]),
        z.literal("none"),
        z.strictObject({
          before: command().describe("Command in the app that writes what is to be copied, or holds its writes back"),
          after: command().optional().describe("Command that lets it go on; runs in any case"),
        }),
      ])
      .default("live")
      .describe("How it is copied for a backup: live, with the app paused or stopped, around a command, or not at all"),
    ...sharing,
  })
  .refine(({ of, backup }) => of === undefined || backup === "live", copiedThere);

const published = z.strictObject({
  port: port().describe("Port on this server"),
  target: port().describe("Port in the container"),
  host: z
    .string()
    .regex(/^[\d.]+$|^::1?$/, "expected an IP address such as 127.0.0.1 or 0.0.0.0")
    .default("127.0.0.1")
    .describe("Address to listen on; 0.0.0.0 opens it to the internet, past any firewall of the host"),
  protocol: z.enum(["tcp", "udp"]).default("tcp"),
});

export const use = z
  .string({ error: "expected the name of another component, such as postgres" })
  .regex(
    /^[a-z][a-z0-9-]*(\/[a-z][a-z0-9_-]*)?$/,
    "expected the name of another component, such as postgres or postgres/reports",
  );

const sentryEnvironmentName = z
  .string()
  .regex(/^[^\s/]{1,64}$/, "expected a name such as production, without spaces and slashes")
  .optional()
  .describe("Name under which Sentry shows this server's errors (default: the stack's environment, or production)");

const sentry = z.union([
  secretName().transform((dsn): { dsn: string; environment?: string | undefined } => ({ dsn })),
  z.strictObject({
    dsn: secretName().describe("Secret with the DSN of the project at Sentry"),
    environment: sentryEnvironmentName,
  }),
]);

export const environmentValue = z.union([z.string(), z.number(), z.boolean()]).transform(String);

/** Section of stack.yaml for `type: app`. */
export const options = z.strictObject({
  image: imageReference().describe("Image with its tag, such as ghcr.io/you/app:1.4.2"),
  port: port().optional().describe("Port that the app listens on. An app without a port is a worker"),
  routes: z.array(route).default([]).describe("Public addresses: host names, or { host, path }"),
  metrics: metrics
    .optional()
    .describe(
      "Where it tells its metrics to Prometheus, in a monitored stack: a path, or { path, port }. On a port that has routes the whole world can read them",
    ),
  uses: z
    .array(use)
    .default([])
    .describe("Components that it connects to; each gives it environment such as DATABASE_URL"),
  connections: z
    .enum(["env", "files"])
    .default("env")
    .describe(
      "How it gets passwords: `env` as variables, `files` as DATABASE_URL_FILE and the like, which keeps them out of docker inspect",
    ),
  env: z.record(variableName(), environmentValue).default({}).describe("Environment that is no secret"),
  secrets: z
    .record(variableName(), secretName())
    .default({})
    .describe("Environment variables whose value stands in a file under secrets/"),
  sentry: sentry
    .optional()
    .describe(
      "Secret with a DSN of Sentry; gives SENTRY_DSN, SENTRY_ENVIRONMENT, and SENTRY_RELEASE with the image's tag",
    ),
  health: health.optional().describe("How to tell that it can serve: a path, or { exec: [command] }"),
  command: command().optional().describe("Instead of the image's own command"),
  entrypoint: command().optional().describe("Instead of the image's own entry point"),
  user: z
    .string({ error: 'expected a numeric user such as "1000:1000"' })
    .regex(/^\d+(:\d+)?$/, 'expected a numeric user such as "1000:1000"')
    .optional()
    .describe("Numeric user and group; the image's own user when left out"),
  replicas: z.int().min(1).max(50).default(1).describe("Containers of it that run side by side"),
  migrate: task.optional().describe("Brings the database schema up to date; run by ./prod.sh migrate"),
  seed: task.optional().describe("Fills in first data; run by ./prod.sh migrate --seed"),
  volumes: z.array(volume).default([]).describe("Data of its own that must survive"),
  writable: z
    .array(absolutePath("a path in the container"))
    .default([])
    .describe("Further folders that it may write to; in memory, gone at a restart"),
  writableRoot: z
    .boolean()
    .default(false)
    .describe("Lets the app write anywhere in its container; safer is to name folders under writable"),
  publish: z.array(published).default([]).describe("Ports opened on this server without Traefik, for what is not HTTP"),
  shm: size().optional().describe("Size of /dev/shm, for browsers and the like"),
  stopGrace: duration().prefault("30s").describe("Time between being told to stop and being killed"),
  limits: limits({ cpus: 1, memory: "512m" }),
});

export type AppOptions = z.infer<typeof options>;

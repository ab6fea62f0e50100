import { z } from "zod";
import { duration, imageReference, limits, memory } from "../../stack/fields.ts";
import { serverSettings } from "../server-settings.ts";

const modes = ["single", "sentinel"] as const;
const profiles = ["cache", "durable"] as const;
const evictions = [
  "noeviction",
  "allkeys-lru",
  "allkeys-lfu",
  "allkeys-random",
  "volatile-lru",
  "volatile-lfu",
  "volatile-random",
  "volatile-ttl",
] as const;

/** Commands that apps are denied because they stop, empty or read the whole server, and that may be given back. */
export const deniedCommands = [
  "bgrewriteaof",
  "bgsave",
  "client|kill",
  "client|list",
  "config|get",
  "config|set",
  "flushall",
  "flushdb",
  "keys",
  "lastsave",
  "latency",
  "migrate",
  "monitor",
  "restore",
  "role",
  "save",
  "slowlog",
  "sort",
  "sort_ro",
  "swapdb",
] as const;

/** Redis, or Valkey, which is the same to its clients: each a component type of its own. */
export type ServerEngine = "redis" | "valkey";

/** Official Debian images, pinned. */
const images: Record<ServerEngine, string> = {
  redis: "redis:8.2.9-bookworm",
  valkey: "valkey/valkey:9.1.1-trixie",
};

/** Settings that decide how the stack reaches, guards and sizes the server. */
const ownSettings = [
  "aclfile",
  "appenddirname",
  "appendfilename",
  "bind",
  "daemonize",
  "dbfilename",
  "dir",
  "include",
  "logfile",
  "masterauth",
  "maxmemory",
  "maxmemory-policy",
  "port",
  "protected-mode",
  "requirepass",
  "save",
  "user",
];

/** A key in database 0, by its full name: an access list reads `*`, `?`, `[` and `\\` as patterns. */
const queueName = z
  .string({ error: "expected the name of a key such as bull:mail:wait" })
  .regex(/^[\w:.{}@/#-]{1,200}$/, "expected the full name of a key such as bull:mail:wait, without patterns");

const second = 1_000;

/** `redis: { memory: 256m }` is short for `redis: { limits: { memory: 256m } }`. */
export function optionsOf(engine: ServerEngine) {
  return z
    .strictObject({
      mode: z
        .enum(modes)
        .default("single")
        .describe(
          "single is one server; sentinel is three with the same data and three sentinels, who make another one the primary when it fails. It takes three times limits.memory and 96 MB, and apps that know Sentinel, or proxy: true. A primary without any replica refuses writes, so that none is lost",
        ),
      proxy: z
        .boolean()
        .default(false)
        .describe(
          "With mode: sentinel: a small proxy (64 MB) that follows the primary, so that apps have a plain REDIS_URL and need not know Sentinel",
        ),
      failoverAfter: duration()
        .refine((time) => time >= 3 * second && time <= 60 * second, "expected from 3s to 60s")
        .prefault("5s")
        .describe(
          "With mode: sentinel: how long the primary must be silent until another takes over; 2 to 3 seconds later writes work again. Shorter, and a slow moment of the disk is taken for a failure",
        ),
      image: imageReference()
        .refine((text) => !text.includes("alpine"), "expected a Debian-based image: Alpine's has another user id")
        .optional()
        .describe("Another image of the same server"),
      profile: z
        .enum(profiles)
        .default("durable")
        .describe("durable keeps its data over restarts and refuses writes when full; cache forgets and evicts"),
      eviction: z
        .enum(evictions)
        .optional()
        .describe("What goes when memory is full, where the profile's choice is wrong"),
      allow: z
        .array(z.enum(deniedCommands))
        .default([])
        .describe("Commands that are given back to the apps, which may not run dangerous ones"),
      queues: z
        .array(queueName)
        .default([])
        .describe(
          "Lists, streams or sorted sets whose length is measured where the stack is monitored: bull:mail:wait",
        ),
      memory: memory().optional().describe("Short for limits.memory"),
      limits: limits({ cpus: 0.5, memory: "256m" }),
      settings: serverSettings(`${engine}.conf`, /^[a-z][a-z0-9-]*$/, ownSettings).describe(
        `Further settings of ${engine}.conf, such as notify-keyspace-events: Ex`,
      ),
    })
    .transform(({ memory: short, limits: all, ...rest }) => ({
      ...rest,
      engine,
      limits: short === undefined ? all : { ...all, memory: short },
    }));
}

export type RedisOptions = z.output<ReturnType<typeof optionsOf>>;

export function imageOf(options: Pick<RedisOptions, "engine" | "image">): string {
  return options.image ?? images[options.engine];
}

/** The engine's name as people write it. */
export function titleOf({ engine }: Pick<RedisOptions, "engine">): "Redis" | "Valkey" {
  return engine === "redis" ? "Redis" : "Valkey";
}

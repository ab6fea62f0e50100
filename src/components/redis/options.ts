import { z } from "zod";
import { imageReference, limits, memory } from "../../stack/fields.ts";
import { serverSettings } from "../server-settings.ts";

const engines = ["redis", "valkey"] as const;
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

export type Engine = (typeof engines)[number];

/** Official Debian images, pinned. */
const images: Record<Engine, string> = {
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

const settings = serverSettings("redis.conf", /^[a-z][a-z0-9-]*$/, ownSettings).describe(
  "Further settings of redis.conf, such as notify-keyspace-events: Ex",
);

/** A key in database 0, by its full name: an access list reads `*`, `?`, `[` and `\\` as patterns. */
const queueName = z
  .string({ error: "expected the name of a key such as bull:mail:wait" })
  .regex(/^[\w:.{}@/#-]{1,200}$/, "expected the full name of a key such as bull:mail:wait, without patterns");

/** `redis: { memory: 256m }` is short for `redis: { limits: { memory: 256m } }`. */
export const redisOptions = z
  .strictObject({
    engine: z.enum(engines).default("redis").describe("Redis, or Valkey, which is the same to its clients"),
    image: imageReference()
      .refine((text) => !text.includes("alpine"), "expected a Debian-based image: Alpine's has another user id")
      .optional()
      .describe("Another image of the engine"),
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
      .describe("Lists, streams or sorted sets whose length is measured where the stack is monitored: bull:mail:wait"),
    memory: memory().optional().describe("Short for limits.memory"),
    limits: limits({ cpus: 0.5, memory: "256m" }),
    settings,
  })
  .transform(({ memory: short, limits: all, ...rest }) => ({
    ...rest,
    limits: short === undefined ? all : { ...all, memory: short },
  }));

export type RedisOptions = z.output<typeof redisOptions>;

export function imageOf(options: Pick<RedisOptions, "engine" | "image">): string {
  return options.image ?? images[options.engine];
}

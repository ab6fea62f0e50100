import fc from "fast-check";
import type { ComponentInTests } from "../support/component-in-tests.ts";

const size = (min: number, max: number) => fc.integer({ min, max }).map((count) => `${count}m`);
const queues = fc.subarray(["bull:mail:wait", "jobs", "{a}:b/c#1"]);

/** Options that Redis and Valkey share. */
export const singleSection = fc.record(
  {
    memory: size(16, 4096),
    profile: fc.constantFrom("cache", "durable"),
    eviction: fc.constantFrom("noeviction", "allkeys-lfu", "volatile-ttl"),
    allow: fc.subarray(["keys", "flushdb", "config|get"]),
    queues,
    limits: fc.record({ cpus: fc.constantFrom(0.1, 2), memory: size(16, 512) }, { requiredKeys: [] }),
    settings: fc.dictionary(
      fc.constantFrom("notify-keyspace-events", "hz", "latency-tracking"),
      fc.constantFrom("Ex", true, 20, "it's", "a b", "back\\slash", 'say "x"', ""),
    ),
  },
  { requiredKeys: [] },
);

export const sentinelSection = fc.record(
  {
    mode: fc.constant("sentinel"),
    proxy: fc.boolean(),
    failoverAfter: fc.integer({ min: 3, max: 60 }).map((count) => `${count}s`),
    memory: size(32, 512),
    eviction: fc.constantFrom("noeviction", "volatile-ttl"),
    queues,
    settings: fc.dictionary(fc.constantFrom("hz", "min-replicas-to-write"), fc.integer({ min: 0, max: 100 })),
  },
  { requiredKeys: ["mode"] },
);

export const inTests: ComponentInTests = {
  random: {
    section: fc.oneof({ weight: 3, arbitrary: singleSection }, { weight: 1, arbitrary: sentinelSection }),
    most: 2,
    parts: undefined,
  },
  healthPrograms: [[/^haproxy$/, /^bash$/]],
  monitored: { components: { sessions: { type: "redis", mode: "sentinel", proxy: true } }, uses: ["sessions"] },
};

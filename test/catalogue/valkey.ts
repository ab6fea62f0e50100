import fc from "fast-check";
import type { ComponentInTests } from "../support/component-in-tests.ts";
import { sentinelSection, singleSection } from "./redis.ts";

export const inTests: ComponentInTests = {
  random: { section: fc.oneof(singleSection, sentinelSection), most: 2, parts: undefined },
  monitored: {
    components: {
      valkey: { queues: ["bull:mail:wait"] },
      "valkey-follower": { type: "valkey", profile: "cache", settings: { replicaof: "elsewhere 6379" } },
      "valkey-sessions": { type: "valkey", mode: "sentinel" },
    },
    uses: ["valkey", "valkey-sessions"],
  },
};

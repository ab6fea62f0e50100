import fc from "fast-check";
import type { ComponentInTests } from "../support/component-in-tests.ts";

/** Valid sections of stack.yaml, `version:` and all. */
const section = fc.record(
  {
    version: fc.constantFrom(7, 8, "7.0", "8.0"),
    oplog: fc.constantFrom("1g", "2500m"),
    limits: fc.record({ memory: fc.integer({ min: 512, max: 8192 }).map((count) => `${count}m`) }),
    settings: fc.dictionary(
      fc.constantFrom("transactionLifetimeLimitSeconds", "notablescan", "ttlMonitorSleepSecs"),
      fc.oneof(fc.boolean(), fc.integer({ min: 1, max: 999 })),
    ),
  },
  { requiredKeys: [] },
);

export const inTests: ComponentInTests = {
  random: { section, most: 2, parts: undefined },
  healthPrograms: [[/^mongo$/, /^mongosh$/]],
  monitored: { components: { mongodb: {} }, uses: ["mongodb"] },
};

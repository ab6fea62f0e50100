import fc from "fast-check";
import type { ComponentInTests } from "../support/component-in-tests.ts";

const section = fc.record(
  {
    buckets: fc.constant(["uploads", "media"]),
    limits: fc.record({ memory: fc.constantFrom("128m", "2g") }, { requiredKeys: [] }),
  },
  { requiredKeys: ["buckets"] },
);

export const inTests: ComponentInTests = {
  random: { section, most: 2, parts: ["uploads", "media"] },
  // The image holds nothing else.
  healthPrograms: [[/^dxflrs\/garage$/, /^\/garage$/]],
  monitored: { components: { garage: { buckets: ["media"] } }, uses: ["garage"] },
};

import fc from "fast-check";
import type { ComponentInTests } from "../support/component-in-tests.ts";

const section = fc.record(
  {
    buckets: fc.constantFrom(
      ["uploads", "media"],
      [
        { name: "uploads", versioning: true },
        { name: "media", public: true },
      ],
    ),
    limits: fc.record({ memory: fc.constantFrom("512m", "2g") }, { requiredKeys: [] }),
  },
  { requiredKeys: ["buckets"] },
);

export const inTests: ComponentInTests = {
  random: { section, most: 2, parts: ["uploads", "media"] },
  healthPrograms: [[/^chrislusf\/seaweedfs$/, /^curl\b/]],
  monitored: { components: { seaweedfs: { buckets: ["media"] } }, uses: ["seaweedfs"] },
};

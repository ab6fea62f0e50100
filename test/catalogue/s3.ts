import fc from "fast-check";
import type { ComponentInTests } from "../support/component-in-tests.ts";

const section = fc.record(
  {
    endpoint: fc.constantFrom("https://s3.example.com", "http://10.0.0.5:9000"),
    region: fc.constantFrom("eu-central-1", "auto"),
    buckets: fc.constant(["media", "reports"]),
    keys: fc.constantFrom("shared", "per-app"),
    pathStyle: fc.boolean(),
  },
  { requiredKeys: ["buckets"] },
);

export const inTests: ComponentInTests = {
  random: { section, most: 2, parts: ["media", "reports"] },
  monitored: { components: { s3: { buckets: ["media"] } } },
};

import fc from "fast-check";
import type { ComponentInTests } from "../support/component-in-tests.ts";

const section = fc
  .record(
    {
      image: fc.constantFrom("ghcr.io/you/tool:2", "busybox:1.38.0"),
      schedule: fc.constantFrom("0 4 * * *", "*/5 8-18 * * 1-5", "30 2 1 JAN,JUL *"),
      timezone: fc.constantFrom("UTC", "Europe/Berlin"),
      command: fc.constant(["sh", "-c", 'echo "$HOME" it\'s %d']),
      timeout: fc.constantFrom("90s", "6h"),
      catchUp: fc.boolean(),
      env: fc.constant({ MODE: "night", COUNT: 3 }),
      secrets: fc.constant({ API_KEY: "night_key" }),
      user: fc.constantFrom("1000:1000", "0"),
      writable: fc.constant(["/work"]),
      writableRoot: fc.boolean(),
      stopGrace: fc.constant("5s"),
      limits: fc.record({ cpus: fc.constantFrom(0.1, 4), memory: fc.constantFrom("64m", "1g") }, { requiredKeys: [] }),
    },
    { requiredKeys: ["image", "schedule"] },
  )
  .map((options): Record<string, unknown> => options);

export const inTests: ComponentInTests = {
  random: {
    section,
    most: 2,
    parts: "unusable",
    // Those with a command are every other time the job of an app.
    withApps: ({ image, ...section }, [app]) =>
      section.command === undefined || section.catchUp === true || app === undefined
        ? { image, ...section }
        : { of: app, ...section },
  },
  monitored: { components: { nightly: { type: "job", of: "web", command: ["report"], schedule: "0 4 * * *" } } },
};

import fc from "fast-check";
import type { ComponentInTests } from "../support/component-in-tests.ts";

const section = fc
  .record(
    {
      site: fc.oneof(
        fc.constantFrom("public", "web/dist"),
        fc.record(
          {
            folder: fc.constantFrom("site", "www"),
            fallback: fc.constantFrom("/index.html", "/app.html"),
            notFound: fc.constant("/404.html"),
            cache: fc.dictionary(fc.constantFrom("/assets", "/img/"), fc.constantFrom("365d", "1h")),
          },
          { requiredKeys: [] },
        ),
        fc.constant({ inImage: "/usr/share/nginx/html" }),
      ),
      snippet: fc.constantFrom("location = /old { return 301 /new; }", "add_header X-Made-By us;\n"),
      limits: fc.record({ cpus: fc.constantFrom(0.1, 4), memory: fc.constantFrom("64m", "1g") }, { requiredKeys: [] }),
    },
    { requiredKeys: [] },
  )
  .map((options): Record<string, unknown> => options);

export const inTests: ComponentInTests = {
  random: {
    section,
    most: 2,
    // Those that lead to an app cannot be used by one that comes before: each would wait for the other.
    parts: "unusable",
    withApps: (section, _, [app]) =>
      app === undefined
        ? section
        : { ...section, upstreams: { "/api": app, "/ws": { app, balance: "ip-hash", strip: true } } },
  },
  healthPrograms: [[/^nginx$/, /^curl$/]],
  monitored: { components: { nginx: { upstreams: { "/api": "web" } } } },
};

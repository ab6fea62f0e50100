import type { ComponentInTests } from "../support/component-in-tests.ts";

export const inTests: ComponentInTests = {
  healthPrograms: [
    [/^edoburu\/pgbouncer$/, /^pg_isready$/],
    [/(^|\/)pgbouncer-exporter$/, /^wget$/],
  ],
  monitored: { components: { pooled: { type: "postgres", pooler: {} } }, uses: ["pooled"] },
};

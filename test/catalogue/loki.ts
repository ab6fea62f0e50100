import type { ComponentInTests } from "../support/component-in-tests.ts";

export const inTests: ComponentInTests = {
  healthPrograms: [[/^grafana\/loki$/, /^\/usr\/bin\/loki$/]],
};

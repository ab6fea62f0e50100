import { expect, test } from "vitest";
import { modelOf, presetText } from "../../support/catalogue.ts";

test("metrics, logs and dashboards of a stack with Postgres, Redis and S3 storage take at most 1.5 GB", () => {
  const watching = modelOf(presetText("monitored")).services.filter(
    ({ group, class: kind }) => (group === "monitoring" || group === "logging") && kind === "long-running",
  );
  expect(watching.map(({ name }) => name)).toEqual(expect.arrayContaining(["prometheus", "loki", "grafana"]));
  const sum = watching.reduce((total, { limits, replicas }) => total + limits.memory * replicas, 0);
  expect(sum / 1024 ** 3).toBeLessThanOrEqual(1.5);
});

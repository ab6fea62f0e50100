import { basename } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take longest, in this order: one that began last would run alone at the end. */
const long = [
  "faults-disk",
  "data-kafka",
  "redis-sentinel",
  "faults-kill",
  "presets",
  "data-rabbitmq",
  "monitoring-alerts",
  "exporters",
  "data-seaweedfs",
  "faults-restore",
  "data-postgres",
  "data-redis",
  "dashboards",
  "faults-engine",
  "migrate-postgres",
  "disaster",
  "random-stacks",
];

/** Begins with the files that are known to take long; the others follow in vitest's own order. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.sort((one, other) => place(one) - place(other));
  }
}

function place({ moduleId }: TestSpecification): number {
  const at = long.indexOf(basename(moduleId, ".test.ts"));
  return at === -1 ? long.length : at;
}

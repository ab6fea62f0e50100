import { availableParallelism } from "node:os";
import { configDefaults, defineConfig } from "vitest/config";
import { LongestFirst } from "./test/support/longest-first.ts";

/** Backups and restores of all kinds of data. */
const backups = ["test/contract/{store,store-faults,encryption}.test.ts", "test/scenario/{backup-*,schedule}.test.ts"];

/** What survives a kill, a full disk, a turned bit, the loss of a server. */
const faults = ["test/scenario/{faults-*,disaster}.test.ts"];

/** Tests of a stack that is watched, with many servers in it. */
const watching = [
  "test/scenario/{monitoring-*,alerts-*,logs-loki,logs-elk,dashboards,exporters,status-alerts,watch}.test.ts",
];

/** Servers of the catalogue that take long to start, each in a stack of its own. */
const catalogue = [
  "test/scenario/{data-rabbitmq,data-kafka,data-seaweedfs,data-garage,data-nginx,data-pgbouncer,redis-sentinel}.test.ts",
];

/** A file for each core; more of them make the cores late for tests that strike at a moment, and none of them ready sooner. */
const parallel = { maxWorkers: availableParallelism() };

/** On a real engine. */
const onEngine = { testTimeout: 300_000, hookTimeout: 300_000, ...parallel };

/** Text files that the bundle carries as strings are read as strings here too. */
export default defineConfig({
  test: {
    reporters: ["default"],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts", "test/architecture.test.ts"],
          testTimeout: 20_000,
          ...parallel,
        },
      },
      { test: { name: "golden", include: ["test/golden/**/*.test.ts"], testTimeout: 60_000, ...parallel } },
      {
        test: {
          name: "engine",
          include: ["test/contract/**/*.test.ts", "test/scenario/**/*.test.ts"],
          exclude: [...configDefaults.exclude, ...backups, ...faults, ...watching, ...catalogue],
          ...onEngine,
        },
      },
      { test: { name: "backups", include: backups, ...onEngine } },
      { test: { name: "faults", include: faults, ...onEngine } },
      { test: { name: "watching", include: watching, ...onEngine } },
      { test: { name: "catalogue", include: catalogue, ...onEngine } },
    ],
  },
});

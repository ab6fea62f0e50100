import type { SnapshotType } from "../../snapshots/manifest.ts";
import type { PartsJob, SourceKind } from "./kinds.ts";
import { type PostgresSource, produceBase } from "./postgres-base.ts";
import { checkBase } from "./postgres-base-check.ts";
import { checkDump, loadDump, produceDump } from "./postgres-dump.ts";
import { loadBase } from "./postgres-load.ts";

/**
 * A Postgres server: a physical copy with every full run, from which the log leads on to any later moment (wal-ship.ts
 * keeps it coming), and logical dumps for single databases and other versions. What changed is the log's business.
 */
export const postgresKind: SourceKind<PostgresSource> = {
  plan: (lane) => (lane === "full" ? ["base"] : lane === "dump" ? ["dump"] : []),
  produce: (job) => (job.type === "dump" ? produceDump(job) : produceBase(job)),
  check: (job) => (typeOf(job) === "dump" ? checkDump(job) : checkBase(job)),
  load: (job) => (typeOf(job) === "dump" ? loadDump(job) : loadBase(job)),
};

function typeOf({ chain }: PartsJob<PostgresSource>): SnapshotType | undefined {
  return chain.at(-1)?.manifest.type;
}

import { StackError } from "../../support/errors.ts";
import type { Checked, Loaded, LoadJob, PartsJob, Produced, ProduceJob } from "./kinds.ts";
import type { PostgresSource } from "./postgres-base.ts";

/** Logical copies of all databases. */
export async function produceDump(_job: ProduceJob<PostgresSource>): Promise<Produced> {
  throw notYet();
}

/** Looks at the dumps with the server's own program. */
export async function checkDump(_job: PartsJob<PostgresSource>): Promise<Checked> {
  throw notYet();
}

/** Fills a new server with the dumps. */
export async function loadDump(_job: LoadJob<PostgresSource>): Promise<Loaded> {
  throw notYet();
}

function notYet(): StackError {
  return new StackError({
    code: "no-dumps",
    exit: "backupFailed",
    message: "Logical dumps of Postgres are not supported",
  });
}

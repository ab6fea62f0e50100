import { StackError } from "../../support/errors.ts";
import { liveService } from "../backup/live-service.ts";
import { execIn, type PostgresSource } from "../backup/postgres-client.ts";
import type { Context } from "../context.ts";
import { databaseNames } from "./postgres-rename.ts";

/** One database that is to be brought back, under its own name or another one. */
export interface WantedDatabase {
  database: string;
  into?: string;
}

/** Asks the live server whether the database can be brought back as it is wanted, before anything is fetched for it. */
export async function checkDatabase(context: Context, source: PostgresSource, wanted: WantedDatabase): Promise<void> {
  const exec = execIn(context, await liveService(context, source.service));
  refuseDatabase(source, wanted, await databaseNames(exec, source));
}

/** `there`: names of the server's databases. */
export function refuseDatabase(source: PostgresSource, { database, into }: WantedDatabase, there: readonly string[]) {
  if (into !== undefined && there.includes(into))
    throw invalid(
      "database-exists",
      `${source.name} has a database "${into}" already`,
      "choose another name: --into NAME",
    );
  if (into === undefined && database === "postgres")
    throw invalid(
      "database-in-use",
      "The database postgres cannot be replaced: the server itself uses it",
      "--into NAME",
    );
}

function invalid(code: string, message: string, hint: string): StackError {
  return new StackError({ code, exit: "invalidInput", message, hint });
}

import { type SecretText, secret, secretText } from "../../stack/secret-text.ts";
import type { Connection } from "../component.ts";
import { withPrefix } from "../prefix.ts";
import type { Database, DatabaseUse } from "./databases.ts";
import { namesOf } from "./services.ts";

/**
 * What each app is told. Its first database has the names that every library knows (`DATABASE_URL`, `PGHOST`); further
 * ones have their own name in front: `REPORTS_DATABASE_URL`.
 */
export function connectionsOf(key: string, databases: readonly Database[], uses: readonly DatabaseUse[]): Connection[] {
  return uses.flatMap((use, index) => {
    const database = databases.find((candidate) => candidate.name === use.database);
    if (database === undefined) return [];
    const first = uses.findIndex((other) => other.app === use.app) === index;
    return {
      app: use.app,
      from: key,
      ...(use.part !== undefined && { part: use.part }),
      variables: withPrefix([use.further && key, first ? undefined : database.name], variablesOf(key, database)),
      network: key,
      dependsOn: [
        { service: key, condition: "service_healthy" as const },
        { service: namesOf(key).setup, condition: "service_completed_successfully" as const },
      ],
      postgres: { service: key, database: database.name, user: database.name },
    };
  });
}

function variablesOf(key: string, database: Database): Record<string, SecretText> {
  const { name } = database;
  return {
    // Go's lib/pq insists on TLS unless told otherwise; on the stack's internal network there is none.
    DATABASE_URL: secretText`postgresql://${name}:${secret(database.secret, "uri")}@${key}:5432/${name}?sslmode=disable`,
    PGSSLMODE: secretText`disable`,
    PGHOST: secretText`${key}`,
    PGPORT: secretText`5432`,
    PGDATABASE: secretText`${name}`,
    PGUSER: secretText`${name}`,
    PGPASSWORD: secretText`${secret(database.secret)}`,
  };
}

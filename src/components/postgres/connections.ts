import { type SecretText, secret, secretText } from "../../stack/secret-text.ts";
import type { Connection } from "../component.ts";
import { withPrefix } from "../prefix.ts";
import type { Database, DatabaseUse } from "./databases.ts";
import type { Pooler } from "./pooler.ts";
import { namesOf } from "./services.ts";

/**
 * What each app is told. Its first database has the names that every library knows (`DATABASE_URL`, `PGHOST`); further
 * ones have their own name in front: `REPORTS_DATABASE_URL`.
 */
export function connectionsOf(
  key: string,
  databases: readonly Database[],
  uses: readonly DatabaseUse[],
  pooler?: Pick<Pooler, "uses">,
): Connection[] {
  const names = namesOf(key);
  return uses.flatMap((use, index) => {
    const database = databases.find((candidate) => candidate.name === use.database);
    if (database === undefined) return [];
    const first = uses.findIndex((other) => other.app === use.app) === index;
    const prefix = [use.further && key, first ? undefined : database.name];
    const pooled = pooler?.uses.includes(use) === true;
    return {
      app: use.app,
      from: key,
      ...(use.part !== undefined && { part: use.part }),
      variables: withPrefix(prefix, {
        ...variablesOf(pooled ? names.pooler : key, database),
        ...(pooler && { DATABASE_DIRECT_URL: urlOf(key, database) }),
      }),
      // Migrations lock and set up things for a whole session, which a shared connection does not keep.
      ...(pooled && { direct: withPrefix(prefix, variablesOf(key, database)) }),
      network: key,
      dependsOn: [
        { service: key, condition: "service_healthy" as const },
        { service: names.setup, condition: "service_completed_successfully" as const },
        ...(pooled ? [{ service: names.pooler, condition: "service_healthy" as const }] : []),
      ],
      postgres: { service: key, database: database.name, user: database.name },
    };
  });
}

/** Go's lib/pq insists on TLS unless told otherwise; on the stack's internal network there is none. */
function urlOf(host: string, { name, secret: password }: Database): SecretText {
  return secretText`postgresql://${name}:${secret(password, "uri")}@${host}:5432/${name}?sslmode=disable`;
}

function variablesOf(host: string, database: Database): Record<string, SecretText> {
  const { name } = database;
  return {
    DATABASE_URL: urlOf(host, database),
    PGSSLMODE: secretText`disable`,
    PGHOST: secretText`${host}`,
    PGPORT: secretText`5432`,
    PGDATABASE: secretText`${name}`,
    PGUSER: secretText`${name}`,
    PGPASSWORD: secretText`${secret(database.secret)}`,
  };
}

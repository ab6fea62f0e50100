import { type SecretText, secret, secretText } from "../../stack/secret-text.ts";
import { appConnections } from "../app-users.ts";
import type { Connection } from "../component.ts";
import { namesOf } from "./services.ts";
import type { DatabaseUser } from "./users.ts";

/** What each app is told. */
export function connectionsOf(key: string, users: readonly DatabaseUser[]): Connection[] {
  return appConnections(key, users, (user) => variablesOf(key, user), [
    { service: key, condition: "service_healthy" },
    { service: namesOf(key).setup, condition: "service_completed_successfully" },
  ]);
}

function variablesOf(key: string, { name, database, secret: password }: DatabaseUser): Record<string, SecretText> {
  return {
    // Direct: the set has this one member, which knows itself by an address that only it can reach.
    MONGODB_URL: secretText`mongodb://${name}:${secret(password, "uri")}@${key}:27017/${database}?authSource=admin&directConnection=true`,
    MONGODB_HOST: secretText`${key}`,
    MONGODB_PORT: secretText`27017`,
    MONGODB_DATABASE: secretText`${database}`,
    MONGODB_USERNAME: secretText`${name}`,
    MONGODB_PASSWORD: secretText`${secret(password)}`,
    MONGODB_AUTH_SOURCE: secretText`admin`,
  };
}

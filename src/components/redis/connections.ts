import { type SecretText, secret, secretText } from "../../stack/secret-text.ts";
import type { Connection } from "../component.ts";
import { withPrefix } from "../prefix.ts";
import { namesOf } from "./services.ts";
import type { AppUser } from "./users.ts";

/** What each app is told. Its first login has the plain names, further ones their part in front: `SESSIONS_REDIS_URL`. */
export function connectionsOf(key: string, users: readonly AppUser[]): Connection[] {
  return users.map((user, index) => {
    const first = users.findIndex((other) => other.app === user.app) === index;
    return {
      app: user.app,
      from: key,
      ...(user.part !== undefined && { part: user.part }),
      variables: withPrefix([user.further && key, first ? undefined : (user.part ?? user.app)], variablesOf(key, user)),
      network: key,
      dependsOn: [
        { service: key, condition: "service_healthy" },
        { service: namesOf(key).setup, condition: "service_completed_successfully" },
      ],
    };
  });
}

function variablesOf(key: string, user: AppUser): Record<string, SecretText> {
  return {
    REDIS_URL: secretText`redis://${user.name}:${secret(user.secret, "uri")}@${key}:6379/0`,
    REDIS_HOST: secretText`${key}`,
    REDIS_PORT: secretText`6379`,
    REDIS_USERNAME: secretText`${user.name}`,
    REDIS_PASSWORD: secretText`${secret(user.secret)}`,
    ...(user.part !== undefined && { REDIS_PREFIX: secretText`${user.part}:` }),
  };
}

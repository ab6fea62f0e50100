import { type SecretText, secret, secretText } from "../../stack/secret-text.ts";
import { type AppUser, appConnections } from "../app-users.ts";
import type { Connection } from "../component.ts";
import type { RedisOptions } from "./options.ts";
import { type SentinelNames, sentinelNames, sentinelPort, serverPort } from "./sentinel-names.ts";
import { namesOf } from "./services.ts";

/** What each app is told of one server. Its first login has the plain names, further ones their part in front: `SESSIONS_REDIS_URL`. */
export function connectionsOf(key: string, users: readonly AppUser[]): Connection[] {
  return appConnections(key, users, (user) => variablesOf(key, user), [
    { service: key, condition: "service_healthy" },
    { service: namesOf(key).setup, condition: "service_completed_successfully" },
  ]);
}

/**
 * What each app is told where sentinels say who is the primary: whom to ask, under which name, and its login, which is the
 * same at servers and sentinels. With a proxy also the plain address of one that follows the primary.
 */
export function sentinelConnections(
  key: string,
  { proxy }: Pick<RedisOptions, "proxy">,
  users: readonly AppUser[],
): Connection[] {
  const names = sentinelNames(key);
  return appConnections(
    key,
    users,
    (user) => ({ ...sentinelVariables(names, user), ...(proxy && variablesOf(names.proxy, user)) }),
    [
      { service: names.setup, condition: "service_completed_successfully" },
      ...(proxy ? [{ service: names.proxy, condition: "service_healthy" as const }] : []),
    ],
  );
}

function variablesOf(host: string, user: AppUser): Record<string, SecretText> {
  return {
    REDIS_URL: secretText`redis://${user.name}:${secret(user.secret, "uri")}@${host}:${serverPort}/0`,
    REDIS_HOST: secretText`${host}`,
    REDIS_PORT: secretText`${serverPort}`,
    ...loginOf(user),
  };
}

/** The URL is the one of Python's redis-sentinel-url and others; clients differ, so the parts are there too. */
function sentinelVariables({ sentinels, master }: SentinelNames, user: AppUser): Record<string, SecretText> {
  const hosts = sentinels.map((name) => `${name}:${sentinelPort}`).join(",");
  return {
    REDIS_SENTINELS: secretText`${hosts}`,
    REDIS_MASTER_NAME: secretText`${master}`,
    REDIS_SENTINEL_URL: secretText`redis+sentinel://${user.name}:${secret(user.secret, "uri")}@${hosts}/${master}/0`,
    REDIS_SENTINEL_USERNAME: secretText`${user.name}`,
    REDIS_SENTINEL_PASSWORD: secretText`${secret(user.secret)}`,
    ...loginOf(user),
  };
}

function loginOf(user: AppUser): Record<string, SecretText> {
  return {
    REDIS_USERNAME: secretText`${user.name}`,
    REDIS_PASSWORD: secretText`${secret(user.secret)}`,
    ...(user.part !== undefined && { REDIS_PREFIX: secretText`${user.part}:` }),
  };
}

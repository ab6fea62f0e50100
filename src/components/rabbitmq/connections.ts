import { type SecretText, secret, secretText } from "../../stack/secret-text.ts";
import type { Connection } from "../component.ts";
import { withPrefix } from "../prefix.ts";
import { namesOf } from "./names.ts";
import type { AppUser } from "./vhosts.ts";

/** What each app is told. Its first virtual host has the plain names, further ones their own in front: `ORDERS_AMQP_URL`. */
export function connectionsOf(key: string, users: readonly AppUser[]): Connection[] {
  return users.flatMap((user) =>
    user.vhosts.map(({ name, part }, index) => ({
      app: user.app,
      from: key,
      ...(part !== undefined && { part }),
      variables: withPrefix([user.further && key, index === 0 ? undefined : name], variablesOf(key, user, name)),
      network: key,
      dependsOn: [
        { service: key, condition: "service_healthy" },
        { service: namesOf(key).setup, condition: "service_completed_successfully" },
      ],
    })),
  );
}

function variablesOf(key: string, { app, secret: password }: AppUser, vhost: string): Record<string, SecretText> {
  const url = secretText`amqp://${app}:${secret(password, "uri")}@${key}:5672/${vhost}`;
  return {
    AMQP_URL: url,
    RABBITMQ_URL: url,
    RABBITMQ_HOST: secretText`${key}`,
    RABBITMQ_PORT: secretText`5672`,
    RABBITMQ_USERNAME: secretText`${app}`,
    RABBITMQ_PASSWORD: secretText`${secret(password)}`,
    RABBITMQ_VHOST: secretText`${vhost}`,
  };
}

import { type SecretText, secret, secretText } from "../../stack/secret-text.ts";
import type { Connection } from "../component.ts";
import { withPrefix } from "../prefix.ts";
import { namesOf, ports } from "./services.ts";
import type { AppUser } from "./users.ts";

/** What each app is told; `listed`: the topics of stack.yaml. */
export function connectionsOf(key: string, users: readonly AppUser[], listed: readonly string[]): Connection[] {
  return users.map((user) => ({
    app: user.name,
    from: key,
    variables: withPrefix([user.further && key], variablesOf(key, user, listed)),
    network: key,
    dependsOn: [
      { service: key, condition: "service_healthy" },
      { service: namesOf(key).setup, condition: "service_completed_successfully" },
    ],
  }));
}

function variablesOf(key: string, user: AppUser, listed: readonly string[]): Record<string, SecretText> {
  const broker = `${key}:${ports.apps}`;
  const below = listed.filter((name) => user.prefixes.some((prefix) => name.startsWith(prefix)));
  const topics = [...new Set([...user.topics, ...below, ...user.own.filter((name) => !name.endsWith("."))])];
  return {
    KAFKA_BROKERS: secretText`${broker}`,
    KAFKA_URL: secretText`kafka://${user.name}:${secret(user.secret, "uri")}@${broker}`,
    KAFKA_USERNAME: secretText`${user.name}`,
    KAFKA_PASSWORD: secretText`${secret(user.secret)}`,
    KAFKA_SASL_MECHANISM: secretText`SCRAM-SHA-512`,
    KAFKA_SECURITY_PROTOCOL: secretText`SASL_PLAINTEXT`,
    KAFKA_GROUP_ID: secretText`${user.name}`,
    ...(topics.length > 0 && { KAFKA_TOPICS: secretText`${topics.join(",")}` }),
  };
}

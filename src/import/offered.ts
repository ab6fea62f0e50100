import type { Component, ComponentUse } from "../components/component.ts";
import { usualThresholds } from "../stack/monitoring.ts";
import { isPlain, plainText, type SecretText } from "../stack/secret-text.ts";

/** What a component of the new stack tells an app that uses it. */
export interface Offer {
  variables: Record<string, SecretText>;
  user?: string;
  /** Secret that holds the password. */
  password?: string;
  database?: string;
}

/** Asks the component itself, so that what is said here is what the generator does. Undefined: it offers no connection. */
export function offerOf(component: Component, section: unknown, key: string, app: string): Offer | undefined {
  const parsed = component.options.safeParse(section);
  if (!parsed.success) return undefined;
  const use: ComponentUse = {
    stack: "import",
    environment: "production",
    key,
    usedBy: [{ key: app }],
    monitored: false,
    notify: {},
    thresholds: usualThresholds,
    template: () => "",
  };
  const [connection] = component.contribute(parsed.data, use).connections ?? [];
  if (connection === undefined) return undefined;
  const entries = Object.entries(connection.variables);
  const plain = (pattern: RegExp) => {
    const text = entries.find(([variable, value]) => pattern.test(variable) && isPlain(value))?.[1];
    return text === undefined ? undefined : plainText(text);
  };
  const password = entries.map(([, text]) => onlySecret(text)).find((name) => name !== undefined);
  const user = plain(/(USER|USERNAME|ACCESS_KEY_ID)$/);
  const database = plain(/(DATABASE|_DB|BUCKET|VHOST)$/);
  return {
    variables: connection.variables,
    ...(user !== undefined && { user }),
    ...(password !== undefined && { password }),
    ...(database !== undefined && { database }),
  };
}

/** The secret that a text is nothing but. */
function onlySecret(text: SecretText): string | undefined {
  const [first] = text;
  return text.length === 1 && typeof first === "object" && first.encoding === "plain" ? first.secret : undefined;
}

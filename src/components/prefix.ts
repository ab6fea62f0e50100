import type { SecretText } from "../stack/secret-text.ts";

/**
 * Puts names in front of variables, so that an app can be told of several things of one kind: `reports` makes
 * `REPORTS_DATABASE_URL` of `DATABASE_URL`. What is undefined is left out.
 */
export function withPrefix(
  names: readonly (string | undefined)[],
  variables: Record<string, SecretText>,
): Record<string, SecretText> {
  const prefix = names.flatMap((name) =>
    name === undefined ? [] : [`${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_")}_`],
  );
  return Object.fromEntries(Object.entries(variables).map(([name, value]) => [`${prefix.join("")}${name}`, value]));
}

/**
 * How a secret's value is written into the text around it. `token`: not the value, but a JSON Web Token with these claims
 * that is signed with it (HS512). `rabbitmq`: the salted hash that RabbitMQ keeps.
 */
export type SecretEncoding =
  | "plain"
  | "uri"
  | "sha256"
  | "json"
  | "rabbitmq"
  | { token: Readonly<Record<string, string | number>> };

export interface SecretReference {
  secret: string;
  encoding: SecretEncoding;
}

/**
 * Text that names secrets without holding them. It stays data until the files under secrets/ are written, so that no
 * plan, log, model or generated file can show a value.
 */
export type SecretText = readonly (string | SecretReference)[];

/** A reference for use inside `secretText`; `uri` percent-encodes, `sha256` writes the hash in hex, `json` what stands between quotes. */
export function secret(name: string, encoding: SecretEncoding = "plain"): SecretReference {
  return { secret: name, encoding };
}

/** Template tag: ``secretText`postgresql://app:${secret("pg_app", "uri")}@postgres:5432/app` ``. */
export function secretText(
  strings: TemplateStringsArray,
  ...values: readonly (string | number | SecretReference | SecretText)[]
): SecretText {
  const parts: (string | SecretReference)[] = [];
  strings.forEach((text, index) => {
    if (text !== "") parts.push(text);
    const value = values[index];
    if (value === undefined) return;
    if (Array.isArray(value)) parts.push(...value);
    else if (typeof value === "object") parts.push(value as SecretReference);
    else parts.push(String(value));
  });
  return parts;
}

/** True where the text holds no secret and may stand in a generated file. */
export function isPlain(text: SecretText): boolean {
  return text.every((part) => typeof part === "string");
}

/** The text of plain parts; throws where a secret is inside, because it must not leave its file. */
export function plainText(text: SecretText): string {
  return text
    .map((part) => {
      if (typeof part === "string") return part;
      throw new Error(`secret "${part.secret}" in text that is to be plain`);
    })
    .join("");
}

/** Names of the secrets that the text refers to, each once. */
export function secretsIn(text: SecretText): string[] {
  return [...new Set(text.flatMap((part) => (typeof part === "string" ? [] : [part.secret])))];
}

import { join } from "node:path";
import type { StackModel } from "../stack/model.ts";
import { readIfExists } from "../support/files.ts";
import { type Redact, redactor } from "../support/redact.ts";

/**
 * Hides the values of this stack's secrets in text that comes out of containers. A safety net: what may be printed at
 * all is decided elsewhere. Values are read when the first text comes, and only the parts that others are composed of.
 */
export function redactorFor(directory: string, model: StackModel): Redact {
  let redact: Redact | undefined;
  return (text) => {
    redact ??= redactor(secretValues(directory, model));
    return redact(text);
  };
}

function secretValues(directory: string, model: StackModel): string[] {
  const folder = join(directory, "secrets");
  const names = model.secrets.flatMap((file) => {
    if (file.kind === "composed") return [];
    return file.kind === "certificate" ? [file.keyName, `${file.authorityName}.key`] : [file.name];
  });
  return names.map((name) => {
    try {
      return readIfExists(join(folder, name)) ?? "";
    } catch {
      // Who may not read a secret has not got it into any text either.
      return "";
    }
  });
}

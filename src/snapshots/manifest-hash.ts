import { createHash } from "node:crypto";

/**
 * The last line of a manifest but its brace: the SHA-256 of the text without that line, so that `grep` and `sha256sum`
 * can compare it as well.
 */
const shape = /^([\s\S]*\n) "sha256": "([0-9a-f]{64})"\n\}\n$/;

/** Adds to a document that `JSON.stringify(…, null, 1)` has printed the hash of its own text. */
export function withOwnHash(printed: string): string {
  const open = printed.replace(/\n\}\n?$/, ",\n");
  return `${open} "sha256": "${hashOf(open)}"\n}\n`;
}

/** Whether the text is what was written; `unknown` where it has no hash of its own: earlier versions wrote none. */
export function ownHash(text: string): "same" | "different" | "unknown" {
  const [, open, hash] = shape.exec(text) ?? [];
  if (open !== undefined) return hashOf(open) === hash ? "same" : "different";
  return hasTraces(text) ? "different" : "unknown";
}

function hashOf(open: string): string {
  return createHash("sha256").update(`${open}}\n`).digest("hex");
}

/** A hash whose name, or a name whose hash, has become another must not pass for a manifest that never had one. */
function hasTraces(text: string): boolean {
  const fields: unknown = JSON.parse(text);
  if (typeof fields !== "object" || fields === null) return false;
  return "sha256" in fields || Object.values(fields).some((value) => /^[0-9a-f]{64}$/.test(String(value)));
}

import { interpolate, withoutUnset } from "./interpolate.ts";

/** Variables of an env file as Compose reads it: `export`, quotes, comments, and variables of earlier lines. */
export function parseEnv(
  text: string,
  outer: Readonly<Record<string, string | undefined>> = {},
): Record<string, string> {
  const found: Record<string, string> = {};
  const lookUp = (name: string) => outer[name] ?? found[name];
  const line =
    /^[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*(?:=|:)[ \t]*('(?:[^'])*'|"(?:\\[\s\S]|[^"\\])*"|[^\n]*)/gm;
  for (const [, name = "", written = ""] of text.replaceAll("\r\n", "\n").matchAll(line))
    found[name] = unquoted(written.trim(), lookUp);
  return found;
}

function unquoted(written: string, lookUp: (name: string) => string | undefined): string {
  if (/^'[\s\S]*'$/.test(written) && written.length > 1) return written.slice(1, -1);
  const quoted = /^"[\s\S]*"$/.test(written) && written.length > 1;
  const inside = quoted
    ? written.slice(1, -1).replace(/\\([nrt"\\])/g, (_, letter: string) => escapes[letter] ?? letter)
    : written.replace(/(^|\s+)#.*$/, "").trim();
  return withoutUnset(interpolate(inside, lookUp).text);
}

const escapes: Record<string, string> = { n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\" };

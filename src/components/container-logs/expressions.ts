/** Paths under which servers usually say that they are well. */
const usualHealthPaths = ["/health", "/healthz", "/livez", "/readyz", "/ping", "/metrics"];

/**
 * Expressions of RE2 for access log lines that say nothing but that a health check went well: in the common format of web
 * servers, and in Traefik's JSON.
 */
export function accessLogNoise(healthPaths: readonly string[]): string[] {
  const paths = [...new Set([...usualHealthPaths, ...healthPaths.filter((path) => path !== "/")])].sort();
  const path = `(${paths.map((one) => one.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("|")})`;
  return [
    `"(GET|HEAD) ${path}(\\?[^ "]*)? HTTP/[0-9.]+" 2[0-9][0-9]\\b`,
    `"DownstreamStatus":2[0-9][0-9]\\b.*"RequestMethod":"(GET|HEAD)".*"RequestPath":"${path}"`,
  ];
}

/** An expression whose first group is the component that a service belongs to: services are named after theirs. */
export function componentExpression(keys: readonly string[]): string {
  // The longest first: `web-api` is a component of its own where there is one, not a service of `web`.
  const sorted = [...keys].sort((a, b) => b.length - a.length || (a < b ? -1 : 1));
  return `(${sorted.join("|")})(-.*)?`;
}

const levels: [level: string, said: string][] = [
  ["critical", "60|fatal|panic|emerg.*|alert|crit.*"],
  ["error", "50|err.*"],
  ["warn", "40|warn.*"],
  ["info", "30|info.*|notice|log"],
  ["debug", "20|10|debug|trace|verbose"],
];

/** A template of Go: one of five words, whatever a program calls its levels (pino's are numbers); otherwise nothing. */
export const levelTemplate = `{{ $said := ToLower .Value }}${levels
  .map(([level, said], index) => `{{ ${index === 0 ? "" : "else "}if regexMatch "^(${said})$" $said }}${level}`)
  .join("")}{{ end }}`;

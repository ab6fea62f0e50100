/** Names that stand for something else in a stack: networks, and words of other programs. */
const taken = new Set(["apps", "edge", "scrape", "alerts", "public", "default", "none", "host", "logs"]);

/** A key of stack.yaml for a name of a Compose file; `used` are those that are given away. */
export function keyFor(name: string, used: ReadonlySet<string>): string {
  return nameFor(name, new Set([...used, ...taken]));
}

/** A name that stack.yaml takes, with a number behind it where it is given away. */
export function nameFor(name: string, used: ReadonlySet<string>): string {
  const base =
    name
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, "-")
      .replace(/^[^a-z]+/, "")
      .slice(0, 40)
      .replace(/-+$/, "") || "service";
  if (!used.has(base)) return base;
  for (let count = 2; ; count += 1) if (!used.has(`${base}-${count}`)) return `${base}-${count}`;
}

/** Name of a file under secrets/ for a variable of a service. */
export function secretFileName(key: string, variable: string): string {
  return `${key}_${variable.toLowerCase()}`.replace(/[^A-Za-z0-9_.-]/g, "_").slice(0, 120);
}

/** `host` as a word of its own in an address, not as part of another name. */
export function mentionsHost(value: string, host: string): boolean {
  return hostPattern(host).test(value);
}

/** Every mention of a host under another name. */
export function renameHost(value: string, host: string, to: string): string {
  return host === to
    ? value
    : value.replace(new RegExp(hostPattern(host), "g"), (_, before: string) => `${before}${to}`);
}

/** As the host of an address: alone, before a port or a path, behind `//`, `@`, `,`, `(` or `=`. */
function hostPattern(host: string): RegExp {
  const literal = host.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`(^|//|@|[,;(= "'])${literal}(?=$|[:/,;) "'?])`);
}

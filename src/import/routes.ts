import { hostProblem } from "../stack/fields.ts";

export interface FoundRoutes {
  routes: (string | { host: string; path: string })[];
  port?: number;
  /** What labels say and routes cannot. */
  lost: string[];
}

/** Routes and port from Traefik's labels, of its second and third version and of its first. */
export function routesOf(labels: Readonly<Record<string, string>>): FoundRoutes {
  const found: FoundRoutes = { routes: [], lost: [] };
  if (labels["traefik.enable"] === "false") return found;
  for (const [label, value] of Object.entries(labels)) addLabel(found, label, value);
  return found;
}

function addLabel(found: FoundRoutes, label: string, value: string): void {
  const middleware = /^traefik\.http\.middlewares\.([^.]+)\.(?!redirect)([^.]+)/i.exec(label);
  if (/^traefik\.http\.routers\.[^.]+\.rule$/.test(label)) addRule(found, value);
  else if (/^traefik(\.\w+)?\.frontend\.rule$/.test(label)) addRule(found, ruleOfFirstVersion(value));
  else if (/^traefik\.http\.services\.[^.]+\.loadbalancer\.server\.port$|^traefik\.port$/i.test(label))
    addPort(found, Number(value));
  else if (middleware !== null) addLost(found, `the middleware ${middleware[1]} (${middleware[2]})`);
  else if (/^traefik\.(tcp|udp)\./.test(label)) addLost(found, "its TCP and UDP routes");
}

function addPort(found: FoundRoutes, port: number): void {
  if (Number.isInteger(port) && port > 0 && port < 65_536) found.port = port;
}

function addLost(found: FoundRoutes, what: string): void {
  if (!found.lost.includes(what)) found.lost.push(what);
}

/** `Host:a.example.com,b.example.com` of Traefik 1. */
function ruleOfFirstVersion(rule: string): string {
  return rule.replace(/Host:\s*([^;]+)/, (_, hosts: string) =>
    hosts
      .split(",")
      .map((host) => `Host(\`${host.trim()}\`)`)
      .join(" || "),
  );
}

function addRule(found: FoundRoutes, rule: string): void {
  for (const alternative of rule.split("||")) {
    const hosts = [...alternative.matchAll(/Host(?:SNI)?\(([^)]*)\)/g)].flatMap(([, list = ""]) =>
      list.split(",").map((host) =>
        host
          .trim()
          .replace(/^[`'"]|[`'"]$/g, "")
          .toLowerCase(),
      ),
    );
    const path = /PathPrefix\([`'"]([^`'"]+)[`'"]\)/.exec(alternative)?.[1];
    for (const host of hosts) {
      const problem = hostProblem(host);
      if (problem !== undefined) found.lost.push(`the route ${host} (${problem})`);
      else
        found.routes.push(
          path === undefined || path === "/"
            ? host
            : { host, path: path.replace(/[^A-Za-z0-9._~%+=@&?/-].*$/, "") || "/" },
        );
    }
    if (hosts.length === 0 || /HostRegexp|Headers?\(|Query\(|ClientIP\(|!/.test(alternative))
      found.lost.push(`a part of the rule ${alternative.trim()}`);
  }
}

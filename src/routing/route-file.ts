import { Document, isMap, isSeq, Scalar, visit } from "yaml";
import type { Route } from "../stack/model.ts";

/** One release of a service that takes a share of its requests. */
export interface RouteTarget {
  release: string;
  /** Names or addresses of its containers. */
  hosts: string[];
  /** Share among the releases of the service; 0 gets no new request. */
  weight: number;
}

/** Releases by service. A service that is not in it has one: whatever answers to its name. */
export type RouteTargets = Readonly<Record<string, readonly RouteTarget[]>>;

export interface RouteFile {
  /** Relative to the stack's directory. */
  path: string;
  content: string;
}

/** Folder of Traefik's dynamic files. Files in it that begin with an underscore are not about one service. */
export const routesFolder = "routes";

/** Stands in every file of ours, so that one that the user put beside them is not taken for it. */
export const madeHere = "Made by create-stack from stack.yaml and changed by its deploys";

/** Part of Traefik's dynamic configuration, as it stands in one service's file and as Traefik reports it. */
export interface RouteConfig {
  routers: Record<string, Router>;
  services: Record<string, TraefikService>;
}

export interface Router {
  entryPoints: string[];
  rule: string;
  /** Left to Traefik (the longer rule first) where all hosts are exact. */
  priority?: number;
  middlewares?: string[];
  service: string;
  tls?: { certResolver?: string; domains?: { main: string }[] };
}

export type TraefikService =
  | { loadBalancer: { servers: { url: string }[] } }
  | { weighted: { services: { name: string; weight?: number }[] } };

/** Traefik's dynamic files for these routes, one per service, in the order of their names. */
export function routeFiles(routes: readonly Route[], targets: RouteTargets = {}): RouteFile[] {
  return [...routeConfigs(routes, targets)].map(([service, config]) => ({
    path: `${routesFolder}/${service}.yml`,
    content: print(service, config),
  }));
}

/** The same as data, by service. */
export function routeConfigs(routes: readonly Route[], targets: RouteTargets = {}): Map<string, RouteConfig> {
  const byService = new Map<string, Route[]>();
  for (const route of [...routes].sort((a, b) => (a.service < b.service ? -1 : a.service > b.service ? 1 : 0)))
    byService.set(route.service, [...(byService.get(route.service) ?? []), route]);
  return new Map(
    [...byService].map(([service, itsRoutes]) => [service, configOf(service, itsRoutes, targets[service] ?? [])]),
  );
}

/**
 * Names within one service's file begin with the service's name and go on with a dot, which no service name has: so no
 * two files can define the same thing, of which Traefik would drop both.
 */
function configOf(service: string, routes: readonly Route[], targets: readonly RouteTarget[]): RouteConfig {
  const ports = [...new Set(routes.map((route) => route.port))];
  const nameOf = (port: number) => (ports.length === 1 ? service : `${service}.${port}`);
  const config: RouteConfig = { routers: {}, services: {} };
  routes.forEach((route, index) => {
    config.routers[index === 0 ? service : `${service}.${index + 1}`] = routerOf(route, nameOf(route.port));
  });
  for (const port of ports) Object.assign(config.services, servicesOf(nameOf(port), service, port, targets));
  return config;
}

function routerOf(route: Route, service: string): Router {
  const wildcard = route.host.startsWith("*.");
  return {
    entryPoints: [route.certificate === undefined ? "web" : "websecure"],
    rule: ruleOf(route),
    // Below every exact host, whose rule's length is its priority; among wildcards the deeper path first.
    ...(wildcard && { priority: segmentsOf(route.path).length + 1 }),
    ...(route.middlewares.length > 0 && { middlewares: [...route.middlewares] }),
    service,
    ...(route.certificate && { tls: tlsOf(route, wildcard) }),
  };
}

function tlsOf(route: Route, wildcard: boolean): NonNullable<Router["tls"]> {
  if (route.certificate?.kind !== "acme") return {};
  return { certResolver: route.certificate.resolver, ...(wildcard && { domains: [{ main: route.host }] }) };
}

function ruleOf(route: Route): string {
  const host = `Host(\`${route.host}\`)`;
  const segments = segmentsOf(route.path);
  if (segments.length === 0) return host;
  const path = `/${segments.join("/")}`;
  // Traefik compares letters, not segments: a bare PathPrefix of /api would take /apiary too.
  return `${host} && (Path(\`${path}\`) || PathPrefix(\`${path}/\`))`;
}

function segmentsOf(path: string): string[] {
  return path.split("/").filter((segment) => segment !== "");
}

function servicesOf(
  name: string,
  service: string,
  port: number,
  targets: readonly RouteTarget[],
): Record<string, TraefikService> {
  const balance = (hosts: readonly string[]): TraefikService => ({
    loadBalancer: { servers: hosts.map((host) => ({ url: `http://${host}:${port}` })) },
  });
  if (targets.length === 0) return { [name]: balance([service]) };
  const nameOf = (target: RouteTarget) => `${name}.${target.release}`;
  return {
    [name]: { weighted: { services: targets.map((target) => ({ name: nameOf(target), weight: target.weight })) } },
    ...Object.fromEntries(targets.map((target) => [nameOf(target), balance(target.hosts)])),
  };
}

function print(service: string, config: RouteConfig): string {
  const document = new Document({ http: config }, { aliasDuplicateObjects: false });
  document.commentBefore = [
    ` Public addresses of ${service}. Traefik reads this file again as soon as it changes.`,
    ` ${madeHere}; an edit by hand lasts until the next of these.`,
  ].join("\n");
  visit(document, (_, node) => {
    if (isSeq(node) && node.items.every((item) => item instanceof Scalar)) node.flow = true;
    else if (isMap(node) && (node.has("certResolver") || node.has("weight") || node.items.length === 0))
      node.flow = true;
  });
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}

import { isDeepStrictEqual } from "node:util";
import type { RouteConfig, Router } from "./route-file.ts";
import type { LiveConfig } from "./traefik-api.ts";

const provider = "@file";

/** What the route files are to come to. */
export interface WantedRoutes {
  /** By service; undefined: the service has no route any more. */
  configs: ReadonlyMap<string, RouteConfig | undefined>;
}

export interface Difference {
  /** One line: what is not as wanted. */
  text: string;
  /** Traefik has read the new files and refuses them: waiting does not help. */
  final: boolean;
}

/**
 * How the live configuration differs from the wanted one; empty when it is live in full. What belongs to none of the
 * wanted services is left alone.
 */
export function differences({ configs }: WantedRoutes, live: LiveConfig): Difference[] {
  const routers = merged([...configs.values()].map((config) => config?.routers ?? {}));
  const services = merged([...configs.values()].map((config) => config?.services ?? {}));
  const gone = (names: Record<string, unknown>, wanted: Record<string, unknown>) =>
    Object.keys(names)
      .filter((name) => name.endsWith(provider))
      .map(bare)
      .filter((name) => configs.has(ownerOf(name)) && !Object.hasOwn(wanted, name));
  return [
    ...Object.entries(routers).flatMap(([name, router]) => ofRouter(name, router, live)),
    ...Object.entries(services).flatMap(([name, service]) => {
      const found = live.services[name + provider];
      if (found === undefined) return [pending(`service ${name} is not there`)];
      const same = isDeepStrictEqual(balance(found), balance(service));
      return same ? [] : [pending(`service ${name} is still the one before`)];
    }),
    ...gone(live.routers, routers).map((name) => pending(`route ${name} is still there`)),
    ...gone(live.services, services).map((name) => pending(`service ${name} is still there`)),
  ];
}

function ofRouter(name: string, wanted: Router, live: LiveConfig): Difference[] {
  const found = live.routers[name + provider];
  if (found === undefined) return [pending(`route ${name} is not there`)];
  const inFront = wanted.entryPoints.flatMap((entryPoint) => live.entryPoints[entryPoint] ?? []).map(bare);
  const same =
    found.rule === wanted.rule &&
    bare(found.service) === wanted.service &&
    isDeepStrictEqual((found.middlewares ?? []).map(bare), [...inFront, ...(wanted.middlewares ?? [])]) &&
    found.tls?.certResolver === wanted.tls?.certResolver;
  if (!same) return [pending(`route ${name} is still the one before`)];
  if (found.status === "enabled") return [];
  return [{ text: `route ${name} is ${found.status}: ${(found.error ?? []).join("; ")}`, final: true }];
}

function pending(text: string): Difference {
  return { text, final: false };
}

/** The part of a service that says where requests go; what Traefik adds of itself is left out. */
function balance(service: LiveConfig["services"][string]): unknown {
  if ("weighted" in service)
    return new Map(service.weighted.services.map(({ name, weight = 1 }) => [bare(name), weight]));
  if (!("loadBalancer" in service)) return undefined;
  return (service.loadBalancer.servers ?? []).map(({ url }) => url).sort();
}

/** Names of a service's parts go on with a dot, which no service name has. */
function ownerOf(name: string): string {
  return name.split(".")[0] ?? name;
}

function bare(name: string): string {
  return name.endsWith(provider) ? name.slice(0, -provider.length) : name;
}

function merged<Value>(parts: readonly Record<string, Value>[]): Record<string, Value> {
  return Object.assign({}, ...parts) as Record<string, Value>;
}

import { isDeepStrictEqual } from "node:util";
import type { RouteConfig, Router } from "./route-file.ts";
import type { LiveConfig } from "./traefik-api.ts";

const provider = "@file";

/**
 * How the live configuration differs from the wanted one, one line for each; empty when it is live in full. Names with
 * an underscore in front belong to no service and are left alone.
 */
export function differences(wanted: Iterable<RouteConfig>, live: LiveConfig): string[] {
  const configs = [...wanted];
  const routers = merged(configs.map((config) => config.routers));
  const services = merged(configs.map((config) => config.services));
  return [
    ...Object.entries(routers).flatMap(([name, router]) => differenceOfRouter(name, router, live)),
    ...Object.entries(services).flatMap(([name, service]) => {
      const found = live.services[name + provider];
      if (found === undefined) return [`service ${name} is not there`];
      return isDeepStrictEqual(balance(found), balance(service)) ? [] : [`service ${name} is still the one before`];
    }),
    ...left(live.routers, routers).map((name) => `route ${name} is still there`),
    ...left(live.services, services).map((name) => `service ${name} is still there`),
  ];
}

function differenceOfRouter(name: string, wanted: Router, live: LiveConfig): string[] {
  const found = live.routers[name + provider];
  if (found === undefined) return [`route ${name} is not there`];
  // An entry point's own middlewares stand in front of the router's.
  const middlewares = (found.middlewares ?? []).map(bare).slice(-(wanted.middlewares?.length ?? 0) || undefined);
  const same =
    found.rule === wanted.rule &&
    bare(found.service) === wanted.service &&
    (wanted.middlewares === undefined || isDeepStrictEqual(middlewares, wanted.middlewares)) &&
    found.tls?.certResolver === wanted.tls?.certResolver;
  if (!same) return [`route ${name} is still the one before`];
  if (found.status === "enabled") return [];
  return [`route ${name} is ${found.status}: ${(found.error ?? []).join("; ")}`];
}

/** The part of a service that says where requests go; what Traefik adds of itself is left out. */
function balance(service: LiveConfig["services"][string]): unknown {
  if ("weighted" in service) {
    const shares = service.weighted.services.map(({ name, weight }) => [bare(name), weight]);
    return shares.sort();
  }
  return service.loadBalancer.servers.map(({ url }) => url).sort();
}

function left(live: Record<string, unknown>, wanted: Record<string, unknown>): string[] {
  return Object.keys(live)
    .filter((name) => name.endsWith(provider) && !name.startsWith("_"))
    .map(bare)
    .filter((name) => !(name in wanted));
}

function bare(name: string): string {
  return name.endsWith(provider) ? name.slice(0, -provider.length) : name;
}

function merged<Value>(parts: readonly Record<string, Value>[]): Record<string, Value> {
  return Object.assign({}, ...parts) as Record<string, Value>;
}

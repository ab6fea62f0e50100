import type { Route } from "../../stack/model.ts";

/** A public address, as blackbox asks for it. */
export interface ProbedRoute {
  component: string;
  service: string;
  host: string;
  /** For people: `https://shop.example.com/api`. */
  url: string;
  /** Traefik inside the stack, with the route's path. */
  target: string;
  /** Where the certificate is looked at; false for plain HTTP. */
  tls: string | false;
  module: "route" | "route_own_authority";
}

/**
 * The routes that can be asked for. A wildcard stands for names that only the app knows. The path's trailing slash
 * is the route's own; one host with several paths has one certificate, which is looked at once.
 */
export function probedRoutes(
  routes: readonly Route[],
  edge: string,
  componentOf: (service: string) => string,
): ProbedRoute[] {
  const hosts = new Set<string>();
  return routes
    .filter(({ host }) => !host.startsWith("*."))
    .map(({ service, host, path, certificate }) => {
      const scheme = certificate === undefined ? "http" : "https";
      const first = !hosts.has(host);
      hosts.add(host);
      return {
        component: componentOf(service),
        service,
        host,
        url: `${scheme}://${host}${path}`,
        target: `${scheme}://${edge}${path}`,
        tls: certificate !== undefined && first && `${edge}:443`,
        module: certificate?.kind === "local" ? "route_own_authority" : "route",
      };
    });
}

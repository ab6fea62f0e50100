import { hostProblem } from "../../stack/fields.ts";
import { pathText } from "../../stack/issues.ts";
import type { Route } from "../../stack/model.ts";
import type { ContributionOf, OptionProblem, RouteNeeds } from "../component.ts";
import { certificateOf } from "./certificates.ts";
import type { TraefikOptions } from "./options.ts";

/** A wanted route and the component that wants it. */
export interface WantedRoute extends RouteNeeds {
  component: string;
}

export function wantedRoutes(all: readonly ContributionOf[]): WantedRoute[] {
  return all.flatMap(({ key, contribution }) =>
    (contribution.routeNeeds ?? []).map((needs) => ({ ...needs, component: key })),
  );
}

export function finishRoute(wanted: WantedRoute, options: TraefikOptions): Route {
  const certificate = certificateOf(wanted.host, options);
  return {
    service: wanted.service,
    host: wanted.host,
    path: wanted.path,
    port: wanted.port,
    middlewares: middlewaresOf(wanted, certificate, options),
    certificate,
  };
}

/** Middlewares of one route beyond `headers`, which the entry point gives to all. They are defined in routes/_common.yml. */
function middlewaresOf(wanted: RouteNeeds, certificate: Route["certificate"], options: TraefikOptions): string[] {
  const uploads = wanted.uploads === true;
  const names = [
    // A browser that remembers it for a local name could never again be told to go on without a trusted certificate.
    options.hsts !== false && certificate?.kind !== "local" && "hsts",
    options.rateLimit !== false && !uploads && "rate-limit",
    // An object's bytes and length must arrive as they were stored.
    !uploads && "compress",
    options.maxBody !== undefined && !uploads && "body-limit",
  ];
  return names.filter((name) => name !== false);
}

/** What a URL's path is made of; neither a backtick nor a brace, which mean something in Traefik's files. */
const pathShape = /^\/[\w~!$&'()*+,;=:@%./-]*$/;

/** What is wrong with the routes of all components together; each told where its component says it. */
export function checkRoutes(wanted: readonly WantedRoute[], options: TraefikOptions): OptionProblem[] {
  const problems: OptionProblem[] = [];
  const owners = new Map<string, WantedRoute>();
  for (const route of wanted) {
    const place = { component: route.component, path: route.at };
    const wrong = hostProblem(route.host);
    if (wrong !== undefined) problems.push({ ...place, message: wrong });
    if (!pathShape.test(route.path))
      problems.push({
        ...place,
        message: `"${route.path}" is not a path that a URL can have`,
        hint: "write it as it stands in the address bar: letters, digits, - . _ ~ / and %20 and the like",
      });
    const address = `${route.host}${route.path.replace(/\/+$/, "")}`;
    const owner = owners.get(address);
    if (owner !== undefined) problems.push({ ...place, ...twice(address, route, owner) });
    else owners.set(address, route);
    if (route.host.startsWith("*.") && options.acme && options.acme.challenge !== "dns")
      problems.push({
        ...place,
        message: `${route.host} is a wildcard, which the ${options.acme.challenge} challenge cannot prove`,
        hint: "write each host by its name, or use acme: { challenge: dns, provider: … } in traefik",
      });
  }
  return [...problems, ...checkDashboard(owners, options)];
}

function twice(address: string, route: WantedRoute, owner: WantedRoute): { message: string; hint: string } {
  const said = (of: WantedRoute) => pathText(["components", of.component, ...of.at]);
  return {
    message: `the address ${address} is taken twice: here and in ${said(owner)}`,
    hint:
      route.component === owner.component
        ? "remove one of them"
        : `give ${route.component} or ${owner.component} another host, or a path: { host: ${route.host}, path: /${route.component} }`,
  };
}

function checkDashboard(owners: ReadonlyMap<string, WantedRoute>, options: TraefikOptions): OptionProblem[] {
  const { dashboard } = options;
  const owner = dashboard && owners.get(dashboard.host);
  if (!dashboard || !owner) return [];
  return [
    {
      path: ["dashboard", "host"],
      message: `the address ${dashboard.host} is taken by ${owner.component}`,
      hint: "give the dashboard a host of its own",
    },
  ];
}

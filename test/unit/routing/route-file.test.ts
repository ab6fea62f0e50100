import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { type RouteConfig, type RouteTargets, routeFiles } from "../../../src/routing/route-file.ts";
import type { Route } from "../../../src/stack/model.ts";

const route = (more: Partial<Route> = {}): Route => ({
  service: "web",
  host: "shop.example.com",
  path: "/",
  port: 3000,
  middlewares: [],
  certificate: { kind: "acme", resolver: "acme" },
  ...more,
});

/** What the file of one service says, read as Traefik reads it. */
function configOf(routes: Route[], service = "web", targets?: RouteTargets): RouteConfig {
  const file = routeFiles(routes, targets).find(({ path }) => path === `routes/${service}.yml`);
  return parse(file?.content ?? "").http as RouteConfig;
}

const ruleOf = (more: Partial<Route>) => configOf([route(more)]).routers.web?.rule;

test("one service with one address reads as what it is", () => {
  expect(routeFiles([route({ middlewares: ["hsts", "compress"] })])).toEqual([
    {
      path: "routes/web.yml",
      content: `# Public addresses of web. Traefik reads this file again as soon as it changes.
# Made by create-stack from stack.yaml and changed by its deploys; an edit by hand lasts until the next of these.

http:
  routers:
    web:
      entryPoints: [ websecure ]
      rule: Host(\`shop.example.com\`)
      middlewares: [ hsts, compress ]
      service: web
      tls: { certResolver: acme }
  services:
    web:
      loadBalancer:
        servers:
          - url: http://web:3000
`,
    },
  ]);
});

test("each service has a file of its own, in the order of names whatever the order of routes", () => {
  const routes = [route({ service: "web" }), route({ service: "api", path: "/api" }), route({ host: "b.example.com" })];
  expect(routeFiles(routes).map(({ path }) => path)).toEqual(["routes/api.yml", "routes/web.yml"]);
  expect(Object.keys(configOf(routes).routers)).toEqual(["web", "web.2"]);
});

describe("the rule", () => {
  test.each([
    [{ path: "/" }, "Host(`shop.example.com`)"],
    [{ path: "/api" }, "Host(`shop.example.com`) && (Path(`/api`) || PathPrefix(`/api/`))"],
    [{ path: "/api/" }, "Host(`shop.example.com`) && (Path(`/api`) || PathPrefix(`/api/`))"],
    [{ path: "/a/b" }, "Host(`shop.example.com`) && (Path(`/a/b`) || PathPrefix(`/a/b/`))"],
    [{ host: "*.example.com" }, "Host(`*.example.com`)"],
  ])("of %j", (more, rule) => expect(ruleOf(more)).toBe(rule));

  test("a wildcard comes after every exact host, the deeper path first", () => {
    const priorityOf = (more: Partial<Route>) => configOf([route(more)]).routers.web?.priority;
    const shortest = "Host(`a.b`)".length;
    expect(priorityOf({ host: "a.b" })).toBeUndefined();
    expect(priorityOf({ host: "*.a.b" })).toBe(1);
    expect(priorityOf({ host: "*.a.b", path: "/x/y" })).toBe(3);
    expect(priorityOf({ host: "*.a.b", path: "/x/y" })).toBeLessThan(shortest);
  });
});

describe("TLS", () => {
  const tlsOf = (more: Partial<Route>) => configOf([route(more)]).routers.web?.tls;
  test("with ACME it names the resolver, with a wildcard the domain too", () => {
    expect(tlsOf({})).toEqual({ certResolver: "acme" });
    expect(tlsOf({ host: "*.a.example" })).toEqual({ certResolver: "acme", domains: [{ main: "*.a.example" }] });
  });
  test("with files and local certificates the name decides", () => {
    expect(tlsOf({ certificate: { kind: "file" } })).toEqual({});
    expect(tlsOf({ certificate: { kind: "local" } })).toEqual({});
  });
});

test("a service with two ports has a balancer for each", () => {
  const config = configOf([route({ port: 9000 }), route({ port: 9001, host: "console.example.com" })]);
  expect(config.services).toEqual({
    "web.9000": { loadBalancer: { servers: [{ url: "http://web:9000" }] } },
    "web.9001": { loadBalancer: { servers: [{ url: "http://web:9001" }] } },
  });
  expect(config.routers["web.2"]?.service).toBe("web.9001");
});

test("releases share the requests by weight, each with the containers that it has", () => {
  const targets = {
    web: [
      { release: "r7", hosts: ["shop-web-1"], weight: 90 },
      { release: "r8", hosts: ["shop-web-2", "shop-web-3"], weight: 10 },
    ],
  };
  const config = configOf([route()], "web", targets);
  expect(config.routers.web?.service).toBe("web");
  expect(config.services).toEqual({
    web: {
      weighted: {
        services: [
          { name: "web.r7", weight: 90 },
          { name: "web.r8", weight: 10 },
        ],
      },
    },
    "web.r7": { loadBalancer: { servers: [{ url: "http://shop-web-1:3000" }] } },
    "web.r8": {
      loadBalancer: { servers: [{ url: "http://shop-web-2:3000" }, { url: "http://shop-web-3:3000" }] },
    },
  });
});

test("no two files define the same name", () => {
  const routes = [route(), route({ path: "/b", port: 4000 }), route({ service: "web-2", host: "c.example.com" })];
  const names = routeFiles(routes).flatMap(({ content }) => {
    const { routers, services } = parse(content).http as RouteConfig;
    return [...Object.keys(routers), ...Object.keys(services).map((name) => `service ${name}`)];
  });
  expect(new Set(names).size).toBe(names.length);
});

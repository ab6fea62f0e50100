import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { ContributionOf, RouteNeeds } from "../../../src/components/component.ts";
import { component } from "../../../src/components/traefik/index.ts";
import { componentUse } from "../../support/component-use.ts";

const _templates = new URL("../../../templates/", import.meta.url);
const use = componentUse("traefik");

const wants = (key: string, ...routes: Partial<RouteNeeds>[]): ContributionOf => ({
  key,
  type: "app",
  options: {},
  contribution: {
    routeNeeds: routes.map((route, index) => ({
      service: key,
      host: "shop.example.com",
      path: "/",
      port: 3000,
      at: ["routes", index],
      ...route,
    })),
  },
});

/** Everything that the component adds with these options (as in stack.yaml) among these others. */
function made(yaml = "{}", all: ContributionOf[] = [wants("web", {})]) {
  const options = component.options.parse(parse(yaml));
  const first = component.contribute(options, use);
  const second = component.collect?.(options, use, all) ?? {};
  const file = (path: string) => second.files?.find((candidate) => candidate.path === path)?.content ?? "";
  return {
    first,
    ...second,
    problems: [...(first.problems ?? []), ...(second.problems ?? [])],
    service: second.services?.find((service) => service.name === "traefik"),
    settings: parse(file("config/traefik/traefik.yml")),
    common: parse(file("routes/_common.yml")),
  };
}

const refusal = (yaml: string) => {
  const result = component.options.safeParse(parse(yaml));
  return result.success ? [] : result.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
};

const acme = "acme: { email: ops@example.com }";

describe("certificates", () => {
  const certificateOf = (yaml: string, host: string) => made(yaml, [wants("web", { host })]).routes?.[0]?.certificate;
  test.each([
    ["{}", "shop.example.com", { kind: "local" }],
    ["{}", "shop.localhost", { kind: "local" }],
    [`{ ${acme} }`, "shop.example.com", { kind: "acme", resolver: "acme" }],
    [`{ ${acme} }`, "shop.localhost", { kind: "local" }],
    [`{ ${acme} }`, "localhost", { kind: "local" }],
    [`{ ${acme} }`, "shop.notlocalhost", { kind: "acme", resolver: "acme" }],
    ["{ certificates: files }", "shop.example.com", { kind: "file" }],
    ["{ certificates: files }", "shop.localhost", { kind: "local" }],
  ])("with %s, %s gets %j", (yaml, host, certificate) => expect(certificateOf(yaml, host)).toEqual(certificate));

  test("local hosts share one certificate, sorted, each once, with the dashboard's", () => {
    const all = [wants("web", { host: "z.localhost" }, { host: "a.localhost" }, { host: "z.localhost", path: "/x" })];
    const { secrets, service, common } = made("{ dashboard: { host: t.localhost } }", all);
    expect(secrets?.find((file) => file.kind === "certificate")).toMatchObject({
      name: "local_certificate",
      keyName: "local_certificate_key",
      authorityName: "local_authority",
      hosts: ["a.localhost", "t.localhost", "z.localhost"],
    });
    expect(service?.secrets).toEqual(["local_certificate", "local_certificate_key", "traefik_users"]);
    expect(common.tls.certificates).toEqual([
      { certFile: "/run/secrets/local_certificate", keyFile: "/run/secrets/local_certificate_key" },
    ]);
  });

  test("the authority itself never reaches Traefik", () => {
    expect(made().service?.secrets).not.toContain("local_authority");
  });

  test("files are supplied by the user", () => {
    const { secrets, common } = made(
      "{ certificates: [{ certificate: a.pem, key: a.key }, { certificate: b.pem, key: b.key }] }",
    );
    expect(secrets?.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
      "a.pem supplied",
      "a.key supplied",
      "b.pem supplied",
      "b.key supplied",
    ]);
    expect(common.tls.certificates).toHaveLength(2);
  });
});

describe("ACME", () => {
  const resolverOf = (yaml: string) => made(yaml).settings.certificatesResolvers.acme.acme;
  test("http challenge at Let's Encrypt is the default", () => {
    expect(resolverOf(`{ ${acme} }`)).toEqual({
      email: "ops@example.com",
      caServer: "https://acme-v02.api.letsencrypt.org/directory",
      storage: "/acme/letsencrypt.json",
      keyType: "EC256",
      httpChallenge: { entryPoint: "web" },
    });
  });

  test("test certificates are kept apart from real ones", () => {
    const staging = resolverOf("{ acme: { email: ops@example.com, staging: true } }");
    expect(staging.caServer).toBe("https://acme-staging-v02.api.letsencrypt.org/directory");
    expect(staging.storage).toBe("/acme/letsencrypt-staging.json");
    const own = resolverOf(
      "{ acme: { email: a@b.cd, caServer: 'https://ca.example:14000/dir', caCertificate: ca.pem } }",
    );
    expect(own.storage).toBe("/acme/ca.example_14000.json");
    expect(own.caCertificates).toEqual(["/run/secrets/ca.pem"]);
  });

  test("tls challenge", () => {
    const resolver = resolverOf("{ acme: { email: a@b.cd, challenge: tls } }");
    expect(resolver.tlsChallenge).toEqual({});
    expect(resolver.httpChallenge).toBeUndefined();
  });

  test("dns challenge: the provider's variables point at secret files", () => {
    const { settings, service, secrets } = made(
      "{ acme: { email: a@b.cd, challenge: dns, provider: route53, env: { AWS_REGION: eu-central-1 }, secrets: { AWS_ACCESS_KEY_ID_FILE: aws_id, AWS_SECRET_ACCESS_KEY_FILE: aws_key } } }",
    );
    expect(settings.certificatesResolvers.acme.acme.dnsChallenge).toEqual({ provider: "route53" });
    expect(service?.environment).toEqual({
      AWS_REGION: "eu-central-1",
      AWS_ACCESS_KEY_ID_FILE: "/run/secrets/aws_id",
      AWS_SECRET_ACCESS_KEY_FILE: "/run/secrets/aws_key",
    });
    expect(service?.secrets).toEqual(["aws_id", "aws_key"]);
    expect(secrets?.map(({ kind }) => kind)).toEqual(["supplied", "supplied"]);
  });

  test("a provider that one token is enough for needs its name alone", () => {
    const { service, problems } = made("{ acme: { email: a@b.cd, challenge: dns, provider: cloudflare } }");
    expect(service?.environment).toEqual({ CF_DNS_API_TOKEN_FILE: "/run/secrets/cloudflare_token" });
    expect(problems).toEqual([]);
  });

  test("keeps its certificates in a volume that a set-up service hands over", () => {
    const { first, services, service } = made(`{ ${acme} }`);
    expect(first.volumes?.map(({ name }) => name)).toEqual(["traefik-acme"]);
    expect(first.dataSources?.map(({ volume }) => volume)).toEqual(["traefik-acme"]);
    expect(service?.dependsOn).toEqual([{ service: "traefik-setup", condition: "service_completed_successfully" }]);
    const setup = services?.find(({ name }) => name === "traefik-setup");
    expect(setup).toMatchObject({ class: "one-shot", command: ["chown", "65532:65532", "/acme"], networks: [] });
    expect(setup?.exceptions?.flatMap(({ capabilities = [] }) => capabilities)).toEqual(["CHOWN"]);
  });

  test("without ACME there is no volume and no set-up", () => {
    const { first, services } = made();
    expect(first.volumes).toBeUndefined();
    expect(services?.map(({ name }) => name)).toEqual(["traefik"]);
  });
});

describe("what is wrong", () => {
  const told = (yaml: string, all?: ContributionOf[]) =>
    made(yaml, all).problems.map(
      ({ component: owner = "traefik", path, message }) => `${[owner, ...path].join(".")}: ${message}`,
    );

  test("one address twice, with both places", () => {
    const all = [wants("web", { path: "/" }), wants("shop", { host: "x.example.com" }, { path: "/" })];
    expect(told("{}", all)).toEqual([
      "shop.routes.1: the address shop.example.com is taken twice: here and in components.web.routes[0]",
    ]);
  });

  test("one path twice, written differently", () => {
    const all = [wants("web", { path: "/api" }, { path: "/api/" })];
    expect(told("{}", all)).toEqual([
      "web.routes.1: the address shop.example.com/api is taken twice: here and in components.web.routes[0]",
    ]);
  });

  test.each([
    [[wants("web", { path: "/" }, { path: "/api" })]],
    [[wants("web", { host: "a.example.com" }), wants("shop", { host: "b.example.com" })]],
  ])("different addresses are fine", (all) => expect(told("{}", all)).toEqual([]));

  test("a wildcard that the challenge cannot prove", () => {
    const all = [wants("web", { host: "*.example.com" })];
    expect(told(`{ ${acme} }`, all)).toEqual([
      "web.routes.0: *.example.com is a wildcard, which the http challenge cannot prove",
    ]);
    expect(told("{ acme: { email: a@b.cd, challenge: dns, provider: cloudflare } }", all)).toEqual([]);
    expect(told("{}", all)).toEqual([]);
  });

  test("a host or path that cannot be", () => {
    const all = [wants("web", { host: "https://x.example.com" }, { path: "/`) || Host(`evil" })];
    expect(told("{}", all)).toEqual([
      'web.routes.0: expected a host name without "https://", such as app.example.com',
      'web.routes.1: "/`) || Host(`evil" is not a path that a URL can have',
    ]);
  });

  test.each([
    [
      "{ acme: { email: a@b.cd, challenge: dns } }",
      "traefik.acme.challenge: the dns challenge needs the provider that holds the domain's records",
    ],
    [
      "{ acme: { email: a@b.cd, challenge: dns, provider: route53 } }",
      "traefik.acme.provider: the DNS provider route53 needs its credentials",
    ],
    [
      "{ acme: { email: a@b.cd, provider: cloudflare } }",
      "traefik.acme.provider: provider is for the dns challenge, and the challenge is http",
    ],
    [
      `{ ${acme}, certificates: files }`,
      "traefik.certificates: certificates and acme both say where certificates come from",
    ],
    [
      "{ acme: { email: a@b.cd, staging: true, caServer: https://ca.example/dir } }",
      "traefik.acme.staging: staging is Let's Encrypt's test server, and caServer names another one",
    ],
    [
      "{ proxyProtocol: true }",
      "traefik.proxyProtocol: the PROXY protocol is taken from proxies whose addresses are known alone",
    ],
    [
      "{ proxyProtocol: true, trust: cloudflare }",
      "traefik.proxyProtocol: the PROXY protocol is taken from proxies whose addresses are known alone",
    ],
    [
      "{ dashboard: { host: shop.example.com } }",
      "traefik.dashboard.host: the address shop.example.com is taken by web",
    ],
  ])("%s", (yaml, problem) => expect(told(yaml)).toEqual([problem]));

  test.each([
    ["{ acme: { challenge: http } }", "acme.email: expected an email address"],
    ["{ acme: { email: ops } }", "acme.email: expected an email address such as ops@example.com"],
    [
      "{ trust: [10.0.0.0/33] }",
      "trust.0: expected an address or a range of addresses such as 10.0.0.0/8 or 2001:db8::/32",
    ],
    ["{ dashbord: {} }", ': Unrecognized key: "dashbord"'],
  ])("%s is refused by its type", (yaml, message) => expect(refusal(yaml)).toContain(message));
});

describe("middlewares of a route", () => {
  const middlewaresOf = (yaml: string, needs: Partial<RouteNeeds> = {}) =>
    made(yaml, [wants("web", needs)]).routes?.[0]?.middlewares;
  const local = { host: "shop.localhost" };
  test.each([
    [`{ ${acme} }`, {}, ["hsts", "rate-limit", "compress"]],
    [`{ ${acme}, hsts: false, rateLimit: false }`, {}, ["compress"]],
    [`{ ${acme}, maxBody: 10m }`, {}, ["hsts", "rate-limit", "compress", "body-limit"]],
    [`{ ${acme}, maxBody: 10m }`, { uploads: true }, ["hsts"]],
    ["{}", local, ["rate-limit", "compress"]],
  ])("%s %j", (yaml, needs, expected) => expect(middlewaresOf(yaml, needs)).toEqual(expected));

  test.each(["{}", "{ maxBody: 1m }", `{ ${acme}, hsts: { preload: true }, dashboard: { host: t.example.com } }`])(
    "every one that a route names is defined: %s",
    (yaml) => {
      const { routes = [], common, settings } = made(yaml);
      const defined = Object.keys(common.http.middlewares);
      for (const route of routes) expect(defined).toEqual(expect.arrayContaining(route.middlewares));
      for (const name of settings.entryPoints.websecure.http.middlewares)
        expect(defined).toContain(name.replace("@file", ""));
      for (const router of Object.values<{ middlewares?: string[] }>(common.http.routers))
        expect(defined).toEqual(expect.arrayContaining(router.middlewares ?? []));
    },
  );
});

describe("Traefik's settings", () => {
  test("the API, ping and metrics listen inside the container alone", () => {
    const { settings, common } = made("{ dashboard: { host: t.example.com } }");
    expect(settings.entryPoints.internal.address).toBe("127.0.0.1:8080");
    expect(settings.ping.entryPoint).toBe("internal");
    expect(settings.metrics.prometheus.entryPoint).toBe("internal");
    expect(settings.api.insecure).toBe(false);
    expect(common.http.routers._api.entryPoints).toEqual(["internal"]);
  });

  test("it sends nothing home and knows no provider but the files", () => {
    const { settings } = made();
    expect(settings.global).toEqual({ checkNewVersion: false, sendAnonymousUsage: false });
    expect(Object.keys(settings.providers)).toEqual(["providersThrottleDuration", "file"]);
  });

  test.each([
    [{}, "10m"],
    [{ uploads: true }, "6h"],
  ])("a request may take long to arrive, longest where objects are stored: %j", (needs, time) => {
    const { settings } = made("{}", [wants("web", needs)]);
    expect(settings.entryPoints.websecure.transport.respondingTimeouts).toMatchObject({
      readTimeout: time,
      writeTimeout: "0s",
    });
    expect(
      made("{ timeouts: { read: 30s } }", [wants("web", needs)]).settings.entryPoints.websecure.transport
        .respondingTimeouts.readTimeout,
    ).toBe("30s");
  });

  test("the redirect leads to the port that is published", () => {
    const redirectOf = (yaml: string) => made(yaml).settings.entryPoints.web.http.redirections.entryPoint.to;
    expect(redirectOf("{}")).toBe("websecure");
    expect(redirectOf("{ ports: { https: 18443 } }")).toBe(":18443");
  });

  test("nobody is trusted unless named; the named ones on both entry points, and skipped by the rate limit", () => {
    expect(made().settings.entryPoints.websecure.forwardedHeaders).toBeUndefined();
    const { settings, common } = made("{ trust: [10.0.0.0/8], proxyProtocol: true }");
    for (const name of ["web", "websecure"]) {
      expect(settings.entryPoints[name].forwardedHeaders).toEqual({ trustedIPs: ["10.0.0.0/8"] });
      expect(settings.entryPoints[name].proxyProtocol).toEqual({ trustedIPs: ["10.0.0.0/8"] });
    }
    expect(common.http.middlewares["rate-limit"].rateLimit.sourceCriterion).toEqual({
      ipStrategy: { excludedIPs: ["10.0.0.0/8"] },
    });
    expect(made("{ trust: cloudflare }").settings.entryPoints.websecure.forwardedHeaders.trustedIPs).toHaveLength(22);
  });

  test("the access log keeps neither headers nor query strings", () => {
    const { fields } = made().settings.accessLog;
    expect(fields.headers).toEqual({ defaultMode: "drop", names: { "User-Agent": "keep" } });
    expect(fields.queryParameters).toEqual({ defaultMode: "drop" });
  });

  test("http3 is published over UDP as well", () => {
    const { service, settings } = made("{ http3: true }");
    expect(service?.ports?.map(({ published, protocol }) => `${published}/${protocol}`)).toEqual([
      "80/tcp",
      "443/tcp",
      "443/udp",
    ]);
    expect(settings.entryPoints.websecure.http3).toEqual({ advertisedPort: 443 });
  });
});

describe("the dashboard", () => {
  test("is off by default", () => {
    const { settings, common, secrets } = made();
    expect(settings.api.dashboard).toBe(false);
    expect(common.http.routers._dashboard).toBeUndefined();
    expect(secrets?.some(({ name }) => name === "traefik_users")).toBe(false);
  });

  test("asks for a password of the user's own", () => {
    const { settings, common, secrets, service } = made(`{ ${acme}, dashboard: { host: t.example.com } }`);
    expect(settings.api.dashboard).toBe(true);
    expect(common.http.routers._dashboard).toEqual({
      entryPoints: ["websecure"],
      rule: "Host(`t.example.com`)",
      middlewares: ["hsts", "dashboard-users"],
      service: "api@internal",
      tls: { certResolver: "acme" },
    });
    expect(common.http.middlewares["dashboard-users"].basicAuth.usersFile).toBe("/run/secrets/traefik_users");
    expect(secrets?.find(({ name }) => name === "traefik_users")?.kind).toBe("supplied");
    expect(service?.secrets).toContain("traefik_users");
  });
});

test("it publishes on all addresses explicitly and mounts folders, never single files", () => {
  const { service } = made();
  expect(service?.ports?.map(({ host }) => host)).toEqual(["0.0.0.0", "0.0.0.0"]);
  const sources = service?.mounts?.map((mount) => (mount.kind === "bind" ? `${mount.source} ${mount.readOnly}` : ""));
  expect(sources).toEqual(["config/traefik true", "routes true"]);
});

test("each option says what it is for", () => {
  const missing: string[] = [];
  const look = (schema: { description?: string; shape?: Record<string, never>; _zod?: unknown }, path: string) => {
    for (const [key, value] of Object.entries(schema.shape ?? {})) {
      const inner = value as { description?: string };
      if (inner.description === undefined) missing.push(`${path}${key}`);
    }
  };
  look(component.options as never, "");
  expect(missing).toEqual([]);
});

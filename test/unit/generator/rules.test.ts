import { describe, expect, test } from "vitest";
import { appWith, catalogue, complaintsOf, stackOf } from "../../support/catalogue.ts";

const infrastructure = catalogue.components.flatMap(({ type }) => (type === "app" ? [] : [type])).join(", ");

/** What is wrong, the text of stack.yaml, and what its writer reads. */
type Row = [what: string, text: string, complaints: string];

describe("components that do not fit together are told with their place", () => {
  describe("uses", () => {
    test.each<Row>([
      [
        "a mistyped component",
        stackOf(`web: { type: app, image: foo/web:1, uses: [postgre] }
postgres: {}`),
        `3:46 web uses "postgre", which is not in this stack
  did you mean "postgres"?`,
      ],
      [
        "a component that is not there",
        appWith("uses: [postgres]"),
        `6:12 web uses "postgres", which is not in this stack
  add postgres: {} under components`,
      ],
      [
        "a component like none that is known",
        appWith("uses: [elasticsearch]"),
        `6:12 web uses "elasticsearch", which is not in this stack
  known: ${infrastructure}`,
      ],
      [
        "itself",
        appWith("uses: [web]"),
        `6:12 web uses itself
  remove it from uses`,
      ],
      [
        "the same twice",
        stackOf(`web: { type: app, image: foo/web:1, uses: [postgres, postgres] }
postgres: {}`),
        `3:56 web uses postgres twice
  keep one of them`,
      ],
      [
        "two parts of one are fine",
        stackOf(`web: { type: app, image: foo/web:1, uses: [postgres/a, postgres/b] }
postgres: {}`),
        "fine",
      ],
      [
        "a cycle of two",
        stackOf(`a: { type: app, image: foo/a:1, port: 1, uses: [b] }
b: { type: app, image: foo/b:1, port: 1, uses: [a] }`),
        `3:44 these components wait for each other: a -> b -> a
  remove one of the uses`,
      ],
      [
        "a cycle behind another",
        stackOf(`a: { type: app, image: foo/a:1, port: 1, uses: [b] }
b: { type: app, image: foo/b:1, port: 1, uses: [c] }
c:
  type: app
  image: foo/c:1
  port: 1
  uses: [b]`),
        `4:44 these components wait for each other: b -> c -> b
  remove one of the uses`,
      ],
      [
        "a diamond is fine",
        stackOf(`a: { type: app, image: foo/a:1, port: 1, uses: [b, c] }
b: { type: app, image: foo/b:1, port: 1, uses: [d] }
c: { type: app, image: foo/c:1, port: 1, uses: [d] }
d: { type: app, image: foo/d:1, port: 1 }`),
        "fine",
      ],
      [
        "a worker, which offers nothing",
        stackOf(`web: { type: app, image: foo/web:1, uses: [worker] }
worker: { type: app, image: foo/w:1 }`),
        `3:46 web uses worker, which offers nothing to connect to
  remove it from uses, or give it a port: if it is an app`,
      ],
      [
        "the proxy, which offers nothing",
        stackOf(`web: { type: app, image: foo/web:1, uses: [traefik] }
traefik: {}`),
        `3:46 web uses traefik, which offers nothing to connect to
  remove it from uses, or give it a port: if it is an app`,
      ],
      [
        "a part of an app",
        stackOf(`web: { type: app, image: foo/web:1, uses: [api/v1] }
api: { type: app, image: foo/api:1, port: 1 }`),
        `4:3 web uses api/v1, and an app has no parts
  write api there`,
      ],
      [
        "a database that is not listed",
        stackOf(`web: { type: app, image: foo/web:1, uses: [postgres/mian] }
postgres: { databases: [main, other] }`),
        `4:15 web uses postgres/mian, which is not among the databases
  did you mean "main"?`,
      ],
      [
        "one of several databases, without saying which",
        stackOf(`web: { type: app, image: foo/web:1, uses: [postgres] }
postgres: { databases: [main, other] }`),
        `4:15 web uses postgres without saying which database
  write postgres/main or postgres/other in the uses of web`,
      ],
      [
        "a bucket that is not listed",
        stackOf(`web: { type: app, image: foo/web:1, uses: [minio/uploda] }
minio: { buckets: [uploads] }`),
        `4:12 web uses minio/uploda, which is not among the buckets
  did you mean "uploads"?`,
      ],
      [
        "two that offer the same variables",
        stackOf(`web: { type: app, image: foo/web:1, uses: [one, one/two, two] }
one: { type: redis }
two: { type: redis }`),
        `3:39 one and two both give this app TWO_REDIS_URL, TWO_REDIS_HOST, TWO_REDIS_PORT, TWO_REDIS_USERNAME, TWO_REDIS_PASSWORD
  remove one from uses, or set these yourself under env`,
      ],
      [
        "two of which the app decides one variable",
        stackOf(`web: { type: app, image: foo/web:1, uses: [one, one/two, two], env: { TWO_REDIS_URL: mine } }
one: { type: redis }
two: { type: redis }`),
        `3:39 one and two both give this app TWO_REDIS_HOST, TWO_REDIS_PORT, TWO_REDIS_USERNAME, TWO_REDIS_PASSWORD
  remove one from uses, or set these yourself under env`,
      ],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });

  describe("routes", () => {
    test.each<Row>([
      [
        "without a proxy",
        appWith(`port: 1
routes: [shop.example.com]`),
        `7:14 web has the route shop.example.com, but nothing in this stack listens for it
  add traefik: {} under components`,
      ],
      [
        "without a port",
        stackOf(`traefik: {}
web: { type: app, image: foo/web:1, routes: [shop.example.com] }`),
        `4:39 routes need the port that the app listens on
  add port: 3000 (or whichever it is)`,
      ],
      [
        "one host in two apps",
        stackOf(`traefik: {}
a: { type: app, image: foo/a:1, port: 1, routes: [shop.example.com] }
b:
  type: app
  image: foo/b:1
  port: 1
  routes:
    - b.example.com
    - shop.example.com`),
        `11:9 the address shop.example.com is taken twice: here and in components.a.routes[0]
  give b or a another host, or a path: { host: shop.example.com, path: /b }`,
      ],
      [
        "one host twice in one app",
        stackOf(`traefik: {}
a: { type: app, image: foo/a:1, port: 1, routes: [shop.example.com, shop.example.com] }`),
        `4:71 the address shop.example.com is taken twice: here and in components.a.routes[0]
  remove one of them`,
      ],
      [
        "one host, one path in two apps",
        stackOf(`traefik: {}
a: { type: app, image: foo/a:1, port: 1, routes: [{ host: shop.example.com, path: /api }] }
b: { type: app, image: foo/b:1, port: 1, routes: [{ host: shop.example.com, path: /api }] }`),
        `5:53 the address shop.example.com/api is taken twice: here and in components.a.routes[0]
  give b or a another host, or a path: { host: shop.example.com, path: /b }`,
      ],
      [
        "one host, two paths are fine",
        stackOf(`traefik: {}
a: { type: app, image: foo/a:1, port: 1, routes: [shop.example.com] }
b: { type: app, image: foo/b:1, port: 1, routes: [{ host: shop.example.com, path: /api }] }`),
        "fine",
      ],
      [
        "the host of an object store in an app too",
        stackOf(`traefik: {}
minio: { host: s3.example.com }
a: { type: app, image: foo/a:1, port: 1, routes: [s3.example.com] }`),
        `5:53 the address s3.example.com is taken twice: here and in components.minio.host
  give a or minio another host, or a path: { host: s3.example.com, path: /a }`,
      ],
      [
        "the dashboard's host in an app too",
        stackOf(`traefik: { dashboard: { host: shop.example.com } }
a: { type: app, image: foo/a:1, port: 1, routes: [shop.example.com] }`),
        `3:33 the address shop.example.com is taken by a
  give the dashboard a host of its own`,
      ],
      [
        "a wildcard that the challenge cannot prove",
        stackOf(`traefik: { acme: { email: a@example.com } }
a: { type: app, image: foo/a:1, port: 1, routes: ['*.example.com'] }`),
        `4:53 *.example.com is a wildcard, which the http challenge cannot prove
  write each host by its name, or use acme: { challenge: dns, provider: … } in traefik`,
      ],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });

  describe("published ports", () => {
    test.each<Row>([
      [
        "two apps on one",
        stackOf(`a: { type: app, image: foo/a:1, publish: [{ port: 25, target: 25 }] }
b:
  type: app
  image: foo/b:1
  publish:
    - { port: 26, target: 25 }
    - { port: 25, target: 25 }`),
        `9:9 b publishes port 25/tcp, which a publishes too
  give one of them another port, or a route through Traefik instead`,
      ],
      [
        "an app on the proxy's",
        stackOf(`traefik: {}
a: { type: app, image: foo/a:1, publish: [{ port: 80, target: 80 }] }`),
        `4:45 a publishes port 80/tcp, which traefik publishes too
  give one of them another port, or a route through Traefik instead`,
      ],
      [
        "one app twice on one",
        appWith("publish: [{ port: 25, target: 25 }, { port: 25, target: 26 }]"),
        `6:41 web publishes port 25/tcp twice
  give one of them another port, or a route through Traefik instead`,
      ],
      [
        "two addresses of one port are fine",
        appWith("publish: [{ port: 25, target: 25 }, { port: 25, target: 25, host: 10.0.0.1 }]"),
        "fine",
      ],
      [
        "TCP and UDP of one port are fine",
        appWith("publish: [{ port: 53, target: 53 }, { port: 53, target: 53, protocol: udp }]"),
        "fine",
      ],
      [
        "every address and one of them",
        appWith("publish: [{ port: 25, target: 25 }, { port: 25, target: 25, host: 0.0.0.0 }]"),
        `6:41 web publishes port 25/tcp twice
  give one of them another port, or a route through Traefik instead`,
      ],
      [
        "the proxy twice on one",
        stackOf("traefik: { ports: { http: 80, https: 80 } }"),
        `3:3 traefik publishes port 80/tcp twice
  give one of them another port, or a route through Traefik instead`,
      ],
      [
        "with replicas",
        appWith(`publish: [{ port: 25, target: 25 }]
replicas: 2`),
        `6:5 replicas cannot share one published port
  set replicas: 1, or use routes instead of publish`,
      ],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });

  describe("names", () => {
    test.each<Row>([
      [
        "two proxies",
        stackOf(`traefik: {}
second: { type: traefik, ports: { http: 8080, https: 8443 } }`),
        `4:3 traefik and second both write routes/_common.yml: a stack can have one traefik
  remove one of them`,
      ],
      [
        "a component like a service of another",
        stackOf(`web: { type: app, image: foo/web:1, uses: [postgres] }
postgres: {}
postgres-setup: { type: app, image: foo/x:1 }`),
        `5:3 postgres and postgres-setup both make a service named postgres-setup
  rename one of them`,
      ],
      [
        "a component like a network of the stack",
        stackOf(`web: { type: app, image: foo/web:1 }
apps: { type: redis }`),
        `4:3 the name apps is needed for a network of the stack's own
  rename the component, for example to apps-db`,
      ],
      [
        "a component like the proxy's network",
        stackOf(`edge: { type: postgres }
traefik: {}`),
        `3:3 the name edge is needed for a network of the stack's own
  rename the component, for example to edge-db`,
      ],
      [
        "a service with too long a name",
        stackOf(
          "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww: { type: app, image: foo/web:1, migrate: [migrate] }",
        ),
        `3:3 wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww makes a service named wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww-migrate, which is longer than 63 letters
  give the component a shorter name`,
      ],
      [
        "two volumes of one name",
        appWith("volumes: [{ name: data, path: /a }, { name: data, path: /b }]"),
        `6:5 web names two volumes web-data
  rename one of them`,
      ],
      [
        "volumes of two apps with one name",
        stackOf(`a: { type: app, image: foo/a:1, volumes: [{ name: b-c, path: /x }] }
a-b: { type: app, image: foo/b:1, volumes: [{ name: c, path: /x }] }`),
        `4:3 a and a-b both make a volume named a-b-c
  rename one of them`,
      ],
      [
        "two things at one place",
        appWith(`volumes: [{ name: data, path: /data }]
writable: [/data/]`),
        `6:5 web mounts two things at /data
  choose another path`,
      ],
      [
        "something at /tmp",
        appWith("writable: [/tmp]"),
        `3:3 web mounts two things at /tmp
  /tmp is always there, in memory; remove yours`,
      ],
      [
        "something over everything",
        appWith("volumes: [{ name: data, path: / }]"),
        `6:5 web mounts something over its whole file system (/)
  choose another path`,
      ],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });

  describe("secrets", () => {
    test.each<Row>([
      [
        "that stand in env too",
        appWith(`env: { API_KEY: x }
secrets: { API_KEY: api_key }`),
        `7:25 API_KEY stands in env and in secrets
  remove one of them`,
      ],
      [
        "with the name of a file that is made",
        appWith("secrets: { API_KEY: web.env, OTHER: other }"),
        `6:5 secrets/web.env is written by the stack for web
  choose another name for the file`,
      ],
      [
        "with the name of a password that is made are fine",
        stackOf(`web: { type: app, image: foo/web:1, uses: [redis], secrets: { CACHE_PASSWORD: redis_web } }
redis: {}`),
        "fine",
      ],
      [
        "shared by two apps are fine",
        stackOf(`a: { type: app, image: foo/a:1, secrets: { SENTRY_DSN: sentry } }
b: { type: app, image: foo/b:1, secrets: { SENTRY_DSN: sentry } }`),
        "fine",
      ],
      [
        "made by two components under one name",
        stackOf(`local: { type: app, image: foo/a:1, connections: files, secrets: { CERTIFICATE: mine } }
b: { type: app, image: foo/b:1, port: 1, routes: [b.localhost] }
traefik: {}`),
        `5:3 local and traefik both make a secret named local_certificate
  rename one of them`,
      ],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });

  describe("a mail server on this server", () => {
    const mail = "notify:\n  email: { to: a@shop.example, smtp: 127.0.0.1:25 }\n";

    test("is not reached by an Alertmanager in a container", () => {
      expect(complaintsOf(`${stackOf("monitoring: {}")}${mail}`)).toBe(
        `5:38 alertmanager runs in a container, where 127.0.0.1 is that container and no mail server
  write the mail server's name, or this server's own address if the mail server listens on it`,
      );
    });

    test("is reached by the supervisor, which tells where there is no monitoring", () => {
      expect(complaintsOf(`${stackOf("redis: {}")}${mail}`)).toBe("fine");
    });
  });

  describe("memory that is too small", () => {
    test.each<Row>([
      [
        "for Postgres",
        stackOf("postgres: { limits: { memory: 64m } }"),
        "3:33 Postgres needs at least 128 MB of memory",
      ],
      ["for Redis", stackOf("redis: { limits: { memory: 8m } }"), "3:30 Redis needs at least 16 MB of memory"],
      [
        "for object storage",
        stackOf("minio: { limits: { memory: 64m } }"),
        "3:30 object storage needs at least 128 MB of memory",
      ],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });

  describe("options of one component", () => {
    test.each<Row>([
      [
        "a health path without a port",
        appWith("health: /health"),
        `6:13 a health path needs the port that the app listens on
  add port:, or use health: { exec: [command] }`,
      ],
      [
        "seed without migrate",
        appWith("seed: [seed]"),
        `6:5 seed runs after migrate, and there is no migrate
  add migrate: [your, command]`,
      ],
      [
        "a database listed twice",
        stackOf("postgres: { databases: [main, main] }"),
        `3:15 database "main" is listed twice
  remove one of them`,
      ],
      [
        "a bucket listed twice",
        stackOf("minio: { buckets: [uploads, uploads] }"),
        `3:12 bucket "uploads" is listed twice
  remove one of them`,
      ],
      [
        "a DNS challenge without a provider",
        stackOf("traefik: { acme: { email: a@example.com, challenge: dns } }"),
        `3:55 the dns challenge needs the provider that holds the domain's records
  add provider: cloudflare (or another of https://go-acme.github.io/lego/dns/)`,
      ],
      [
        "a provider without the DNS challenge",
        stackOf("traefik: { acme: { email: a@example.com, provider: cloudflare } }"),
        `3:54 provider is for the dns challenge, and the challenge is http
  write challenge: dns, or remove provider`,
      ],
      [
        "a provider without its secrets",
        stackOf("traefik: { acme: { email: a@example.com, challenge: dns, provider: route53 } }"),
        `3:70 the DNS provider route53 needs its credentials
  add secrets: { VARIABLE_FILE: file_under_secrets }; the variables: https://go-acme.github.io/lego/dns/route53/`,
      ],
      [
        "two sources of certificates",
        stackOf("traefik: { acme: { email: a@example.com }, certificates: files }"),
        `3:60 certificates and acme both say where certificates come from
  remove one of them; *.localhost gets a local certificate in any case`,
      ],
      [
        "the PROXY protocol of anybody",
        stackOf("traefik: { proxyProtocol: true }"),
        `3:29 the PROXY protocol is taken from proxies whose addresses are known alone
  list them: trust: [10.0.0.0/8]`,
      ],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });
});

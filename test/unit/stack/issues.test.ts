import { describe, expect, test } from "vitest";
import { appWith, complaintsOf, stackOf } from "../../support/catalogue.ts";

/** What is wrong, the text of stack.yaml, and what its writer reads. */
type Row = [what: string, text: string, complaints: string];

describe("a wrong value is told with what was expected", () => {
  describe("unknown keys, at every level", () => {
    test.each<Row>([
      [
        "of an app",
        appWith("prot: 3"),
        `6:5 components.web: unknown key "prot"
  did you mean "port"?`,
      ],
      [
        "two of them",
        appWith(`imgae: foo
envs: {}`),
        `6:5 components.web: unknown key "imgae"
  did you mean "image"?
7:5 components.web: unknown key "envs"
  did you mean "env"?`,
      ],
      [
        "of limits",
        appWith("limits: { mem: 3g }"),
        `6:15 components.web.limits: unknown key "mem"
  did you mean "memory"?`,
      ],
      [
        "of a route",
        appWith(`port: 1
routes: [{ hst: shop.example.com }]`),
        `7:16 components.web.routes[0]: unknown key "hst"
  did you mean "host"?`,
      ],
      [
        "of a volume",
        appWith("volumes: [{ name: data, path: /data, bakcup: live }]"),
        `6:42 components.web.volumes[0]: unknown key "bakcup"
  did you mean "backup"?`,
      ],
      [
        "of a published port",
        appWith("publish: [{ prot: 25, target: 25 }]"),
        `6:17 components.web.publish[0]: unknown key "prot"
  did you mean "port"?`,
      ],
      [
        "of a health check",
        appWith(`port: 1
health: { pth: /health }`),
        `7:15 components.web.health: unknown key "pth"
  did you mean "path"?`,
      ],
      [
        "of a migration",
        appWith("migrate: { comand: [migrate] }"),
        `6:16 components.web.migrate: unknown key "comand"
  did you mean "command"?`,
      ],
      [
        "of Postgres",
        stackOf("postgres: { verison: 17 }"),
        `3:15 components.postgres: unknown key "verison"
  did you mean "version"?`,
      ],
      [
        "of a database in a map",
        stackOf("postgres: { databases: { main: { ext: [citext] } } }"),
        `3:36 components.postgres.databases.main: unknown key "ext"
  did you mean "extensions"?`,
      ],
      [
        "of a database in a list",
        stackOf("postgres: { databases: [{ nam: main }] }"),
        `3:29 components.postgres.databases[0]: unknown key "nam"
  did you mean "name"?`,
      ],
      [
        "of Redis",
        stackOf("redis: { polcy: x }"),
        `3:12 components.redis: unknown key "polcy"
  known: mode, proxy, failoverAfter, image, profile, eviction, allow, queues, memory, limits, settings`,
      ],
      [
        "of a bucket",
        stackOf("minio: { buckets: [{ name: uploads, versionning: true }] }"),
        `3:39 components.minio.buckets[0]: unknown key "versionning"
  did you mean "versioning"?`,
      ],
      [
        "of ACME",
        stackOf("traefik: { acme: { email: a@example.com, chalenge: dns } }"),
        `3:44 components.traefik.acme: unknown key "chalenge"
  did you mean "challenge"?`,
      ],
      [
        "of HSTS",
        stackOf("traefik: { hsts: { maxage: 3d } }"),
        `3:22 components.traefik.hsts: unknown key "maxage"
  did you mean "maxAge"?`,
      ],
      [
        "of a certificate",
        stackOf("traefik: { certificates: [{ cert: a, key: b }] }"),
        `3:31 components.traefik.certificates[0]: unknown key "cert"
  did you mean "certificate"?`,
      ],
      [
        "like nothing that is known",
        stackOf("traefik: { websockets: true }"),
        `3:14 components.traefik: unknown key "websockets"
  known: acme, certificates, hsts, frames, rateLimit, maxBody, timeouts, encodedSlash, trust, proxyProtocol, dashboard, ports, http3, limits`,
      ],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });

  describe("keys that are missing", () => {
    test.each<Row>([
      [
        "the image of an app",
        stackOf("web: { type: app }"),
        "3:3 components.web.image is missing; expected an image such as ghcr.io/you/app:1.4.2",
      ],
      [
        "the path of a volume",
        appWith("volumes: [{ name: data }]"),
        "6:15 components.web.volumes[0].path is missing; expected a path in the container",
      ],
      [
        "the target of a published port",
        appWith("publish: [{ port: 25 }]"),
        "6:15 components.web.publish[0].target is missing; expected a port number",
      ],
      [
        "the email of ACME",
        stackOf("traefik: { acme: {} }"),
        "3:14 components.traefik.acme.email is missing; expected an email address",
      ],
      [
        "both numbers of a rate limit",
        stackOf("traefik: { rateLimit: {} }"),
        `3:14 components.traefik.rateLimit.average is missing; expected a number
3:14 components.traefik.rateLimit.burst is missing; expected a number`,
      ],
      [
        "the path of a health check",
        appWith(`port: 1
health: {}`),
        "7:5 components.web.health.path is missing; expected a path such as /health",
      ],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });

  describe("keys without a value", () => {
    test.each<Row>([
      [
        "image",
        stackOf("web: { type: app, image: }"),
        "3:21 components.web.image has no value; expected an image such as ghcr.io/you/app:1.4.2",
      ],
      ["port", appWith("port:"), "6:5 components.web.port has no value; expected a port number"],
      ["limits", appWith("limits:"), "6:5 components.web.limits has no value; expected a map"],
      [
        "health",
        appWith(`port: 1
health:`),
        "7:5 components.web.health has no value; expected a path such as /health, or a map",
      ],
      [
        "migrate",
        appWith("migrate:"),
        "6:5 components.web.migrate has no value; expected a list of words such as [npx, prisma, migrate, deploy], or a map",
      ],
      [
        "an environment variable",
        appWith("env: { A: }"),
        "6:12 components.web.env.A has no value; expected text, a number, or true or false",
      ],
      [
        "version",
        stackOf("postgres: { version: }"),
        "3:15 components.postgres.version has no value; expected one of 16, 17, 18",
      ],
      [
        "a route",
        appWith(`port: 1
routes: [~]`),
        "7:14 components.web.routes[0] has no value; expected a host name such as app.example.com, or a map",
      ],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });

  describe("values of another type", () => {
    test.each<Row>([
      ["text for a port", appWith("port: http"), `6:11 components.web.port: expected a port number, got "http"`],
      [
        "a port in quotes",
        appWith(`port: "3000"`),
        `6:11 components.web.port: expected a port number, got "3000"
  write 3000 without quotes`,
      ],
      ["a list for a port", appWith("port: [3000]"), "6:5 components.web.port: expected a port number"],
      [
        "a map for a port, on lines of its own",
        appWith(`port:
  http: 80`),
        "6:5 components.web.port: expected a port number",
      ],
      ["a fraction for a port", appWith("port: 3.5"), "6:11 components.web.port: expected a port number, got 3.5"],
      [
        "a map for an image",
        stackOf("web: { type: app, image: { name: foo } }"),
        "3:21 components.web.image: expected an image such as ghcr.io/you/app:1.4.2",
      ],
      ["text for limits", appWith("limits: 2g"), `6:13 components.web.limits: expected a map, got "2g"`],
      [
        "a number for memory",
        appWith("limits: { memory: 512 }"),
        "6:23 components.web.limits.memory: expected a size such as 512m or 4g, got 512",
      ],
      [
        "CPUs in quotes",
        appWith(`limits: { cpus: "2" }`),
        `6:21 components.web.limits.cpus: expected a number of CPUs such as 0.5 or 2, got "2"
  write 2 without quotes`,
      ],
      [
        "endless CPUs",
        appWith("limits: { cpus: .inf }"),
        "6:21 components.web.limits.cpus: expected a number of CPUs such as 0.5 or 2, got Infinity",
      ],
      [
        "a fraction of processes",
        appWith("limits: { pids: 1.5 }"),
        "6:21 components.web.limits.pids: expected a whole number, got 1.5",
      ],
      [
        "a number for a duration",
        appWith("stopGrace: 30"),
        "6:16 components.web.stopGrace: expected a duration such as 15s, 5m, 6h or 30d, got 30",
      ],
      [
        "a number for a user",
        appWith("user: 1000"),
        `6:11 components.web.user: expected a numeric user such as "1000:1000", got 1000`,
      ],
      ["a word for a number", appWith("replicas: many"), `6:15 components.web.replicas: expected a number, got "many"`],
      [
        "yes for true",
        appWith("writableRoot: yes"),
        `6:19 components.web.writableRoot: expected true or false, got "yes"`,
      ],
      ["text for a list", appWith("uses: postgres"), `6:11 components.web.uses: expected a list, got "postgres"`],
      [
        "text for a list of routes",
        appWith(`port: 1
routes: shop.example.com`),
        `7:13 components.web.routes: expected a list, got "shop.example.com"`,
      ],
      [
        "a map for a list",
        appWith(`port: 1
routes: { host: shop.example.com }`),
        "7:5 components.web.routes: expected a list",
      ],
      ["text for a map", appWith("env: A=1"), `6:10 components.web.env: expected a map, got "A=1"`],
      ["a list for a map", appWith("env: [A=1]"), "6:5 components.web.env: expected a map"],
      [
        "a list for a variable",
        appWith("env: { A: [1] }"),
        "6:12 components.web.env.A: expected text, a number, or true or false",
      ],
      [
        "text for a map in a list",
        appWith("publish: ['25:25']"),
        `6:15 components.web.publish[0]: expected a map, got "25:25"`,
      ],
      [
        "a number in a command",
        appWith("migrate: [npx, 3]"),
        "6:20 components.web.migrate[1]: expected a word (quote numbers), got 3",
      ],
      [
        "a number in uses",
        appWith("uses: [3]"),
        "6:12 components.web.uses[0]: expected the name of another component, such as postgres, got 3",
      ],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });

  describe("one of several forms", () => {
    test.each<Row>([
      [
        "a number for a health check",
        appWith(`port: 1
health: 3`),
        "7:13 components.web.health: expected a path such as /health, or a map, got 3",
      ],
      [
        "a list for a health check",
        appWith(`port: 1
health: [curl]`),
        "7:5 components.web.health: expected a path such as /health, or a map",
      ],
      [
        "text for exec",
        appWith("health: { exec: curl }"),
        `6:21 components.web.health.exec: expected a list of words such as [npx, prisma, migrate, deploy], got "curl"`,
      ],
      ["an empty exec", appWith("health: { exec: [] }"), "6:15 components.web.health.exec: expected at least one word"],
      [
        "path and exec at once",
        appWith(`port: 1
health: { path: /, exec: [curl] }`),
        `7:24 components.web.health: unknown key "exec"
  known: path, interval, timeout, startup, retries`,
      ],
      [
        "text for a command",
        appWith("migrate: npx prisma migrate deploy"),
        `6:14 components.web.migrate: expected a list of words such as [npx, prisma, migrate, deploy], or a map, got "npx prisma migrate deploy"`,
      ],
      ["an empty command", appWith("migrate: []"), "6:5 components.web.migrate: expected at least one word"],
      [
        "a number for a route",
        appWith(`port: 1
routes: [3]`),
        "7:14 components.web.routes[0]: expected a host name such as app.example.com, or a map, got 3",
      ],
      [
        "a number for a database",
        stackOf("postgres: { databases: [3] }"),
        "3:27 components.postgres.databases[0]: expected the name of a database, or a map, got 3",
      ],
      [
        "text for databases",
        stackOf("postgres: { databases: main }"),
        `3:26 components.postgres.databases: expected a list, or a map, got "main"`,
      ],
      [
        "a list for a setting",
        stackOf("postgres: { settings: { work_mem: [3] } }"),
        "3:27 components.postgres.settings.work_mem: expected text, a number, or true or false",
      ],
      [
        "a version in quotes",
        stackOf(`postgres: "17"`),
        `3:13 components.postgres: expected one of 16, 17, 18, or a map, got "17"
  write 17 without quotes`,
      ],
      [
        "a version that is not there",
        stackOf("postgres: 15"),
        "3:13 components.postgres: expected one of 16, 17, 18, or a map, got 15",
      ],
      [
        "a version that is not there, in a map",
        stackOf("postgres: { version: 15 }"),
        "3:24 components.postgres.version: expected one of 16, 17, 18, got 15",
      ],
      [
        "a version in quotes, in a map",
        stackOf(`postgres: { version: "17" }`),
        `3:24 components.postgres.version: expected one of 16, 17, 18, got "17"
  write 17 without quotes`,
      ],
      [
        "true for a rate limit",
        stackOf("traefik: { rateLimit: true }"),
        "3:25 components.traefik.rateLimit: expected false, or a map, got true",
      ],
      [
        "a number for HSTS",
        stackOf("traefik: { hsts: 3 }"),
        "3:20 components.traefik.hsts: expected true or false, or a map, got 3",
      ],
      [
        "a number for certificates",
        stackOf("traefik: { certificates: 3 }"),
        "3:28 components.traefik.certificates: expected local, files, or a list of { certificate, key }, got 3",
      ],
      [
        "no certificate at all",
        stackOf("traefik: { certificates: [] }"),
        "3:14 components.traefik.certificates: expected at least 1 item",
      ],
      [
        "a mistyped word",
        stackOf("traefik: { trust: cloudflair }"),
        `3:21 components.traefik.trust: expected cloudflare or a list of addresses such as [10.0.0.0/8], got "cloudflair"`,
      ],
      [
        "a word that is not among them",
        stackOf("redis: { profile: fast }"),
        `3:21 components.redis.profile: expected one of cache, durable, got "fast"`,
      ],
      [
        "a number for a word",
        appWith("connections: 3"),
        "6:18 components.web.connections: expected one of env, files, got 3",
      ],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });

  describe("numbers out of range", () => {
    test.each<Row>([
      ["no replicas", appWith("replicas: 0"), "6:15 components.web.replicas: expected at least 1, got 0"],
      ["a thousand replicas", appWith("replicas: 1000"), "6:15 components.web.replicas: expected at most 50, got 1000"],
      [
        "no retries",
        appWith(`port: 1
health: { path: /, retries: 0 }`),
        "7:33 components.web.health.retries: expected at least 1, got 0",
      ],
      [
        "no requests",
        stackOf("traefik: { rateLimit: { average: 0, burst: 3 } }"),
        "3:36 components.traefik.rateLimit.average: expected at least 1, got 0",
      ],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });

  describe("keys of maps with a form", () => {
    test.each<Row>([
      [
        "a variable with a dash",
        appWith("env: { MY-VAR: x }"),
        "6:12 components.web.env.MY-VAR: expected the name of an environment variable: letters, digits and _",
      ],
      [
        "a secret's variable with a space",
        appWith("secrets: { MY VAR: file }"),
        "6:16 components.web.secrets.MY VAR: expected the name of an environment variable: letters, digits and _",
      ],
      [
        "a setting in capitals",
        stackOf("postgres: { settings: { Work_Mem: 3 } }"),
        "3:27 components.postgres.settings.Work_Mem: expected the name of a setting of postgresql.conf",
      ],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });

  describe("text that is another one without quotes", () => {
    test.each<Row>([
      [
        "leading zeros",
        appWith("env: { UMASK: 0022 }"),
        `6:19 components.web.env.UMASK: without quotes 0022 is read as 22
  write it in quotes: "0022"`,
      ],
      [
        "a version",
        appWith("env: { VERSION: 1.10 }"),
        `6:21 components.web.env.VERSION: without quotes 1.10 is read as 1.1
  write it in quotes: "1.10"`,
      ],
      [
        "a truth in capitals",
        appWith("env: { DEBUG: True }"),
        `6:19 components.web.env.DEBUG: without quotes True is read as true
  write it in quotes: "True"`,
      ],
      [
        "more digits than a number holds",
        appWith("env: { ID: 12345678901234567890 }"),
        `6:16 components.web.env.ID: without quotes 12345678901234567890 is read as 12345678901234567000
  write it in quotes: "12345678901234567890"`,
      ],
      ["numbers that read back are fine", appWith("env: { PORT: 3000, RATIO: 0.5, DEBUG: true }"), "fine"],
      ["a number that is meant as one is fine", appWith("limits: { cpus: 1.0 }"), "fine"],
      [
        "each is told once, where it stands",
        stackOf(`postgres: { settings: { work_mem: 1.10 } }
web: { type: app, image: foo/web:1, env: { A: 0x1F } }`),
        `4:49 components.web.env.A: without quotes 0x1F is read as 31
  write it in quotes: "0x1F"`,
      ],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });

  describe("what may be a secret is not repeated", () => {
    test.each<Row>([
      [
        "a password for a file's name",
        appWith("secrets: { DB_PASSWORD: 'hunter2 hunter2' }"),
        "6:29 components.web.secrets.DB_PASSWORD: expected the name of a file under secrets/: letters, digits, _ . -, no folder",
      ],
      [
        "a path for a file's name",
        appWith("secrets: { DB_PASSWORD: ../hunter2 }"),
        "6:29 components.web.secrets.DB_PASSWORD: expected the name of a file under secrets/: letters, digits, _ . -, no folder",
      ],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });

  describe("everything at once, in the order of its places", () => {
    test.each<Row>([
      [
        "in three components",
        stackOf(`traefik: { frames: none }
web:
  type: app
  image: foo/web
  port: 70000
  prot: 3
postgres: 15`),
        `3:22 components.traefik.frames: expected one of same-site, deny, app, got "none"
6:12 components.web.image: image "foo/web" has no tag, so nobody could tell which version runs; write one, such as foo/web:1.4.2
7:11 components.web.port: expected a port from 1 to 65535, got 70000
8:5 components.web: unknown key "prot"
  did you mean "port"?
9:13 components.postgres: expected one of 16, 17, 18, or a map, got 15`,
      ],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });
});

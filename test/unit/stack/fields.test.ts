import { describe, expect, test } from "vitest";
import { appWith, complaintsOf, stackOf } from "../../support/catalogue.ts";

/** What is wrong, the text of stack.yaml, and what its writer reads. */
type Row = [what: string, text: string, complaints: string];

describe("each kind of value says what it takes", () => {
  describe("images", () => {
    test.each<Row>([
      [
        "without a tag",
        stackOf("web: { type: app, image: foo/web }"),
        `3:28 components.web.image: image "foo/web" has no tag, so nobody could tell which version runs; write one, such as foo/web:1.4.2`,
      ],
      [
        "that name no version",
        stackOf("web: { type: app, image: foo/web:latest }"),
        `3:28 components.web.image: image "foo/web:latest" names no version: latest is another one every time; write a tag such as foo/web:1.4.2`,
      ],
      [
        "latest with a digest is fine",
        stackOf(
          "web: { type: app, image: foo/web:latest@sha256:0000000000000000000000000000000000000000000000000000000000000000 }",
        ),
        "fine",
      ],
      [
        "a digest alone is fine",
        stackOf(
          "web: { type: app, image: foo/web@sha256:0000000000000000000000000000000000000000000000000000000000000000 }",
        ),
        "fine",
      ],
      [
        "of a registry with a port are fine",
        stackOf("web: { type: app, image: registry.example.com:5000/foo/web:1 }"),
        "fine",
      ],
      [
        "minio/minio",
        stackOf("web: { type: app, image: minio/minio:RELEASE.2025-01-01T00-00-00Z }"),
        "3:28 components.web.image: minio/minio is no longer published; use the component minio (image pgsty/silo)",
      ],
      [
        "minio/minio of a mirror",
        stackOf("minio: { image: quay.io/minio/minio:RELEASE.2025-01-01T00-00-00Z }"),
        "3:19 components.minio.image: quay.io/minio/minio is no longer published; use the component minio (image pgsty/silo)",
      ],
      [
        "with spaces",
        stackOf("web: { type: app, image: Foo Web }"),
        `3:28 components.web.image: "Foo Web" is not an image reference; expected one such as ghcr.io/you/app:1.4.2`,
      ],
      [
        "as an address",
        stackOf("web: { type: app, image: https://ghcr.io/foo/web:1 }"),
        `3:28 components.web.image: "https://ghcr.io/foo/web:1" is not an image reference; expected one such as ghcr.io/you/app:1.4.2`,
      ],
      [
        "with a short digest",
        stackOf("web: { type: app, image: foo/web@sha256:abc }"),
        `3:28 components.web.image: "foo/web@sha256:abc" is not an image reference; expected one such as ghcr.io/you/app:1.4.2`,
      ],
      [
        "of Postgres without a tag",
        stackOf("postgres: { image: pgvector/pgvector }"),
        `3:22 components.postgres.image: image "pgvector/pgvector" has no tag, so nobody could tell which version runs; write one, such as pgvector/pgvector:1.4.2`,
      ],
      [
        "of Postgres on Alpine",
        stackOf("postgres: { image: postgres:17-alpine }"),
        "3:22 components.postgres.image: expected a Debian-based image: Alpine's sorts text differently and has another user id",
      ],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });

  describe("sizes", () => {
    test.each<Row>([
      [
        "that are words",
        appWith("limits: { memory: lots }"),
        `6:23 components.web.limits.memory: expected a size such as 512m or 4g, got "lots"`,
      ],
      [
        "without a unit",
        appWith(`limits: { memory: "512" }`),
        `6:23 components.web.limits.memory: expected a size such as 512m or 4g, got "512"`,
      ],
      [
        "below nothing",
        appWith("limits: { memory: -1g }"),
        `6:23 components.web.limits.memory: expected a size such as 512m or 4g, got "-1g"`,
      ],
      ["of nothing", appWith("shm: 0m"), "6:10 components.web.shm: expected a size above 0 and up to 1024t"],
      [
        "beyond every machine",
        appWith("limits: { memory: 9999999999t }"),
        "6:23 components.web.limits.memory: expected a size above 0 and up to 1024t",
      ],
      [
        "of memory that Docker refuses",
        appWith("limits: { memory: 1m }"),
        "6:23 components.web.limits.memory: expected at least 6m: Docker refuses a smaller limit",
      ],
      [
        "in every spelling are fine",
        appWith(`limits: { memory: 1.5GiB }
shm: 64 MB`),
        "fine",
      ],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });

  describe("durations", () => {
    test.each<Row>([
      [
        "that are words",
        appWith("stopGrace: soon"),
        `6:16 components.web.stopGrace: expected a duration such as 15s, 5m, 6h or 30d, got "soon"`,
      ],
      [
        "with an unknown unit",
        appWith("stopGrace: 3w"),
        `6:16 components.web.stopGrace: expected a duration such as 15s, 5m, 6h or 30d, got "3w"`,
      ],
      [
        "beyond every life",
        appWith("stopGrace: 99999999d"),
        "6:16 components.web.stopGrace: expected a duration of at most 3650d",
      ],
      ["of several units are fine", appWith("stopGrace: 1m30s"), "fine"],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });

  describe("CPUs, processes and ports", () => {
    test.each<Row>([
      ["no CPU", appWith("limits: { cpus: 0 }"), "6:21 components.web.limits.cpus: expected at least 0.01 CPUs, got 0"],
      [
        "CPUs below nothing",
        appWith("limits: { cpus: -1 }"),
        "6:21 components.web.limits.cpus: expected at least 0.01 CPUs, got -1",
      ],
      [
        "too many CPUs",
        appWith("limits: { cpus: 1000 }"),
        "6:21 components.web.limits.cpus: expected at most 512 CPUs, got 1000",
      ],
      [
        "no processes",
        appWith("limits: { pids: 1 }"),
        "6:21 components.web.limits.pids: expected at least 8 processes, got 1",
      ],
      ["port 0", appWith("port: 0"), "6:11 components.web.port: expected a port from 1 to 65535, got 0"],
      ["port 65536", appWith("port: 65536"), "6:11 components.web.port: expected a port from 1 to 65535, got 65536"],
      [
        "a port below nothing",
        appWith("port: -1"),
        "6:11 components.web.port: expected a port from 1 to 65535, got -1",
      ],
      [
        "a port of Traefik",
        stackOf("traefik: { ports: { http: 0 } }"),
        "3:29 components.traefik.ports.http: expected a port from 1 to 65535, got 0",
      ],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });

  describe("host names", () => {
    test.each<Row>([
      [
        "with a scheme",
        appWith(`port: 1
routes: ['https://shop.example.com']`),
        `7:14 components.web.routes[0]: expected a host name without "https://", such as app.example.com`,
      ],
      [
        "with a path",
        appWith(`port: 1
routes: [shop.example.com/api]`),
        "7:14 components.web.routes[0]: expected a host name without a path; write { host: shop.example.com, path: /api }",
      ],
      [
        "with a port",
        appWith(`port: 1
routes: ['shop.example.com:8080']`),
        "7:14 components.web.routes[0]: expected a host name without a port: Traefik listens on 80 and 443",
      ],
      [
        "in capitals",
        appWith(`port: 1
routes: [Shop.example.com]`),
        "7:14 components.web.routes[0]: expected the host name in lower case: shop.example.com",
      ],
      [
        "an address",
        appWith(`port: 1
routes: [10.0.0.1]`),
        `7:14 components.web.routes[0]: "10.0.0.1" is an address; certificates are made for names, such as app.example.com`,
      ],
      [
        "one word",
        appWith(`port: 1
routes: [shop]`),
        "7:14 components.web.routes[0]: expected a full host name such as shop.example.com",
      ],
      [
        "with an underscore",
        appWith(`port: 1
routes: [my_shop.example.com]`),
        `7:14 components.web.routes[0]: "my_shop.example.com" is not a host name; expected one such as app.example.com`,
      ],
      [
        "that is too long",
        appWith(`port: 1
routes: [aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.com]`),
        `7:14 components.web.routes[0]: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.com" is not a host name; expected one such as app.example.com`,
      ],
      [
        "of an object store",
        stackOf(`traefik: {}
minio: { host: 'http://s3.example.com' }`),
        `4:18 components.minio.host: expected a host name without "http://", such as app.example.com`,
      ],
      [
        "a star in the middle",
        appWith(`port: 1
routes: ['a.*.example.com']`),
        `7:14 components.web.routes[0]: "a.*.example.com" is not a host name; expected one such as app.example.com`,
      ],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });

  describe("paths", () => {
    test.each<Row>([
      [
        "of a route without a slash",
        appWith(`port: 1
routes: [{ host: shop.example.com, path: api }]`),
        `7:46 components.web.routes[0].path: expected a path such as /api, starting with "/", got "api"`,
      ],
      [
        "with a quote in it",
        appWith(`port: 1
health: "/it's"`),
        `7:13 components.web.health: expected a path such as /health of letters, digits and . _ ~ % + = @ & ? - /, got "/it's"`,
      ],
      [
        "with a dollar in it",
        appWith("volumes: [{ name: data, path: /data/$USER }]"),
        `6:35 components.web.volumes[0].path: expected a path in the container of letters, digits and . _ ~ % + = @ & ? - /, got "/data/$USER"`,
      ],
      [
        "with an option of a mount in it",
        appWith("writable: ['/cache:exec']"),
        `6:16 components.web.writable[0]: expected a path in the container of letters, digits and . _ ~ % + = @ & ? - /, got "/cache:exec"`,
      ],
      [
        "with a space in it",
        appWith("writable: ['/my cache']"),
        `6:16 components.web.writable[0]: expected a path in the container of letters, digits and . _ ~ % + = @ & ? - /, got "/my cache"`,
      ],
      [
        "with a question are fine",
        appWith(`port: 1
health: /health?deep=1&all=1`),
        "fine",
      ],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });

  describe("names", () => {
    test.each<Row>([
      [
        "of a volume",
        appWith("volumes: [{ name: My Data, path: /data }]"),
        `6:23 components.web.volumes[0].name: expected the volume's name: lower-case letters, digits and "-", starting with a letter, at most 63, got "My Data"`,
      ],
      [
        "of a database",
        stackOf("postgres: { databases: [Main] }"),
        `3:27 components.postgres.databases[0]: expected the name of a database: lower-case letters, digits, "_" and "-", starting with a letter, at most 63`,
      ],
      [
        "of a database that Postgres keeps",
        stackOf("postgres: { databases: [postgres] }"),
        `3:27 components.postgres.databases[0]: "postgres" is reserved by Postgres; choose another name`,
      ],
      [
        "of a bucket",
        stackOf("minio: { buckets: [a] }"),
        `3:22 components.minio.buckets[0]: expected the name of a bucket: 3 to 63 lower-case letters, digits, "-" and "."`,
      ],
      [
        "of an email address",
        stackOf("traefik: { acme: { email: ops } }"),
        `3:29 components.traefik.acme.email: expected an email address such as ops@example.com, got "ops"`,
      ],
      [
        "of a user",
        appWith("user: node"),
        `6:11 components.web.user: expected a numeric user such as "1000:1000", got "node"`,
      ],
      [
        "of a component with too many parts",
        appWith("uses: [postgres/main/public]"),
        `6:12 components.web.uses[0]: expected the name of another component, such as postgres or postgres/reports, got "postgres/main/public"`,
      ],
      [
        "of an address to listen on",
        appWith("publish: [{ port: 25, target: 25, host: localhost }]"),
        `6:45 components.web.publish[0].host: expected an IP address such as 127.0.0.1 or 0.0.0.0, got "localhost"`,
      ],
      [
        "of an extension",
        stackOf("postgres: { databases: [{ name: main, extensions: [A B] }] }"),
        `3:54 components.postgres.databases[0].extensions[0]: expected the name of an extension such as pg_trgm, got "A B"`,
      ],
      [
        "of a setting that the stack keeps",
        stackOf("postgres: { settings: { port: 5433 } }"),
        "3:27 components.postgres.settings.port: this setting belongs to the stack and cannot be changed here",
      ],
      [
        "of a setting that Redis keeps",
        stackOf("redis: { settings: { save: '' } }"),
        "3:24 components.redis.settings.save: this setting belongs to the stack and cannot be changed here",
      ],
      [
        "of an ACME directory",
        stackOf("traefik: { acme: { email: a@example.com, caServer: letsencrypt } }"),
        `3:54 components.traefik.acme.caServer: expected the URL of an ACME directory, got "letsencrypt"`,
      ],
      [
        "of a trusted range",
        stackOf("traefik: { trust: [10.0.0.0/33] }"),
        "3:22 components.traefik.trust[0]: expected an address or a range of addresses such as 10.0.0.0/8 or 2001:db8::/32",
      ],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });
});

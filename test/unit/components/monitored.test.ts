import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { component as app } from "../../../src/components/app/index.ts";
import type { Component, ComponentUse, ContributionOf, ServiceNeeds } from "../../../src/components/component.ts";
import { component as minio } from "../../../src/components/minio/index.ts";
import { component as postgres } from "../../../src/components/postgres/index.ts";
import { component as redis } from "../../../src/components/redis/index.ts";
import { component as traefik } from "../../../src/components/traefik/index.ts";
import { component as valkey } from "../../../src/components/valkey/index.ts";
import { composeSecret } from "../../../src/generator/secret-files.ts";
import type { SecretFile } from "../../../src/stack/model.ts";
import { complaintsOf, stackOf } from "../../support/catalogue.ts";
import { componentUse } from "../../support/component-use.ts";

interface Made {
  services: ServiceNeeds[];
  contribution: ContributionOf["contribution"];
  collected: ContributionOf["contribution"];
  service(name: string): ServiceNeeds | undefined;
  file(path: string): string;
  secret(name: string): SecretFile | undefined;
}

/** What a component adds with these options, as in stack.yaml. */
function made(component: unknown, key: string, yaml = "{}", more: Partial<ComponentUse> = {}): Made {
  const { options, contribute, collect } = component as Component;
  const chosen = options.parse(parse(yaml));
  const use = componentUse(key, { monitored: true, ...more });
  const contribution = contribute(chosen, use);
  const own = { key, type: key, options: chosen, contribution };
  const collected = collect?.(chosen, use, [own]) ?? {};
  const services = [...(contribution.services ?? []), ...(collected.services ?? [])];
  const files = [...(contribution.files ?? []), ...(collected.files ?? [])];
  return {
    services,
    contribution,
    collected,
    service: (name) => services.find((candidate) => candidate.name === name),
    file: (path) => files.find((candidate) => candidate.path === path)?.content ?? "",
    secret: (name) => contribution.secrets?.find((candidate) => candidate.name === name),
  };
}

const web = [{ key: "web" }];

describe("a stack that nobody monitors", () => {
  const all: [string, unknown, string][] = [
    ["postgres", postgres, "{ databases: [web] }"],
    ["redis", redis, "{ queues: ['bull:mail:wait'] }"],
    ["minio", minio, "{ buckets: [uploads] }"],
    ["traefik", traefik, "{}"],
    ["app", app, "{ image: 'foo/web:1', port: 3000, metrics: /metrics }"],
  ];

  test.each(all)("%s adds nothing that is for Prometheus", (key, component, yaml) => {
    const { contribution, collected, services } = made(component, key, yaml, { usedBy: web, monitored: false });
    const gone = /-- Logins that nothing in stack.yaml needs.*?END \$\$;/;
    const text = JSON.stringify([contribution, collected]).replace(gone, "");
    expect(services.length).toBeGreaterThan(0);
    expect(text).not.toMatch(/scrape|exporter|stack_monitor|monitored|reserved_connections|8082/);
    for (const part of [contribution, collected])
      expect([part.scrapes, part.alertRules, part.dashboards]).toEqual([undefined, undefined, undefined]);
  });
});

describe("Postgres", () => {
  test("has an exporter that logs in with a role of its own, over the networks of both sides", () => {
    const { service, contribution, secret } = made(postgres, "postgres", "{}", { usedBy: web });
    expect(service("postgres-exporter")).toMatchObject({
      image: "quay.io/prometheuscommunity/postgres-exporter:v0.20.1",
      user: "65534:65534",
      networks: ["postgres", "scrape"],
      secrets: ["postgres_stack_monitor"],
      dependsOn: [{ service: "postgres-setup", condition: "service_completed_successfully" }],
      environment: {
        DATA_SOURCE_URI: "postgres:5432/postgres?sslmode=disable&connect_timeout=5",
        DATA_SOURCE_USER: "stack_monitor",
        DATA_SOURCE_PASS_FILE: "/run/secrets/postgres_stack_monitor",
      },
    });
    expect(service("postgres")?.networks).toEqual(["postgres"]);
    expect(secret("postgres_stack_monitor")).toMatchObject({ kind: "random" });
    expect(contribution.scrapes).toEqual([
      { job: "postgres", service: "postgres-exporter", port: 9187, path: "/metrics" },
    ]);
  });

  test("makes that role also where there is no database, and keeps two connections back for it", () => {
    const { service, file } = made(postgres, "pg");
    expect(service("pg-setup")?.secrets).toEqual(["pg_stack_monitor"]);
    const sql = file("config/pg/setup.sql");
    expect(sql).toContain(`GRANT pg_monitor, pg_use_reserved_connections TO "stack_monitor";`);
    expect(sql).toMatch(/ALTER ROLE "stack_monitor" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION/);
    expect(file("config/pg/postgresql.conf")).toContain("\nreserved_connections = 2\n");
  });

  test("a setting of the user's own comes after, and wins", () => {
    const text = made(postgres, "pg", "{ settings: { reserved_connections: 5 } }").file("config/pg/postgresql.conf");
    expect([...text.matchAll(/^reserved_connections = (\d)$/gm)].map(([, value]) => value)).toEqual(["2", "5"]);
  });

  test("no database can take the role's name", () => {
    expect(complaintsOf(stackOf("postgres: { databases: [stack_monitor] }"))).toContain("choose another name");
  });
});

describe("Redis", () => {
  const line = (yaml: string, component = redis) => {
    const acl = made(component, "redis", yaml).secret("redis_acl");
    if (acl?.kind !== "composed") throw new Error("no list");
    const text = composeSecret(acl.content, (name) => `value of ${name}`) ?? "";
    return text.split("\n").find((candidate) => candidate.startsWith("user stack_monitor ")) ?? "";
  };

  test("the exporter's user may ask for the state and for nothing of the data", () => {
    expect(line("{}")).toMatch(
      /^user stack_monitor on #[0-9a-f]{64} resetkeys resetchannels -@all \+info \+slowlog\|len$/,
    );
    expect(line("{}", valkey)).toMatch(/-@all \+info \+slowlog\|len \+commandlog\|len$/);
  });

  test("with queues it reads their lengths, and no other key", () => {
    expect(line("{ queues: ['bull:mail:wait', events] }")).toMatch(
      / resetkeys resetchannels %R~bull:mail:wait %R~events -@all \+info \+slowlog\|len \+select \+type \+memory\|usage \+llen \+xlen \+zcard$/,
    );
    const { service, contribution } = made(redis, "redis", "{ queues: ['bull:mail:wait', events] }");
    const { environment } = service("redis-exporter") ?? {};
    expect(environment?.REDIS_EXPORTER_CHECK_SINGLE_KEYS).toBe("bull%3Amail%3Await,events");
    expect(contribution.alertRules?.map(({ name }) => name)).toContain("QueueGrowing");
  });

  test.each(["bull:*", "a,b", "a b", "a=b", "", "a\\b", "[a]"])("%j is no name of a queue", (name) => {
    expect(redis.options.safeParse({ queues: [name] }).success).toBe(false);
  });

  test("the password reaches the exporter as the map that it reads, whatever is in it", () => {
    const map = made(redis, "redis").secret("redis_stack_monitor_map");
    if (map?.kind !== "composed") throw new Error("no map");
    const text = composeSecret(map.content, () => 'a"b\\c') ?? "";
    expect(JSON.parse(text)).toEqual({ "redis://stack_monitor@redis:6379": 'a"b\\c' });
  });

  test("the list of users reaches a running server also where no app uses it", () => {
    expect(made(redis, "redis").service("redis-setup")).toBeDefined();
    expect(made(redis, "redis", "{}", { monitored: false }).service("redis-setup")).toBeUndefined();
  });

  test("a cache may be full and throw keys away; one that keeps its data may not", () => {
    const rules = (yaml: string) => made(redis, "redis", yaml).contribution.alertRules?.map(({ name }) => name);
    expect(rules("{ profile: cache }")).toEqual(["RedisDown", "RedisRejectsConnections"]);
    expect(rules("{}")).toEqual([
      "RedisDown",
      "RedisRejectsConnections",
      "RedisMemoryNearLimit",
      "RedisEvictsKeys",
      "RedisSaveFails",
    ]);
    expect(rules("{ profile: cache, settings: { replicaof: elsewhere 6379 } }")).toContain("RedisReplicationBroken");
  });
});

describe("MinIO", () => {
  test("gives its metrics for a token that an access key of its own signs", () => {
    const { contribution, service, file, secret } = made(minio, "minio");
    const token = secret("minio_stack_monitor_token");
    if (token?.kind !== "composed") throw new Error("no token");
    const [head = "", claims = "", signature] = (composeSecret(token.content, () => "the key\n") ?? "").split(".");
    const decoded = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString());
    expect(decoded(head)).toEqual({ alg: "HS512", typ: "JWT" });
    expect(decoded(claims)).toEqual({ exp: 4_102_444_800, sub: "stack_monitor", iss: "prometheus" });
    expect(signature).toBe(createHmac("sha512", "the key").update(`${head}.${claims}`).digest("base64url"));
    expect(contribution.scrapes).toEqual([
      { job: "minio", service: "minio", port: 9000, path: "/minio/v2/metrics/cluster", token: token.name },
    ]);
    expect(service("minio")?.networks).toEqual(["minio", "scrape"]);
    expect(JSON.parse(file("config/minio/policy-stack_monitor.json")).Statement[0].Action).toEqual([
      "admin:Prometheus",
    ]);
    expect(file("config/minio/setup.sh")).toContain(
      "access_key stack_monitor minio_stack_monitor /etc/minio/policy-stack_monitor.json\n",
    );
  });
});

describe("Traefik", () => {
  test("serves metrics on its address on the network of scrapes, and there alone", () => {
    const { service, file, contribution } = made(traefik, "traefik");
    const settings = parse(file("config/traefik/traefik.yml"));
    expect(settings.entryPoints.metrics).toEqual({ address: "traefik.shop_scrape:8082" });
    expect(settings.entryPoints.internal).toEqual({ address: "127.0.0.1:8080" });
    expect(settings.metrics.prometheus).toMatchObject({ entryPoint: "metrics", addRoutersLabels: true });
    expect(service("traefik")?.networks).toEqual(["public", "edge", "scrape"]);
    expect(service("traefik")?.ports?.map(({ target }) => target)).toEqual([80, 443]);
    expect(contribution.scrapes).toEqual([
      { job: "traefik", service: "traefik", port: 8082, path: "/metrics", keepsLabels: true },
    ]);
  });

  test("thresholds are those of the component that monitors, and a bucket ends at the usual one", () => {
    const needs = { service: "web", host: "shop.example.com", path: "/", port: 3000, at: ["routes", 0] };
    const user = { key: "web", type: "app", options: {}, contribution: { routeNeeds: [needs] } };
    const thresholds = { errors: 0.05, p99: 3, disk: 0.85, memory: 0.9, certificateDays: 14 };
    const use = componentUse("traefik", { monitored: true, thresholds });
    const { alertRules, files } = traefik.collect?.(traefik.options.parse({}), use, [user]) ?? {};
    const expr = (name: string) => alertRules?.find((rule) => rule.name === name)?.expr ?? "";
    expect(expr("RequestsFail")).toContain(") > 0.05\n");
    expect(expr("RequestsSlow")).toContain(") > 3\n");
    const settings = parse(files?.find(({ path }) => path.endsWith("traefik.yml"))?.content ?? "");
    expect(settings.metrics.prometheus.buckets).toContain(componentUse("traefik").thresholds.p99);
  });

  test("without a route there is nothing to fail", () => {
    const names = made(traefik, "traefik").collected.alertRules?.map(({ name }) => name);
    expect(names).toEqual(["TraefikDown", "TraefikConnectionsHigh"]);
  });
});

describe("an app", () => {
  const scrapes = (metrics: string, more = "port: 3000") =>
    made(app, "web", `{ image: "foo/web:1", ${more}, metrics: ${metrics} }`).contribution.scrapes;

  test("is asked at its own port, or at the one that it names", () => {
    const scrape = { job: "web", service: "web", replicated: true };
    expect(scrapes("/metrics")).toEqual([{ ...scrape, port: 3000, path: "/metrics" }]);
    expect(scrapes("{ port: 9100 }")).toEqual([{ ...scrape, port: 9100, path: "/metrics" }]);
    expect(scrapes("{ path: /m, port: 9100 }", "replicas: 2")).toEqual([{ ...scrape, port: 9100, path: "/m" }]);
  });

  test("its containers join the network of scrapes, its migrations do not", () => {
    const yaml = `{ image: "foo/web:1", port: 3000, metrics: /metrics, migrate: [migrate] }`;
    const { service } = made(app, "web", yaml);
    expect(service("web")?.networks).toEqual(["apps", "scrape"]);
    expect(service("web-migrate")?.networks).toEqual(["apps"]);
    expect(made(app, "web", `{ image: "foo/web:1", port: 3000 }`).service("web")?.networks).toEqual(["apps"]);
  });

  test("metrics without a port are told, with what to write", () => {
    expect(complaintsOf(stackOf("web: { type: app, image: foo/web:1, metrics: /metrics }"))).toBe(
      "3:48 metrics need the port that they are at\n  write metrics: { path: /metrics, port: 9090 } (or whichever it is)",
    );
  });
});

describe("dashboards", () => {
  const all: [string, unknown][] = [
    ["postgres", postgres],
    ["redis", redis],
    ["minio", minio],
    ["traefik", traefik],
  ];

  test.each(all)(
    "of %s: eight to twelve panels, some with thresholds, below a first row that is full",
    (key, component) => {
      const [dashboard] = made(component, key).contribution.dashboards ?? [];
      const panels = dashboard?.panels ?? [];
      expect(panels.length).toBeGreaterThanOrEqual(8);
      expect(panels.length).toBeLessThanOrEqual(12);
      expect(panels.filter(({ thresholds }) => thresholds !== undefined).length).toBeGreaterThanOrEqual(3);
      expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
      const top = panels.filter(({ height }) => height === 5).reduce((sum, { width = 8 }) => sum + width, 0);
      expect(top).toBe(24);
    },
  );
});

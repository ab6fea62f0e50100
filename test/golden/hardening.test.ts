import { describe, expect, test } from "vitest";
import type { Service } from "../../src/stack/service.ts";
import { presets, presetText } from "../support/catalogue.ts";
import { hardeningRules, type StackRule } from "../support/hardening-rules.ts";
import { type InspectedStack, inspectStack, type ReadService } from "../support/inspected-stack.ts";
import { nameRules } from "../support/name-rules.ts";

const rules = [...hardeningRules, ...nameRules];

/** A stack with a bit of everything, so that each rule has something to look at. */
const everything = `
name: everything
components:
  traefik: { acme: { email: ops@example.com, challenge: dns, provider: cloudflare }, http3: true, dashboard: { host: traefik.example.com } }
  server:
    type: app
    image: ghcr.io/you/server:1.4.2
    port: 3000
    user: "1000:1000"
    routes: [app.example.com, { host: app.localhost, path: /api }]
    health: /health
    uses: [postgres, redis, minio, api, elk, legacy]
    secrets: { SENTRY_DSN: sentry_dsn }
    migrate: [npm, run, migrate]
    seed: [npm, run, seed]
    volumes: [{ name: uploads, path: /app/uploads }]
    replicas: 2
  api: { type: app, image: "ghcr.io/you/api:2", port: 80, connections: files, uses: [old/reports, valkey/sessions], writableRoot: true }
  worker: { type: app, image: "ghcr.io/you/worker:2", publish: [{ port: 2525, target: 25 }] }
  postgres: { version: 18 }
  old: { type: postgres, version: 16, databases: [reports] }
  redis: { profile: durable }
  valkey: { profile: cache }
  minio: { buckets: [uploads], host: s3.example.com }
  loki: {}
  elk: { host: kibana.example.com }
  monitoring: { cadvisor: true }
  legacy:
    type: service
    image: mysql:8.4.6
    because: imported
    port: 3306
    internal: true
    secrets: { MYSQL_ROOT_PASSWORD: legacy_root }
    capabilities: [CHOWN, SETUID, SETGID]
    volumes: [{ name: data, path: /var/lib/mysql, backup: stop }, { name: cache, path: /cache }]
    files: [{ path: /etc/mysql/conf.d/a.cnf, content: "[mysqld]" }]
    hostPaths: [{ source: /etc/localtime, path: /etc/localtime }]
    compose: { hostname: legacy, extra_hosts: ["old.example.com:10.0.0.7"] }
`;

describe.each(presets)("the preset %s", (preset) => {
  const stack = inspectStack(presetText(preset));

  test.each(rules)("$name ($source)", (rule) => {
    expect(rule.broken(stack)).toEqual([]);
  });

  test("only the proxy publishes ports", () => {
    const publishing = stack.model.services.filter((service) => service.ports.length > 0);
    expect(publishing.map((service) => service.name)).toEqual(["traefik"]);
  });
});

/** A way to break one rule: of a service (the model's and the printed one), or of the whole stack. */
type Mutation = (stack: InspectedStack) => void;

function read(name: string, change: (service: ReadService) => void): Mutation {
  return (stack) => change(stack.services[name] ?? { image: "" });
}

function modelled(name: string, change: (service: Service) => void): Mutation {
  return (stack) => {
    for (const service of stack.model.services) if (service.name === name) change(service);
  };
}

function everyOf<Item>(items: readonly Item[] | undefined, change: (item: Item) => void): void {
  for (const item of items ?? []) change(item);
}

function firstMount(name: string, change: (mount: NonNullable<ReadService["volumes"]>[number]) => void, type = "bind") {
  return read(name, (service) => {
    for (const mount of (service.volumes ?? []).filter((each) => each.type === type).slice(0, 1)) change(mount);
  });
}

/** Rule to the ways in which it must be seen to fail. */
const mutations: Record<string, Mutation[]> = {
  "runs as a numeric user that is not root": [
    read("postgres", (service) => delete service.user),
    read("postgres", (service) => (service.user = "0:0")),
    read("postgres", (service) => (service.user = "postgres")),
    modelled("postgres", (service) => (service.user = "70:70")),
    modelled("api", (service) => (service.exceptions = service.exceptions.filter(({ rule }) => rule !== "non-root"))),
    modelled("api", (service) => everyOf(service.exceptions, (exception) => (exception.reason = " "))),
    (stack) => delete stack.services.redis,
    (stack) => stack.model.services.pop(),
  ],
  "has a health check": [
    read("postgres", (service) => delete service.healthcheck),
    read("server", (service) => (service.healthcheck = { test: ["NONE"] })),
    read("redis", (service) => (service.healthcheck = { test: ["CMD", "true"], disable: true })),
    modelled("worker", (service) => (service.exceptions = [])),
  ],
  "has no-new-privileges and no other security option": [
    read("server", (service) => delete service.security_opt),
    read("server", (service) => service.security_opt?.push("seccomp:unconfined")),
    read("server", (service) => (service.security_opt = ["apparmor:unconfined"])),
  ],
  "drops all capabilities": [
    read("minio", (service) => delete service.cap_drop),
    read("minio", (service) => (service.cap_drop = ["NET_RAW"])),
  ],
  "gets back only the capabilities that its exception names": [
    read("server", (service) => (service.cap_add = ["NET_ADMIN"])),
    read("server-setup", (service) => service.cap_add?.push("SYS_ADMIN")),
    modelled("server-setup", (service) => everyOf(service.exceptions, (exception) => (exception.reason = ""))),
    (stack) => {
      read("server-setup", (service) => (service.cap_add = ["SYS_ADMIN"]))(stack);
      modelled("server-setup", (service) =>
        everyOf(service.exceptions, (exception) => {
          if (exception.capabilities) exception.capabilities = ["SYS_ADMIN"];
        }),
      )(stack);
    },
  ],
  "is not privileged": [read("traefik", (service) => (service.privileged = false))],
  "mounts of the host only files of the stack's own directory, or what an exception names, and makes none": [
    firstMount("traefik", (mount) => (mount.source = "/etc")),
    firstMount("traefik", (mount) => (mount.source = "./config/../..")),
    firstMount("traefik", (mount) => (mount.source = "./secrets")),
    firstMount("traefik", (mount) => (mount.bind = { create_host_path: true })),
    firstMount("traefik", (mount) => (mount.type = "npipe")),
    firstMount("postgres", (mount) => (mount.source = "./backups")),
    modelled("loki-socket", (service) => (service.exceptions = [])),
    modelled("loki-socket", (service) => everyOf(service.exceptions, (exception) => (exception.paths = ["/etc"]))),
    (stack) => (stack.model.folders = []),
    (stack) => everyOf(stack.model.folders, (folder) => (folder.path = "backups")),
  ],
  "offers no remote shell": [
    read("worker", (service) => (service.command = ["/usr/sbin/sshd", "-D"])),
    read("worker", (service) => (service.ports = ["127.0.0.1:2222:22"])),
  ],
  "publishes no port that is neither the proxy's nor asked for in stack.yaml": [
    read("postgres", (service) => (service.ports = ["127.0.0.1:5432:5432"])),
    read("worker", (service) => service.ports?.push("127.0.0.1:2526:26")),
    read("worker", (service) => (service.ports = ["127.0.0.1:2525:25/udp"])),
    (stack) => (stack.askedPorts = []),
  ],
  "publishes below 1024 only 80 and 443 of the proxy, or what stack.yaml asks for": [
    read("traefik", (service) => service.ports?.push("0.0.0.0:25:25")),
    read("worker", (service) => service.ports?.push("127.0.0.1:26:26")),
  ],
  "says on which address each port listens, in the short form that scanners read": [
    read("traefik", (service) => (service.ports = ["80:80"])),
    read("traefik", (service) => (service.ports = [{ published: 80, target: 80 }] as unknown as string[])),
  ],
  "stands in named networks, or in none": [
    read("server", (service) => delete service.networks),
    read("server", (service) => (service.network_mode = "host")),
    read("postgres-setup", (service) => delete service.network_mode),
    read("postgres-setup", (service) => (service.network_mode = "bridge")),
    read("postgres", (service) => service.networks?.push("public")),
    modelled("postgres", (service) => service.networks.push("public")),
  ],
  "has limits for memory, CPUs and processes": [
    read("server", (service) => delete service.deploy),
    read("server", (service) => delete service.deploy?.resources?.limits?.memory),
    read("server", (service) => delete service.deploy?.resources?.limits?.cpus),
    read("server", (service) => delete service.deploy?.resources?.limits?.pids),
    modelled("server", (service) => (service.limits.memory *= 2)),
    modelled("server", (service) => (service.limits.cpus = 99)),
  ],
  "has a read-only root file system": [
    read("redis", (service) => delete service.read_only),
    read("redis", (service) => (service.read_only = false)),
    modelled("api", (service) => (service.exceptions = [])),
  ],
  "is restarted where it is to run on, and only there": [
    read("redis", (service) => delete service.restart),
    read("redis", (service) => (service.restart = "always")),
    read("postgres-setup", (service) => (service.restart = "on-failure")),
    read("server-migrate", (service) => (service.restart = "unless-stopped")),
  ],
  "shares no namespace with the host or another container": [
    read("server", (service) => (service.pid = "host")),
    read("server", (service) => (service.ipc = "host")),
    read("server", (service) => (service.uts = "host")),
    read("server", (service) => (service.userns_mode = "host")),
    read("server", (service) => (service.volumes_from = ["postgres"])),
  ],
  "touches no device and no control group, but for what an exception names key by key": [
    read("legacy", (service) => (service.gpus = "all")),
    read("legacy", (service) => (service.cgroup_parent = "x")),
    modelled("legacy", (service) => everyOf(service.exceptions, (exception) => (exception.keys = ["hostname"]))),
    modelled("legacy", (service) => everyOf(service.exceptions, (exception) => (exception.reason = ""))),
    read("server", (service) => (service.devices = ["/dev/kvm"])),
    read("server", (service) => (service.cgroup_parent = "x")),
  ],
  "has a limit for open files": [
    read("server", (service) => delete service.ulimits),
    read("server", (service) => (service.ulimits = { nofile: { soft: 1, hard: 9_999_999 } })),
    modelled("server", (service) => (service.nofile = 1)),
  ],
  "shares no mount back to the host": [
    firstMount("traefik", (mount) => (mount.bind = { create_host_path: false, propagation: "shared" })),
  ],
  "runs an image that names its version": [
    read("server", (service) => (service.image = "ghcr.io/you/server")),
    read("server", (service) => (service.image = "ghcr.io/you/server:latest")),
    read("server", (service) => (service.image = "ghcr.io/you/server:9")),
    (stack) => {
      read("server", (service) => (service.image = "ghcr.io/you/server:latest"))(stack);
      modelled("server", (service) => (service.image = "ghcr.io/you/server:latest"))(stack);
    },
  ],
  "cannot reach the Docker engine, but for a proxy that lets others read what it was told to": [
    firstMount("traefik", (mount) => (mount.source = "/var/run/docker.sock")),
    read("loki-socket", (service) => service.command?.push("-allowPOST=/containers/create")),
    read("loki-socket", (service) => service.command?.push("-allowGET=/.*")),
    read("loki-socket", (service) => service.networks?.push("edge")),
    read("loki-socket", (service) => (service.image = "busybox:1.38.0")),
    (stack) => (stack.networks["loki-socket"] = null),
    read("server", (service) => (service.environment = { DOCKER_HOST: "tcp://x" })),
  ],
  "cannot change its configuration": [
    firstMount("traefik", (mount) => delete mount.read_only),
    (stack) => (stack.model.folders = []),
  ],
  "has no secret in its environment": [
    read("server", (service) => (service.environment = { DB_PASSWORD: "x" })),
    read("server", (service) => (service.environment = { URL: "postgres://me:pass@db/x" })),
    read("postgres", (service) => (service.environment = { POSTGRES_PASSWORD: "x" })),
    read("postgres", (service) => (service.environment = { API_KEY: "x" })),
  ],
  "mounts in the long form": [read("redis", (service) => (service.volumes as unknown[])?.push("a:/b"))],
  "has its log rotated": [
    read("redis", (service) => delete service.logging),
    read("redis", (service) => (service.logging = { driver: "json-file", options: { "max-size": "10m" } })),
    read("redis", (service) => (service.logging = { driver: "json-file", options: { "max-file": "3" } })),
    read("redis", (service) => (service.logging = { driver: "none", options: service.logging?.options ?? {} })),
  ],
  "has time to stop, a data service at least 30 s": [
    read("server", (service) => delete service.stop_grace_period),
    (stack) => {
      read("redis", (service) => (service.stop_grace_period = "10s"))(stack);
      modelled("redis", (service) => (service.stopGracePeriod = 10_000))(stack);
    },
    modelled("server", (service) => (service.stopGracePeriod = 1)),
  ],
  "has in memory only what has a size and a mode": [
    read("server", (service) => (service.tmpfs = ["/tmp"])),
    read("server", (service) => (service.tmpfs = ["/tmp:mode=1777"])),
    read("server", (service) => (service.tmpfs = ["/tmp:size=64m"])),
  ],
  "checks its health with a program that its image has": [
    read("postgres", (service) => (service.healthcheck = { test: ["CMD", "curl", "x"] })),
    read("minio", (service) => (service.healthcheck = { test: ["mc", "ready", "local"] })),
    read("traefik", (service) => (service.image = "caddy:2")),
  ],
  "keeps Postgres' data where its version looks for them": [
    firstMount("postgres", (mount) => (mount.target = "/var/lib/postgresql/data"), "volume"),
    firstMount("old", (mount) => (mount.target = "/var/lib/postgresql"), "volume"),
  ],
  "runs no image that is gone": [
    read("minio", (service) => (service.image = "minio/minio:RELEASE.2025-01-01T00-00-00Z")),
    read("redis", (service) => (service.image = "docker.io/bitnami/redis:8")),
    read("redis", (service) => (service.image = "gcr.io/cadvisor/cadvisor:v0.5")),
  ],
  "reaches data over internal networks alone; Alertmanager has a way out to those who are told, for itself": [
    (stack) => (stack.networks.postgres = null),
    read("redis", (service) => service.networks?.push("public")),
  ],
  "is reached by the proxy over the internal network edge, which others join only for a route, or to try the routes": [
    modelled("postgres", (service) => service.networks.push("edge")),
    modelled("server", (service) => (service.networks = ["apps"])),
    (stack) => (stack.model.routes = []),
  ],
  "jobs do not start with the stack": [
    read("server-migrate", (service) => delete service.profiles),
    read("server", (service) => (service.profiles = ["jobs"])),
  ],
  "nothing is defined in two Compose files": [(stack) => stack.definedTwice.push("networks apps")],
  "Compose files hold services, networks, volumes and secrets alone": [(stack) => stack.otherKeys.push("version")],
  "networks are declared, used, and internal where the model says so": [
    (stack) => delete stack.networks.apps,
    (stack) => (stack.networks.spare = null),
    (stack) => (stack.networks.edge = null),
  ],
  "volumes are declared and used": [
    (stack) => delete stack.volumes["postgres-data"],
    (stack) => (stack.volumes.spare = null),
  ],
  "a volume is mounted by the services of its component, and of others where an exception names it": [
    modelled("server", (service) =>
      service.mounts.push({ kind: "volume", volume: "postgres-data", target: "/x", readOnly: true }),
    ),
    (stack) => stack.model.volumes.push({ name: "spare", component: "x", about: "x" }),
  ],
  "secrets are files under secrets/, declared, used and known to the model": [
    (stack) => (stack.secrets.sentry_dsn = { environment: "X" }),
    (stack) => (stack.secrets.postgres_superuser = { file: "./secrets/../x" }),
    (stack) => delete stack.secrets.postgres_superuser,
    (stack) => (stack.secrets.spare = { file: "./secrets/spare" }),
    (stack) => (stack.model.secrets = stack.model.secrets.filter(({ name }) => name !== "postgres_superuser")),
  ],
  "every secret of the model reaches a service, and composed ones are made of secrets that exist": [
    (stack) => stack.model.secrets.push({ name: "spare", about: "x", mode: 0o444, kind: "random", encoding: "hex" }),
    (stack) => (stack.model.secrets = stack.model.secrets.filter(({ name }) => name !== "postgres_server")),
    (stack) => (stack.model.secrets = stack.model.secrets.filter(({ name }) => name !== "server.env")),
    read("server", (service) => everyOf(service.env_file, (file) => (file.format = "env"))),
  ],
  "every path below /run/secrets that a service or its files name is granted to it": [
    read("postgres", (service) => (service.secrets = [])),
    read("postgres-setup", (service) => (service.secrets = [])),
    read("traefik", (service) => (service.secrets = [])),
    (stack) => (stack.files["config/redis/redis.conf"] = "aclfile /run/secrets/other"),
  ],
  "what a service mounts of the stack's directory is generated": [
    (stack) => delete stack.files["config/redis/redis.conf"],
    (stack) => (stack.model.folders = []),
  ],
  "nothing is mounted twice at one place": [
    read("server", (service) => service.tmpfs?.push("/tmp:size=1m,mode=1777")),
    read("server", (service) => service.tmpfs?.push("/app/uploads:size=1m,mode=1777")),
  ],
  "services wait for what exists, can be waited for and starts with them": [
    read("server", (service) => (service.depends_on = { nobody: { condition: "service_started" } })),
    read("server", (service) => (service.depends_on = { "server-migrate": { condition: "service_started" } })),
    read("server", (service) => (service.depends_on = { worker: { condition: "service_healthy" } })),
    read("server", (service) => (service.depends_on = { redis: { condition: "service_completed_successfully" } })),
  ],
  "no services wait for each other": [
    read("redis", (service) => (service.depends_on = { server: { condition: "service_started" } })),
  ],
  "every one-shot is awaited by a long-running service, unless nobody uses what it sets up": [
    modelled("server", (service) => (service.dependsOn = [])),
    modelled("minio", (service) => (service.dependsOn = [])),
  ],
  "every exception is a comment in the Compose file": [
    (stack) => (stack.files["compose.yaml"] = stack.files["compose.yaml"]?.replaceAll("# Exception", "#") ?? ""),
  ],
  "routes, probes, migrations, jobs, what is typed or asked, and data sources name services and volumes that exist": [
    (stack) => everyOf(stack.model.routes, (route) => (route.service = "nobody")),
    (stack) => everyOf(stack.model.migrations, (migration) => migration.needs.push("nobody")),
    (stack) => everyOf(stack.model.migrations, (migration) => (migration.service = "server")),
    (stack) => everyOf(stack.model.dataSources, (source) => (source.volume = "nothing")),
    (stack) => everyOf(stack.model.shortcuts, (shortcut) => (shortcut.service = "nobody")),
    (stack) =>
      everyOf(stack.model.dataSources, (source) => (source.follows = [{ service: "server", volume: "nothing" }])),
    (stack) => {
      const job = { name: "x", schedule: "* * * * *", timezone: "UTC", timeout: 1, catchUp: true, needs: [] };
      stack.model.jobs.push({ ...job, service: "server" });
    },
    (stack) => {
      stack.model.inspections.push({ component: "server", services: ["nobody"], command: [] });
    },
  ],
};

describe("a stack with a bit of everything", () => {
  const stack = inspectStack(everything);

  test.each(rules)("$name ($source)", (rule) => {
    expect(rule.broken(stack)).toEqual([]);
  });

  test("every rule has a name of its own and a way to fail", () => {
    expect(rules.map((rule) => rule.name).sort()).toEqual(Object.keys(mutations).sort());
  });

  const cases = rules.flatMap((rule) =>
    (mutations[rule.name] ?? []).map((mutate, index): [string, StackRule, Mutation] => [
      `${rule.name}: way ${index + 1}`,
      rule,
      mutate,
    ]),
  );

  test.each(cases)("a stack that breaks it is found: %s", (_, rule, mutate) => {
    const broken = structuredClone(stack);
    mutate(broken);
    expect(rule.broken(broken)).not.toEqual([]);
  });
});

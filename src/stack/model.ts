import type { SecretText } from "./secret-text.ts";

/** Which Compose file a service stands in, and under which heading. */
export type ServiceGroup = "edge" | "apps" | "data" | "logging" | "monitoring";

/**
 * What "ready" means for a service. `long-running` is ready when its health check says so; `one-shot` when it ended
 * with exit code 0 (a set-up step that others wait for); `job` is not started with the stack but run on demand.
 */
export type ServiceClass = "long-running" | "one-shot" | "job";

/** Parts of the hardening that a service may be excused from, each with a reason that is printed beside it. */
export type HardeningRule = "read-only-root" | "non-root" | "drop-capabilities" | "healthcheck";

export interface HardeningException {
  rule: HardeningRule;
  /** One line, for the person who reads the Compose file. */
  reason: string;
  /** With `drop-capabilities`: the capabilities that are given back. */
  capabilities?: string[];
}

export type Mount =
  | { kind: "volume"; volume: string; target: string; readOnly: boolean }
  /** A path of the stack's directory, relative and with forward slashes. */
  | { kind: "bind"; source: string; target: string; readOnly: boolean };

export interface Tmpfs {
  target: string;
  /** Bytes. */
  size: number;
  /** Octal text, `1777`. */
  mode: string;
  uid?: number;
  gid?: number;
  executable?: boolean;
}

export interface Healthcheck {
  /** Without a shell: `["CMD", …]`; with one: `["CMD-SHELL", "…"]`. A `$` is written once; Compose's `$$` is the printer's work. */
  test: string[];
  /** Milliseconds, as the next three. */
  interval: number;
  timeout: number;
  startPeriod: number;
  startInterval: number;
  retries: number;
}

export interface PublishedPort {
  host: string;
  published: number;
  target: number;
  protocol: "tcp" | "udp";
}

export interface Limits {
  cpus: number;
  /** Bytes. */
  memory: number;
  pids: number;
}

export interface Dependency {
  service: string;
  condition: "service_healthy" | "service_completed_successfully" | "service_started";
}

/** One Compose service in full: everything that every service must have is filled in. */
export interface Service {
  name: string;
  /** Key of the component in stack.yaml that it belongs to. */
  component: string;
  /** One line on what the service is for: the comment above it. */
  about: string;
  group: ServiceGroup;
  class: ServiceClass;
  image: string;
  /**
   * Variable in .env that holds the image's tag, so that a release is told apart by one line there: `SERVER_TAG`.
   * Undefined where the image is pinned in the Compose file itself.
   */
  tagVariable?: string;
  /** Numeric `uid:gid`. Undefined only with an exception to `non-root`: the image's own user is unknown. */
  user?: string;
  entrypoint?: string[];
  command?: string[];
  workingDir?: string;
  environment: Record<string, string>;
  /** Files of the stack's directory with more environment, read by Compose, values taken literally. */
  envFiles: string[];
  /** Names of secrets, each a file at /run/secrets/<name>. */
  secrets: string[];
  mounts: Mount[];
  tmpfs: Tmpfs[];
  networks: string[];
  ports: PublishedPort[];
  dependsOn: Dependency[];
  healthcheck?: Healthcheck;
  limits: Limits;
  replicas: number;
  /** Milliseconds between the stop signal and the kill. */
  stopGracePeriod: number;
  /** Bytes of /dev/shm. */
  shmSize?: number;
  init: boolean;
  nofile: number;
  exceptions: HardeningException[];
  /**
   * Hash of the generated configuration that is mounted into it. In a label, so that Compose recreates the service when
   * a mounted file changed, which it does not notice by itself.
   */
  configHash?: string;
}

export interface Volume {
  name: string;
  component: string;
  about: string;
}

export interface Network {
  name: string;
  about: string;
  /** No way out to the internet and none in. */
  internal: boolean;
}

/** Modes that servers accept: most want to read the file as any user, some refuse a file that others can read. */
export type SecretMode = 0o444 | 0o400 | 0o600;

export type SecretFile = {
  /** File name under secrets/. */
  name: string;
  about: string;
  mode: SecretMode;
} & (
  | /** 256 random bits, made once and then the user's. */ { kind: "random"; encoding: "base64url" | "hex" }
  /** Only the user can know it: an API key, a certificate. */
  | { kind: "supplied" }
  /** Made of other secrets and written again whenever those change. */
  | { kind: "composed"; content: SecretText }
  /** A certificate of the stack's private CA for these names, with its key in `<name>.key`; made again when the names change. */
  | { kind: "certificate"; hosts: string[]; keyName: string; authorityName: string }
);

/** A generated file that is not Compose: server configuration. */
export interface ConfigFile {
  /** Relative to the stack's directory, with forward slashes. */
  path: string;
  content: string;
  mode: 0o644 | 0o755;
}

/** How the supervisor sees from outside that a service is ready, beyond the engine's health check. */
export interface Probe {
  service: string;
  port: number;
  path: string;
}

/** A public address of a service. */
export interface Route {
  service: string;
  host: string;
  /** Path prefix; `/` is everything. */
  path: string;
  port: number;
  /** Traefik middlewares, in order, beyond those that every route has. */
  middlewares: string[];
  /** How the certificate comes about; undefined: the route is plain HTTP. */
  certificate: { kind: "acme"; resolver: string } | { kind: "file" } | { kind: "local" } | undefined;
}

/** How to bring an app's schema to its newest version. Each runs as a service of class `job`. */
export interface Migration {
  app: string;
  /** Compose service that is run for `migrate`. */
  service: string;
  /** Compose service that is run for `migrate --seed`. */
  seedService?: string;
  /** Milliseconds for `migrate`. */
  timeout: number;
  /** Milliseconds for `migrate --seed`; those of `timeout` where it is left out. */
  seedTimeout?: number;
  /** Services that must be healthy before it may run. */
  needs: string[];
  /** The Postgres server and database whose advisory lock is held meanwhile. */
  postgres?: { service: string; database: string; user: string };
}

/** A shell or client of a data component: `./prod.sh psql`, `redis-cli`. */
export interface Shortcut {
  /** Command word: `psql`, `redis-cli`, `mc`. */
  verb: string;
  component: string;
  service: string;
  /** Runs inside the service; further arguments of the user follow. */
  command: string[];
  about: string;
}

/** A setting of the host that a component needs and Compose cannot make. */
export interface HostNeed {
  component: string;
  /** Path below /proc/sys with dots: `vm.overcommit_memory`. */
  sysctl: string;
  minimum: number;
  /** True where the component works badly but does work without. */
  advisory: boolean;
  reason: string;
}

/** Something with state. What a backup will need to know of it. */
export interface DataSource {
  name: string;
  component: string;
  kind: "postgres" | "redis" | "object-store" | "volume";
  service: string;
  volume: string;
  databases?: string[];
}

/** The full desired state of a stack, as plain data. Written to .stack/model.json for the supervisor. */
export interface StackModel {
  /** Version of this shape. */
  format: 1;
  /** SHA-256 of the stack.yaml that it was made from; how a later edit is noticed. Empty until it is written. */
  source: string;
  name: string;
  services: Service[];
  volumes: Volume[];
  networks: Network[];
  secrets: SecretFile[];
  files: ConfigFile[];
  probes: Probe[];
  routes: Route[];
  migrations: Migration[];
  shortcuts: Shortcut[];
  hostNeeds: HostNeed[];
  dataSources: DataSource[];
}

/** One service in full, as plain data: what the generator prints into a Compose file. */

/** Which Compose file a service stands in, and under which heading. */
export type ServiceGroup = "edge" | "apps" | "data" | "logging" | "monitoring";

/**
 * What "ready" means for a service. `long-running` is ready when its health check says so; `one-shot` when it ended
 * with exit code 0 (a set-up step that others wait for); `job` is not started with the stack but run on demand.
 */
export type ServiceClass = "long-running" | "one-shot" | "job";

/** Parts of the hardening that a service may be excused from, each with a reason that is printed beside it. */
export type HardeningRule =
  | "read-only-root"
  | "non-root"
  | "drop-capabilities"
  | "healthcheck"
  | "host-paths"
  | "shared-volumes"
  | "kept-keys";

export interface HardeningException {
  rule: HardeningRule;
  /** One line, for the person who reads the Compose file. */
  reason: string;
  /** With `drop-capabilities`: the capabilities that are given back. */
  capabilities?: string[];
  /** With `host-paths`: what the service sees of the host. */
  paths?: string[];
  /** With `shared-volumes`: the volumes of other components that it mounts. */
  volumes?: string[];
  /** With `kept-keys`: the keys of Compose that are taken over as somebody wrote them. */
  keys?: string[];
}

export type Mount =
  | { kind: "volume"; volume: string; target: string; readOnly: boolean }
  /** A path of the stack's directory, relative and with forward slashes. */
  | { kind: "bind"; source: string; target: string; readOnly: boolean }
  /** An absolute path of the host, which an exception to `host-paths` names. */
  | { kind: "host"; source: string; target: string; readOnly: true };

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
  /** More of it, of a service with a `tagVariable`: each value is this text followed by the tag that .env holds. */
  releaseVariables?: Record<string, string>;
  /** Files of the stack's directory with more environment, read by Compose, values taken literally. */
  envFiles: string[];
  /** Names of secrets, each a file at /run/secrets/<name>. */
  secrets: string[];
  mounts: Mount[];
  /**
   * Run in a container like its own, without a network, before `start` makes it anew: where it fails, what it says is the
   * error, and what runs is left as it is.
   */
  configCheck?: string[];
  tmpfs: Tmpfs[];
  networks: string[];
  ports: PublishedPort[];
  dependsOn: Dependency[];
  healthcheck?: Healthcheck;
  limits: Limits;
  replicas: number;
  /** Milliseconds between the stop signal and the kill. */
  stopGracePeriod: number;
  /** Where another one than the image's own is the gentle one. */
  stopSignal?: "SIGINT" | "SIGQUIT";
  /** Bytes of /dev/shm. */
  shmSize?: number;
  init: boolean;
  nofile: number;
  /** Keys of a Compose service that nothing here knows, as they stand in stack.yaml; an exception names each. */
  kept?: Readonly<Record<string, unknown>>;
  exceptions: HardeningException[];
  /**
   * Hash of the generated configuration that is mounted into it. In a label, so that Compose recreates the service when
   * a mounted file changed, which it does not notice by itself.
   */
  configHash?: string;
}

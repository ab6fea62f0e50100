import type { AlertRule, Console, Monitoring, NotifySettings, Scrape } from "./monitoring.ts";
import type { SecretText } from "./secret-text.ts";

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
  | "kept-keys";

export interface HardeningException {
  rule: HardeningRule;
  /** One line, for the person who reads the Compose file. */
  reason: string;
  /** With `drop-capabilities`: the capabilities that are given back. */
  capabilities?: string[];
  /** With `host-paths`: what the service sees of the host. */
  paths?: string[];
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
  /** Only the user can know it: an API key, a certificate. `for`: no service reads it, so the stack starts without it. */
  | { kind: "supplied"; for?: "backup" | "notify" }
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

/** A folder of the stack's directory that containers use and that must be there before they start. */
export interface Folder {
  /** Relative, with forward slashes. One that every user may write to lies below a folder that only the owner may enter. */
  path: string;
  mode: 0o777 | 0o755 | 0o700;
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

/** A command that runs by the clock. Its service has the class `job`. */
export interface Job {
  /** Key of its component. */
  name: string;
  service: string;
  /** Cron line of five fields, and the time zone that it is read in. */
  schedule: string;
  timezone: string;
  /** Milliseconds after which a run is stopped. */
  timeout: number;
  /** A time that passed while nothing could run is made up for, once. False: it is told as missed. */
  catchUp: boolean;
  /** Services that must be healthy before it may run. */
  needs: string[];
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

/**
 * What a component tells of itself on the status screen beyond healthy or not: who is primary, how far a replica is behind.
 * `command` runs in the first of `services` that is healthy, else that runs, and prints one InspectionAnswer as JSON within
 * five seconds: longer nobody waits, but it is not killed, so it has time limits of its own where it asks others.
 */
export interface Inspection {
  component: string;
  services: string[];
  command: string[];
}

export interface InspectionAnswer {
  /** Shown in this order: `{ "primary": "cache-2", "quorum": "3 of 3" }`. */
  facts: Record<string, string>;
  /** What is wrong; `hint` is the next command to type. */
  problems?: { message: string; hint?: string }[];
}

/** A bucket elsewhere that apps of the stack use; `status` looks whether it opens. */
export interface ExternalBucket {
  component: string;
  bucket: string;
  /** URL of a server that is not AWS. */
  endpoint?: string;
  region: string;
  pathStyle: boolean;
  /** Secrets with the access key and its secret key. */
  accessKey: string;
  secretKey: string;
}

/** Something that a person does to a component by hand: `./prod.sh redis failover cache`. */
export interface Action {
  /** Type of the component, and what is done. */
  verb: string;
  word: string;
  component: string;
  /** `command` runs in the first of them that is healthy, else that runs. */
  services: string[];
  command: string[];
  about: string;
  /** Question that is answered with yes (or `--yes`) before; left out: it is harmless. */
  asks?: string;
  /** Milliseconds. */
  timeout: number;
}

/** A section of the runbook's part "When something is wrong". */
export interface RunbookNote {
  title: string;
  /** Markdown. */
  text: string;
}

/** What a component needs of the host and Compose cannot make. */
export type HostNeed = {
  component: string;
  /** True where the component works badly but does work without. */
  advisory: boolean;
  reason: string;
} & (
  | /** Path below /proc/sys with dots: `vm.overcommit_memory`. */ { sysctl: string; minimum: number }
  /** Bytes of memory that the whole machine has; `hint`: what else could be done. */
  | { memory: number; hint: string }
  /** One of these flags of /proc/cpuinfo, where the machine is of this architecture. */
  | { processor: string[]; architecture: "amd64" | "arm64"; hint: string }
);

/** A command that runs in a container of its own, of the image that the source's service runs, for a backup or a restore. */
export interface Task {
  /** Without a shell in between. */
  command: string[];
  /** Numeric `uid:gid`. */
  user: string;
  environment?: Record<string, string>;
  /** Names of secrets, each a file at /run/secrets/<name>. */
  secrets?: string[];
  mounts?: Mount[];
  /** Networks of the stack that it needs to reach the server; none where it works on files alone. */
  networks?: string[];
}

/** How a volume is copied while its service is there. */
export type Consistency =
  /** While it is written to: what changes meanwhile is told, and copied again next time. */
  | { kind: "live" }
  /** The service's processes stand still while files are read. */
  | { kind: "pause" }
  | { kind: "stop" }
  /** A command in the running service writes what is to be copied, or freezes it; `after` runs in any case. */
  | { kind: "exec"; before: string[]; after?: string[] };

/** Something with state, and what a backup and a restore need to know of it. One kind, one file in operations/backup. */
export type DataSource = {
  /** Unique in the stack: a folder name in every store. */
  name: string;
  component: string;
  service: string;
  /** Name in the model of the volume that holds it. */
  volume: string;
  /**
   * Services with volumes that are made of what this one holds (replicas, and who is what among them). A restore stops them
   * too and gives them empty volumes, which they fill again by themselves; its undo brings the old ones back.
   */
  follows?: { service: string; volume: string }[];
} & (
  | {
      kind: "postgres";
      databases: string[];
      /** Volume with the server's Unix socket, over which the image's own user is the superuser. */
      socketVolume: string;
      /** Folder of the stack's directory into which the server puts finished segments of its write-ahead log. */
      spool: string;
      /** Where the service mounts `volume`. */
      target: string;
      /** PGDATA inside the container. */
      dataFolder: string;
      /** Numeric `uid:gid` of the server. */
      user: string;
    }
  | {
      /** A server that can write all it holds into files, and be filled from them: Redis. A new one joins by this data alone. */
      kind: "dump";
      /** What the files below /backup are, for the runbook: "`dump.rdb`: what the server writes when it saves". */
      parts: string;
      /** Services that hold the same: where `service` does not run, the first of them that does is asked in its place. */
      standIns?: string[];
      /** Writes the content of the running server into files below /backup. */
      capture: Task;
      /** Looks at the files below /backup, read-only, with the server's own checker; may print `count {"keys": 3}`: what they hold. */
      check: Task;
      /** Makes the content of a new, empty volume, mounted at `target`, of the files below /backup. */
      load: Task;
      /**
       * Run inside a running server, the live one and a restored one; prints one JSON object of numbers (`{"keys": 3}`)
       * that are the same when nothing is lost. `expiring`: how many of `keys` are going to go by themselves.
       */
      count: string[];
      target: string;
    }
  | {
      /** A server that speaks S3. */
      kind: "object-store";
      port: number;
      network: string;
      /** Secrets with the root user's name and password. */
      userSecret: string;
      passwordSecret: string;
      target: string;
      /** It has no client of MinIO in its image but curl, with which it is filled where this program is not. */
      client?: "curl";
    }
  | { kind: "volume"; consistency: Consistency }
);

export type DataSourceOf<Kind extends DataSource["kind"]> = Extract<DataSource, { kind: Kind }>;

/** State that is left out of backups on purpose, so that nobody takes it for forgotten. */
export interface Unprotected {
  name: string;
  component: string;
  reason: string;
}

/** When something runs: a cron line of five fields. */
export interface BackupSchedule {
  full: string;
  dump: string;
  increment: string;
  drill: string;
  /** IANA name: `Europe/Berlin`. */
  timezone: string;
  /** Milliseconds; a run begins up to this much later, so that not every server in the world begins at 02:00. */
  jitter: number;
}

/** An S3 bucket that snapshots are delivered to. */
export interface S3Destination {
  name: string;
  type: "s3";
  bucket: string;
  region?: string;
  endpoint?: string;
  /** Folder in the bucket, without slashes at its ends. */
  prefix: string;
  pathStyle?: boolean;
  /** Secret: a file with the access key id in its first line and the secret key in its second, or with AWS_… lines. */
  credentials: string;
  /** Bytes per second. */
  bandwidth?: number;
  /** Milliseconds; undefined: as `keep.remote`. */
  keep?: number;
  /** Nothing is ever removed there: the bucket's own rules do that. */
  appendOnly: boolean;
}

export type BackupDestination = S3Destination;

/** How the stack is backed up. */
export interface BackupSettings {
  schedule: BackupSchedule;
  /** Milliseconds, and how many checked sets are kept however old. */
  keep: { local: number; remote: number; frequent: number; atLeast: number };
  encrypt: { kind: "none" } | { kind: "age"; recipients: string[] } | { kind: "gpg"; keys: string[] };
  destinations: BackupDestination[];
  /** Milliseconds: how much may be lost, how long a restore may take. */
  rpo: number;
  rto: number;
  /** Who is told of each run: `ping` and `webhook` are secrets that hold an address. */
  report: {
    /** Requested after a run in which everything went well, and only then. */
    ping?: string;
    /** Gets a JSON document for each run. */
    webhook?: string;
    /** Folder below the stack's directory, or absolute, where a Prometheus textfile is written. */
    textfile?: string;
  };
  /** Image with GNU tar and zstd, for the archives of volumes. */
  toolbox: string;
}

/** The full desired state of a stack, as plain data. Written to .stack/model.json for the supervisor. */
export interface StackModel {
  /** Version of this shape. */
  format: 1;
  /** SHA-256 of the stack.yaml that it was made from; how a later edit is noticed. Empty until it is written. */
  source: string;
  name: string;
  /** Which of `environments:` it is; undefined where stack.yaml has none. */
  environment?: string;
  services: Service[];
  volumes: Volume[];
  networks: Network[];
  secrets: SecretFile[];
  files: ConfigFile[];
  folders: Folder[];
  probes: Probe[];
  routes: Route[];
  migrations: Migration[];
  jobs: Job[];
  shortcuts: Shortcut[];
  inspections: Inspection[];
  externalBuckets?: ExternalBucket[];
  actions: Action[];
  /** Left out where no component has something to say. */
  notes?: RunbookNote[];
  hostNeeds: HostNeed[];
  dataSources: DataSource[];
  unprotected: Unprotected[];
  backup: BackupSettings;
  notify: NotifySettings;
  /** Undefined: nothing measures this stack, and the supervisor itself tells `notify` of what goes wrong. */
  monitoring?: Monitoring;
  /** What Prometheus reads. */
  scrapes: (Scrape & { component: string })[];
  /** Every rule of Prometheus, for the runbook and for `status`. */
  alerts: (AlertRule & { component: string })[];
  consoles: Console[];
}

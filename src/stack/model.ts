import type { BackupSettings } from "./backup-settings.ts";
import type { DataSource, Unprotected } from "./data-source.ts";
import type { AlertRule, Console, Monitoring, NotifySettings, Scrape } from "./monitoring.ts";
import type { SecretText } from "./secret-text.ts";
import type { Service } from "./service.ts";

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

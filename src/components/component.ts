import type { z } from "zod";
import type { DataSource, Unprotected } from "../stack/data-source.ts";
import type {
  Action,
  ConfigFile,
  ExternalBucket,
  Folder,
  HostNeed,
  Inspection,
  Job,
  Migration,
  Network,
  Probe,
  Route,
  RunbookNote,
  SecretFile,
  Shortcut,
  Volume,
} from "../stack/model.ts";
import type {
  AlertRule,
  Console,
  Dashboard,
  GrafanaSource,
  Monitoring,
  NotifySettings,
  Scrape,
  Thresholds,
} from "../stack/monitoring.ts";
import type { SecretText } from "../stack/secret-text.ts";
import type {
  Dependency,
  HardeningException,
  Healthcheck,
  Mount,
  PublishedPort,
  ServiceClass,
  ServiceGroup,
  Tmpfs,
} from "../stack/service.ts";
import type { Problem } from "../support/errors.ts";

/** Path of keys and indexes inside a component's own section of stack.yaml; the generator finds its line. */
export type OptionPath = readonly (string | number)[];

/** Something that is wrong in a component's options beyond their types. */
export type OptionProblem = Omit<Problem, "position"> & {
  path: OptionPath;
  /** The component whose section `path` begins in; left out for the component's own. */
  component?: string;
};

/** One `uses` entry: which other component, and where in the options it was said. */
export interface Use {
  component: string;
  /** `postgres/reports` asks for that database of the component. */
  part?: string;
  path: OptionPath;
}

/** One component that uses the one that is told. */
export interface UsedBy {
  key: string;
  part?: string;
  /**
   * Set where it uses another component of the same type before this one. The plain names (`DATABASE_URL`) are that
   * one's; here they get this component's key in front.
   */
  further?: true;
}

/** What a component is told about its place in the stack. */
export interface ComponentUse {
  /** Name of the stack. */
  stack: string;
  /** Which of `environments:` it is; production where stack.yaml has none. */
  environment: string;
  /** Key in stack.yaml: the Compose service name, or its prefix. */
  key: string;
  /** Components that use this one, in the order of stack.yaml. */
  usedBy: UsedBy[];
  /**
   * True where a component of the stack monitors the others: then exporters, scrapes, alert rules and dashboards are
   * wanted, and services with metrics join the network `scrape`.
   */
  monitored: boolean;
  /** Who is told when something is wrong. */
  notify: NotifySettings;
  /** From which values on somebody is told; for rules of components, whose numbers stand in one place of stack.yaml. */
  thresholds: Thresholds;
  /** Reads a file of templates/ and fills it in; throws on a missing value. Path such as `redis/redis.conf.hbs`. */
  template(path: string, values: Record<string, unknown>): string;
}

/** What a service needs. Whatever is left out has the hardened default of generator/harden.ts. */
export interface ServiceNeeds {
  name: string;
  about: string;
  group: ServiceGroup;
  class?: ServiceClass;
  image: string;
  tagVariable?: string;
  /** Numeric `uid:gid`; left out only with an exception to `non-root`. */
  user?: string;
  entrypoint?: string[];
  command?: string[];
  workingDir?: string;
  environment?: Record<string, string>;
  releaseVariables?: Record<string, string>;
  envFiles?: string[];
  secrets?: string[];
  mounts?: Mount[];
  configCheck?: string[];
  tmpfs?: Tmpfs[];
  networks: string[];
  ports?: PublishedPort[];
  dependsOn?: Dependency[];
  healthcheck?: Partial<Healthcheck> & { test: string[] };
  limits: { cpus: number; memory: number; pids?: number };
  replicas?: number;
  stopGracePeriod?: number;
  stopSignal?: "SIGINT" | "SIGQUIT";
  shmSize?: number;
  init?: boolean;
  nofile?: number;
  kept?: Readonly<Record<string, unknown>>;
  exceptions?: HardeningException[];
}

/** Environment that a component offers to one app that uses it. */
export interface Connection {
  /** Key of the app that it is for. */
  app: string;
  /** Component that offers it. */
  from: string;
  /** Part that was asked for with `component/part`. */
  part?: string;
  /** `DATABASE_URL` to its value. */
  variables: Record<string, SecretText>;
  /** Network on which the app reaches it. */
  network: string;
  /** Services that the app waits for. */
  dependsOn: Dependency[];
  /** What a migration finds in place of some of them: an address that goes round what stands in between. */
  direct?: Record<string, SecretText>;
  /** Where it is a Postgres database: what an advisory lock needs. */
  postgres?: { service: string; database: string; user: string };
}

/** A public address that a service asks for. How it gets a certificate is the edge's business. */
export interface RouteNeeds {
  service: string;
  host: string;
  /** Path prefix; `/` is everything. */
  path: string;
  port: number;
  /** Large bodies come and go here (an object store): no time limit on the body. */
  uploads?: boolean;
  at: OptionPath;
}

/** Of a union each member without its component, which the generator fills in. */
export type WithoutComponent<Item> = Item extends unknown ? Omit<Item, "component"> : never;

/** What a component adds to the stack. All parts are optional. */
export interface Contribution {
  services?: ServiceNeeds[];
  volumes?: Omit<Volume, "component">[];
  networks?: Network[];
  secrets?: SecretFile[];
  files?: ConfigFile[];
  connections?: Connection[];
  probes?: Probe[];
  routeNeeds?: RouteNeeds[];
  /** Finished routes; only the component that is the edge makes them, of everybody's `routeNeeds`. */
  routes?: Route[];
  migrations?: Migration[];
  /** What runs by the clock; each names a service of class `job`. */
  jobs?: Job[];
  shortcuts?: Omit<Shortcut, "component">[];
  /** What `status` shows of it. */
  inspections?: Omit<Inspection, "component">[];
  /** Buckets elsewhere that it opens to apps. */
  externalBuckets?: Omit<ExternalBucket, "component">[];
  /** What a person does to it by hand. */
  actions?: Omit<Action, "component">[];
  /** What a person on call must know of it beyond what holds for all. */
  runbook?: RunbookNote[];
  hostNeeds?: WithoutComponent<HostNeed>[];
  dataSources?: WithoutComponent<DataSource>[];
  /** State that is not backed up on purpose, with the reason. */
  unprotected?: Omit<Unprotected, "component">[];
  folders?: Folder[];
  /** Metrics of its services; only where the stack is `monitored`, as the next two. */
  scrapes?: Scrape[];
  alertRules?: AlertRule[];
  dashboards?: Dashboard[];
  grafanaSources?: GrafanaSource[];
  consoles?: Omit<Console, "component">[];
  /** Where the supervisor asks; only the component that `monitors` says it, and only once. */
  monitoring?: Omit<Monitoring, "component">[];
  /** Names of alert rules that the user does not want; only the component that `monitors` says it. */
  alertsOff?: string[];
  /** What is wrong, found while contributing. The generator reports all of them together. */
  problems?: OptionProblem[];
}

/** A contribution with the component that made it. */
export interface ContributionOf {
  key: string;
  type: string;
  options: unknown;
  contribution: Contribution;
}

/** An answer that `create-stack` asks for; `path` is where it goes in the component's options. */
export interface Question {
  path: OptionPath;
  message: string;
  /** `list` takes several answers with commas between, `words` a command with spaces between. */
  kind: "input" | "confirm" | "select" | "list" | "words";
  choices?: string[];
  default?: string | boolean;
  /** Asked only where this other option was answered: a worker without a port has no routes. */
  needs?: OptionPath;
  /** The answer `none` leaves the option out. */
  optional?: boolean;
  /** Of a list, called with each entry. Undefined: fine. Otherwise what is wrong, in one line. */
  validate?(answer: string): string | undefined;
}

/** An entry of the catalogue. */
export interface Component<Options = unknown> {
  /** Folder name and default key in stack.yaml. */
  type: string;
  /** What it is, in one line: prompt text and the comment above its services. */
  about: string;
  /**
   * Type whose names of variables it gives its apps too (Valkey: REDIS_URL): an app that uses one of each has the plain
   * names of the first.
   */
  namesLike?: string;
  /** Set where apps have nothing of it to connect to: `create-stack` does not write it under their `uses`. */
  offersNothing?: true;
  /** Its section of stack.yaml, defaults included; strict, with a description on each key. */
  options: z.ZodType<Options>;
  questions?: Question[];
  /** It monitors the others: `ComponentUse.monitored` is true for all, and it collects last, what others collected included. */
  monitors?: true;
  /** Where it `monitors`: `ComponentUse.thresholds` of all, in place of the usual ones. */
  thresholds?(options: Options): Thresholds;
  /** Which other components it uses. */
  uses?(options: Options): Use[];
  /** What it adds. Pure: same input, same output. */
  contribute(options: Options, use: ComponentUse): Contribution;
  /** For those that read the rest (an app its connections, a proxy the routes): what they add once all have contributed. */
  collect?(options: Options, use: ComponentUse, all: readonly ContributionOf[]): Contribution;
}

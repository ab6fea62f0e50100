import type { ServiceClass, ServiceGroup } from "../stack/service.ts";
import type { ExitCause } from "../support/errors.ts";
import type { JobView } from "./jobs/view.ts";
import type { FiringAlert } from "./notify/list-alerts.ts";
import type { SchedulerKind } from "./schedule/entry.ts";

/**
 * One word for all containers of a service, the worst one where they differ. `done` and `failed` are the ends of a
 * one-shot; `gone` is a one-shot whose container was tidied away after those that wait for it had come up.
 */
export type ServiceState =
  | "healthy"
  | "running"
  | "starting"
  | "unhealthy"
  | "restarting"
  | "paused"
  | "created"
  | "exited"
  | "missing"
  | "done"
  | "failed"
  | "gone";

export interface ServiceStatus {
  name: string;
  /** False for services that only compose.override.yaml knows. */
  known: boolean;
  group?: ServiceGroup;
  class: ServiceClass;
  state: ServiceState;
  replicas: { running: number; wanted: number };
  /** Seconds since the youngest container started. */
  uptime?: number;
  restarts: number;
  /** Bytes over all containers; a limit of 0 is none. */
  memory?: { used: number; limit: number };
  image: string;
  exitCode?: number;
}

/** What a client is shown for one host name. */
export type CertificateStatus =
  | {
      /** `private` is the stack's own authority, `default` the one that Traefik makes up when it has none. */
      kind: "issued" | "private" | "default";
      issuer: string;
      daysLeft: number;
      /** False where the certificate is made for other names. */
      matches: boolean;
    }
  | { kind: "unreachable"; reason: string };

export interface RouteStatus {
  service: string;
  url: string;
  /** Undefined: plain HTTP, or nothing could be asked because the edge does not run. */
  certificate?: CertificateStatus;
}

export interface MigrationStatus {
  app: string;
  /** Undefined: never run from this directory. */
  last?: { id: string; outcome: string; startedAt: string; finishedAt?: string; exitCode?: number };
}

export interface HostStatus {
  memory: { total: number; free: number };
  /** Of the file system with the engine's data, or with the stack where that cannot be looked at. */
  disk?: { path: string; total: number; free: number };
}

/** A command that runs on this stack now, or one that was cut off. */
export interface CommandStatus {
  command: string;
  pid?: number;
  since?: string;
}

/** A target that Prometheus cannot read. */
export interface TargetDown {
  job: string;
  instance: string;
  component?: string;
  service?: string;
}

/** What monitoring says. What is left out is not known now. */
export interface MonitoringStatus {
  alerts?: FiringAlert[];
  targetsDown?: TargetDown[];
  /** ISO 8601 when metrics of services were written last. */
  metricsWrittenAt?: string;
  /** Bytes on the disk that kept logs take, by component; measured with the metrics, every quarter of an hour. */
  logStores?: Record<string, number>;
  /** Why something is not known. */
  silent?: string[];
}

/** What a component tells of itself, in its own words and order: who is primary, how far a replica is behind. */
export interface ComponentFacts {
  component: string;
  facts: Record<string, string>;
}

/** What keeps an eye on the stack. Times are ISO 8601. */
export interface SupervisorStatus {
  schedule: { installed: SchedulerKind[]; lastCall?: string };
  watch: { installed: boolean; running: boolean; lastLook?: string };
}

/** Something that is not as it should be, with the one next command to type. */
export interface StatusProblem {
  subject: string;
  message: string;
  hint: string;
}

/** Everything that `status` knows, as printed by `--json`. */
export interface StatusReport {
  format: 1;
  stack: string;
  /** Which of stack.yaml's environments; left out where it has none. */
  environment?: string;
  /** When it was looked at, ISO 8601. */
  at: string;
  healthy: boolean;
  problems: StatusProblem[];
  services: ServiceStatus[];
  /** Only components that tell something, and of those that run. */
  components: ComponentFacts[];
  routes: RouteStatus[];
  volumes: { name: string; bytes?: number }[];
  migrations: MigrationStatus[];
  jobs: JobView[];
  host: HostStatus;
  /** Undefined: the stack has no monitoring. */
  monitoring?: MonitoringStatus;
  /** Undefined where it was not asked for. */
  supervisor?: SupervisorStatus;
  running?: CommandStatus;
  interrupted?: CommandStatus;
}

/** With which cause `status` ends. */
export function exitOfStatus(report: StatusReport): ExitCause {
  return report.healthy ? "done" : "unhealthy";
}

/** What the engine says of itself and its host. */
export interface EngineInfo {
  version: string;
  apiVersion: string;
  os: string;
  /** As images name it: `amd64`, `arm64`. */
  architecture: string;
  cpus: number;
  /** Bytes. */
  memory: number;
  /** Where the engine keeps its data: the disk that can fill up. */
  dataRoot: string;
}

export type ContainerState = "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead";

/** One container of the stack as the engine reports it now. */
export interface ObservedContainer {
  id: string;
  name: string;
  /** Compose service; from the label `com.docker.compose.service`. */
  service: string;
  /** True for `docker compose run` containers. */
  oneOff: boolean;
  image: string;
  imageId: string;
  /** Compose's own hash of the service that the container was made from. */
  composeHash: string;
  state: ContainerState;
  /** Undefined: the container has no health check. */
  health?: "starting" | "healthy" | "unhealthy";
  exitCode: number;
  oomKilled: boolean;
  restarts: number;
  /** Milliseconds since 1970; undefined where it never started (never ended). */
  startedAt?: number;
  finishedAt?: number;
  /** The engine's own words when a start failed: `exec: "node": executable file not found`. */
  error: string;
  /** The last health checks, newest last. */
  healthLog: { exitCode: number; output: string; at: number }[];
  /** Bytes; 0 is no limit. */
  memoryLimit: number;
  /** Processors; 0 is no limit. */
  cpuLimit: number;
  networks: string[];
  /** IP addresses by network, as the engine names it; only of what runs. */
  addresses: Record<string, string>;
}

/** What a container uses. */
export interface ResourceUse {
  /** Bytes now, without the page cache that the kernel would give back. */
  memory: number;
  /** Seconds of processor time since the container started. */
  cpu: number;
}

/** Something that happened to a container. */
export interface PastEvent {
  /** Milliseconds since 1970, with fractions. */
  at: number;
  id: string;
  service: string;
  /** True for `docker compose run` containers. */
  oneOff: boolean;
  /** `start`, `die`, `kill`, `oom`, `destroy`, `healthy`, … Checks and other execs are left out. */
  action: string;
  /** With `kill`: the number of the signal. */
  signal?: number;
}

/** A port of the host that a running container has. */
export interface TakenPort {
  /** `0.0.0.0`, `::`, `127.0.0.1`. */
  host: string;
  port: number;
  protocol: "tcp" | "udp";
  container: string;
  /** Compose project of the container, where it has one. */
  project?: string;
}

/** A container that runs once for an operation, outside of Compose: an archive is written, a copy is looked at. */
export interface ContainerSpec {
  name: string;
  /** Reference or id of an image that the engine has. */
  image: string;
  /** Numeric `uid:gid`. */
  user?: string;
  entrypoint?: string[];
  command: string[];
  environment?: Record<string, string>;
  /** Absolute paths of the host. */
  binds?: { source: string; target: string; readOnly: boolean }[];
  /** Names of volumes as the engine knows them. */
  volumes?: { volume: string; target: string; readOnly: boolean }[];
  tmpfs?: { target: string; options: string }[];
  /** Names of networks as the engine knows them; none: no network at all. */
  networks?: string[];
  /** What is given back of the capabilities, all of which are dropped. */
  capabilities?: string[];
  readOnlyRoot?: boolean;
  /** Bytes; left out: no limit. */
  memory?: number;
  cpus?: number;
  /** Bytes of /dev/shm. */
  shmSize?: number;
  /** Seconds between the stop signal and the kill. */
  stopTimeout?: number;
  labels: Record<string, string>;
  workingDir?: string;
}

/** One volume of the engine. */
export interface EngineVolume {
  name: string;
  driver: string;
  /** Folder on the engine's host. */
  mountpoint: string;
  /** Options of the driver; empty for an ordinary local volume. */
  options: Record<string, string>;
  labels: Record<string, string>;
  /** Milliseconds since 1970 when it was made, or when its folder was last exchanged for another. */
  changedAt: number;
}

/** What the engine reports now of everything that belongs to one stack. */
export interface ObservedStack {
  containers: ObservedContainer[];
}

export interface ExecResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Which part of a container's output; times are milliseconds since 1970. */
export interface LogRequest {
  since?: number;
  until?: number;
  /** Only the last lines of it. */
  tail?: number;
  /** Goes on with what is printed until the container ends. */
  follow?: boolean;
}

export interface LogLine {
  /** RFC 3339 in UTC with nine digits after the second, so that it sorts as text. */
  time: string;
  stream: "stdout" | "stderr";
  text: string;
}

/**
 * The Docker engine, as far as operations need it. No type of the client library appears here. Every call rejects with
 * a StackError (`engine-unreachable`, exit 10) when the engine does not answer.
 */
export interface Engine {
  info(): Promise<EngineInfo>;
  /** All containers of a Compose project, running or not, one-offs included; in order of service and number. */
  observe(project: string): Promise<ObservedStack>;
  /** Host ports of all running containers, whoever they belong to. */
  takenPorts(): Promise<TakenPort[]>;
  /** One container, or undefined where it is gone. */
  inspect(id: string): Promise<ObservedContainer | undefined>;
  /** What containers use, by id; those that do not run are left out. One sample each, all at the same time. */
  resourceUse(ids: readonly string[]): Promise<Map<string, ResourceUse>>;
  /** Undefined where the engine does not have the image. */
  image(reference: string): Promise<{ id: string; architecture: string; size: number; digests: string[] } | undefined>;
  /** The last lines of a container's output, stdout and stderr in order. */
  logTail(id: string, lines: number): Promise<string[]>;
  /** Follows a container's output from its start until it ends. Every line arrives, in order, before it resolves. */
  followLogs(
    id: string,
    onLine: (line: string, stream: "stdout" | "stderr") => void,
    signal?: AbortSignal,
  ): Promise<void>;
  /**
   * What a container printed, with the time of each line, oldest first; nothing where it is gone. As an iterable, so
   * that who is slow to read slows the reading down instead of filling memory. Ends quietly when aborted.
   */
  readLogs(id: string, request: LogRequest, signal?: AbortSignal): AsyncIterable<LogLine>;
  /** Resolves with the exit code when the container has ended. */
  waitForExit(id: string, signal?: AbortSignal): Promise<{ exitCode: number; oomKilled: boolean }>;
  /** Runs a command inside a running container and collects its output (small outputs only: a check, a number). */
  exec(
    id: string,
    command: readonly string[],
    options?: { user?: string; input?: string; timeout?: number },
  ): Promise<ExecResult>;
  /** An interactive exec whose input stays open until `close`; when this process dies the engine closes it. */
  openExec(id: string, command: readonly string[], options?: { user?: string }): Promise<OpenExec>;
  /** Makes a container and returns its id. One of that name that is there already is an error. */
  create(spec: ContainerSpec): Promise<string>;
  /** Starts a container that was made or has ended. Running already is fine. */
  start(id: string): Promise<void>;
  /** Freezes all processes of a container. Paused already is fine; so is one that does not run. */
  pause(id: string): Promise<void>;
  unpause(id: string): Promise<void>;
  /** All containers with this label and value, running or not. */
  labelled(label: string, value: string): Promise<(ObservedContainer & { labels: Record<string, string> })[]>;
  /** All containers that mount this volume, running or not, whoever they belong to. */
  usersOf(volume: string): Promise<ObservedContainer[]>;
  /** A container's address on a network, by the network's name as the engine knows it. */
  address(id: string, network: string): Promise<string | undefined>;
  /** Has the image pulled; returns when it is there. */
  pull(reference: string, signal?: AbortSignal): Promise<void>;
  /** Undefined where there is no such volume. */
  volume(name: string): Promise<EngineVolume | undefined>;
  createVolume(name: string, labels: Record<string, string>): Promise<void>;
  /** Already gone is fine; in use is an error. */
  removeVolume(name: string): Promise<void>;
  /** All volumes with this label and value. */
  labelledVolumes(label: string, value: string): Promise<EngineVolume[]>;
  stop(id: string, graceSeconds: number): Promise<void>;
  /** Stops a container, with the time that it has been given to end, and starts it. Once begun the engine does both. */
  restart(id: string): Promise<void>;
  kill(id: string, signal: string): Promise<void>;
  /**
   * Removes a container, stopped or not. Already gone is fine. Volumes without a name, which its image asked for, stay
   * unless told: nobody needs those of a container that ran once.
   */
  remove(id: string, options?: { unnamedVolumes?: boolean }): Promise<void>;
  /** Calls back on each event of the project's containers until aborted. Reconnects by itself; observe after each gap. */
  events(
    project: string,
    onEvent: (event: { service: string; action: string; id: string }) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /**
   * What happened to the project's containers after `since` and until now, oldest first. The engine remembers little of
   * it (its last 256 events, of all that runs on it, and none from before its own start): `knownFrom` is the moment from
   * which on nothing is missing.
   */
  pastEvents(project: string, since: number): Promise<{ events: PastEvent[]; knownFrom: number }>;
  /** Volumes of a project; sizes are measured only when asked for, which reads every file. */
  volumes(
    project: string,
    options?: { sizes?: boolean },
  ): Promise<{ name: string; driverName: string; bytes?: number }[]>;
}

export interface OpenExec {
  write(text: string): void;
  /** Resolves with the next line of output, or undefined at its end. */
  readLine(): Promise<string | undefined>;
  close(): Promise<void>;
}

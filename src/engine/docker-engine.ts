import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { inspect } from "node:util";
import Docker from "dockerode";
import { followEvents, pastEvents } from "./docker-events.ts";
import { execIn, openExecIn } from "./docker-exec.ts";
import { readLogs } from "./docker-logs.ts";
import { oneOffsOn, volumesOn } from "./docker-one-offs.ts";
import type { Engine, EngineInfo, ResourceUse, TakenPort } from "./engine.ts";
import { asked, unlessGone } from "./engine-errors.ts";
import { observedContainer } from "./observe.ts";
import { demultiplexer, lineJoiner, type OutputPiece, singleStream } from "./streams.ts";

/** The client library's object; it stays inside this folder. */
export type DockerClient = Docker;

const projectLabel = "com.docker.compose.project";
const serviceLabel = "com.docker.compose.service";
const numberLabel = "com.docker.compose.container-number";

/** A client for a `unix://` or `tcp://` address, undefined for any other kind. Opens no connection yet. */
export function openClient(host: string, env: Record<string, string | undefined> = {}): DockerClient | undefined {
  if (host.startsWith("unix://")) return withoutPrinting(new Docker({ socketPath: host.slice("unix://".length) }));
  if (!host.startsWith("tcp://")) return undefined;
  const url = new URL(host);
  const secure = Boolean(env.DOCKER_TLS_VERIFY) || url.port === "2376";
  const folder = env.DOCKER_CERT_PATH;
  const keys =
    secure && folder
      ? {
          ca: readFileSync(join(folder, "ca.pem")),
          cert: readFileSync(join(folder, "cert.pem")),
          key: readFileSync(join(folder, "key.pem")),
        }
      : {};
  const protocol = secure ? "https" : "http";
  return withoutPrinting(new Docker({ host: url.hostname, port: url.port || "2375", protocol, ...keys }));
}

/**
 * The client writes each request out for a debug log, hidden fields and all, whether somebody reads it or not
 * (docker-modem 5.0, buildRequest). In a supervisor that waits that was half of its processor time.
 */
function withoutPrinting(docker: Docker): Docker {
  const modem = docker.modem as unknown as { buildRequest(request: object, ...rest: unknown[]): void };
  const build = modem.buildRequest.bind(modem);
  modem.buildRequest = (request, ...rest) =>
    build(Object.defineProperty(request, inspect.custom, { value: () => "a request" }), ...rest);
  return docker;
}

/** The Engine that talks to a Docker engine through its API. */
export function engineOn(docker: DockerClient): Engine {
  return {
    info: () => asked(info(docker)),
    observe: async (project) => ({ containers: await asked(observe(docker, project)) }),
    inspect: async (id) => {
      const found = await unlessGone(docker.getContainer(id).inspect());
      return found === undefined ? undefined : observedContainer(found);
    },
    takenPorts: () => asked(takenPorts(docker)),
    resourceUse: (ids) => asked(resourceUse(docker, ids)),
    image: async (reference) => {
      const found = await unlessGone(docker.getImage(reference).inspect());
      if (found === undefined) return undefined;
      return { id: found.Id, architecture: found.Architecture, size: found.Size, digests: found.RepoDigests ?? [] };
    },
    logTail: (id, lines) => asked(logTail(docker, id, lines)),
    followLogs: (id, onLine, signal) => asked(followLogs(docker, id, onLine, signal), signal),
    readLogs: (id, request, signal) => readLogs(docker, id, request, signal),
    waitForExit: (id, signal) => asked(waitForExit(docker, id, signal), signal),
    exec: (id, command, options) => asked(execIn(docker, id, command, options)),
    openExec: (id, command, options) => asked(openExecIn(docker, id, command, options)),
    ...oneOffsOn(docker),
    ...volumesOn(docker),
    stop: async (id, graceSeconds) => {
      await unlessGone(docker.getContainer(id).stop({ t: graceSeconds }), 304);
    },
    restart: async (id) => {
      await unlessGone(docker.getContainer(id).restart());
    },
    kill: async (id, signal) => {
      await unlessGone(docker.getContainer(id).kill({ signal }), 409);
    },
    remove: async (id, options) => {
      await unlessGone(docker.getContainer(id).remove({ force: true, v: options?.unnamedVolumes ?? false }), 409);
    },
    events: (project, onEvent, signal) => followEvents(docker, project, onEvent, signal),
    pastEvents: (project, since) => asked(pastEvents(docker, project, since)),
    volumes: (project, options) => asked(volumes(docker, project, options?.sizes ?? false)),
  };
}

async function info(docker: DockerClient): Promise<EngineInfo> {
  const [host, version] = await Promise.all([docker.info(), docker.version()]);
  return {
    version: version.Version,
    apiVersion: version.ApiVersion,
    os: version.Os,
    architecture: version.Arch,
    cpus: host.NCPU,
    memory: host.MemTotal,
    dataRoot: host.DockerRootDir,
  };
}

async function observe(docker: DockerClient, project: string) {
  const listed = await docker.listContainers({ all: true, filters: { label: [`${projectLabel}=${project}`] } });
  const order = (labels: Record<string, string>) =>
    [labels[serviceLabel] ?? "", Number(labels[numberLabel] ?? 0)] as const;
  listed.sort((a, b) => {
    const [serviceA, numberA] = order(a.Labels);
    const [serviceB, numberB] = order(b.Labels);
    return serviceA < serviceB ? -1 : serviceA > serviceB ? 1 : numberA - numberB;
  });
  const inspected = await Promise.all(listed.map(({ Id }) => unlessGone(docker.getContainer(Id).inspect())));
  return inspected.filter((found) => found !== undefined).map(observedContainer);
}

async function takenPorts(docker: DockerClient): Promise<TakenPort[]> {
  const running = await docker.listContainers();
  return running.flatMap(({ Ports, Names, Labels }) =>
    Ports.filter(({ PublicPort }) => PublicPort > 0).map(({ IP, PublicPort, Type }) => {
      const project = Labels[projectLabel];
      return {
        host: IP,
        port: PublicPort,
        protocol: Type === "udp" ? "udp" : "tcp",
        container: (Names[0] ?? "").replace(/^\//, ""),
        ...(project === undefined ? {} : { project }),
      };
    }),
  );
}

async function resourceUse(docker: DockerClient, ids: readonly string[]): Promise<Map<string, ResourceUse>> {
  const use = new Map<string, ResourceUse>();
  const measure = async (id: string) => {
    // One shot: the engine answers at once instead of taking a second sample for the CPU share.
    const stats = await unlessGone(docker.getContainer(id).stats({ stream: false, "one-shot": true }));
    const memory = stats?.memory_stats;
    if (memory?.usage === undefined) return;
    // cgroup v1 has both names and counts the whole hierarchy under the longer one.
    const parts = memory.stats as Partial<Record<"total_inactive_file" | "inactive_file", number>> | undefined;
    use.set(id, {
      memory: Math.max(0, memory.usage - (parts?.total_inactive_file ?? parts?.inactive_file ?? 0)),
      cpu: (stats?.cpu_stats.cpu_usage.total_usage ?? 0) / 1e9,
    });
  };
  await Promise.all(ids.map(measure));
  return use;
}

async function hasTerminal(docker: DockerClient, id: string): Promise<boolean> {
  return (await docker.getContainer(id).inspect()).Config.Tty;
}

async function logTail(docker: DockerClient, id: string, lines: number): Promise<string[]> {
  const container = docker.getContainer(id);
  const [terminal, output] = await Promise.all([
    hasTerminal(docker, id),
    container.logs({ stdout: true, stderr: true, tail: lines, follow: false }),
  ]);
  const found: string[] = [];
  // The client library takes an output that happens to be JSON apart.
  const bytes = Buffer.isBuffer(output) ? output : Buffer.from(JSON.stringify(output));
  await readLines(Readable.from([bytes]), terminal, (line) => found.push(line));
  return found.slice(-lines);
}

async function followLogs(
  docker: DockerClient,
  id: string,
  onLine: (line: string, stream: "stdout" | "stderr") => void,
  signal?: AbortSignal,
): Promise<void> {
  const terminal = await hasTerminal(docker, id);
  const stream = (await docker.getContainer(id).logs({
    stdout: true,
    stderr: true,
    follow: true,
    ...(signal === undefined ? {} : { abortSignal: signal }),
  })) as unknown as Readable;
  await readLines(stream, terminal, onLine, signal);
}

/** Reads to the end; every line has been handed over when it resolves. */
async function readLines(
  source: Readable,
  terminal: boolean,
  onLine: (line: string, stream: "stdout" | "stderr") => void,
  signal?: AbortSignal,
): Promise<void> {
  const joiner = lineJoiner(onLine);
  await pipeline(
    source,
    terminal ? singleStream() : demultiplexer(),
    async (pieces: AsyncIterable<OutputPiece>) => {
      for await (const piece of pieces) joiner.add(piece);
    },
    signal === undefined ? {} : { signal },
  );
  joiner.end();
}

async function waitForExit(docker: DockerClient, id: string, signal?: AbortSignal) {
  const exitCode = await exitCodeOf(docker, id, signal);
  const ended = await unlessGone(docker.getContainer(id).inspect());
  return { exitCode, oomKilled: ended?.State.OOMKilled ?? false };
}

/**
 * The engine begins its answer at once and completes it when the container ends. It is read here, because the library's
 * own way never returns where the engine dies in between.
 */
async function exitCodeOf(docker: DockerClient, id: string, signal?: AbortSignal): Promise<number> {
  const answer = await new Promise<Readable>((resolve, reject) => {
    const call = {
      path: `/containers/${encodeURIComponent(id)}/wait?`,
      method: "POST",
      isStream: true,
      statusCodes: { 200: true, 400: "bad parameter", 404: "no such container", 500: "server error" },
      ...(signal !== undefined && { abortSignal: signal }),
    };
    docker.modem.dial(call, (error, stream) => (error ? reject(error) : resolve(stream as Readable)));
  });
  const pieces: Buffer[] = [];
  for await (const piece of answer) pieces.push(piece);
  const text = Buffer.concat(pieces).toString("utf8");
  // An engine that shuts down in an orderly way ends its answers, too.
  if (text.trim() === "") throw Object.assign(new Error("the engine ended its answer"), { code: "ECONNRESET" });
  return (JSON.parse(text) as { StatusCode: number }).StatusCode;
}

async function volumes(docker: DockerClient, project: string, sizes: boolean) {
  const { Volumes } = await docker.listVolumes({ filters: { label: [`${projectLabel}=${project}`] } });
  const found = (Volumes ?? []).map(({ Name, Driver }) => ({ name: Name, driverName: Driver }));
  found.sort((a, b) => (a.name < b.name ? -1 : 1));
  if (!sizes) return found;
  const use: { Volumes?: { Name: string; UsageData?: { Size: number } }[] } = await docker.df();
  const bytes = new Map((use.Volumes ?? []).map((volume) => [volume.Name, volume.UsageData?.Size ?? -1]));
  return found.map((volume) => {
    const size = bytes.get(volume.name) ?? -1;
    // The engine says -1 where a driver cannot tell.
    return size < 0 ? volume : { ...volume, bytes: size };
  });
}

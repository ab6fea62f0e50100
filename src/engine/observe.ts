import type { ContainerInspectInfo } from "dockerode";
import type { ContainerState, ObservedContainer } from "./engine.ts";

/** What the engine adds to its answer beyond the client library's types. */
interface HealthLogEntry {
  End?: string;
  ExitCode: number;
  Output: string;
}

/** Our picture of one container, from the engine's answer to `inspect`. */
export function observedContainer(answer: ContainerInspectInfo): ObservedContainer {
  const labels = answer.Config.Labels ?? {};
  const { State } = answer;
  const networks = answer.NetworkSettings.Networks ?? {};
  const health = healthOf(State.Health?.Status);
  const startedAt = time(State.StartedAt);
  const finishedAt = time(State.FinishedAt);
  const log = (State.Health?.Log ?? []) as HealthLogEntry[];
  return {
    id: answer.Id,
    name: answer.Name.replace(/^\//, ""),
    service: labels["com.docker.compose.service"] ?? "",
    oneOff: labels["com.docker.compose.oneoff"] === "True",
    image: answer.Config.Image,
    imageId: answer.Image,
    composeHash: labels["com.docker.compose.config-hash"] ?? "",
    state: State.Status as ContainerState,
    ...(health === undefined ? {} : { health }),
    exitCode: State.ExitCode,
    oomKilled: State.OOMKilled,
    restarts: answer.RestartCount,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(finishedAt === undefined ? {} : { finishedAt }),
    error: State.Error,
    healthLog: log.map(({ ExitCode, Output, End }) => ({ exitCode: ExitCode, output: Output, at: time(End) ?? 0 })),
    memoryLimit: answer.HostConfig.Memory ?? 0,
    cpuLimit: (answer.HostConfig.NanoCpus ?? 0) / 1e9,
    networks: Object.keys(networks),
    addresses: Object.fromEntries(
      Object.entries(networks).flatMap(([name, { IPAddress }]) => (IPAddress ? [[name, IPAddress]] : [])),
    ),
  };
}

function healthOf(status: string | undefined): ObservedContainer["health"] {
  return status === "starting" || status === "healthy" || status === "unhealthy" ? status : undefined;
}

/** The engine writes "never" as the year 1. */
function time(text: string | undefined): number | undefined {
  const milliseconds = Date.parse(text ?? "");
  return Number.isNaN(milliseconds) || milliseconds <= 0 ? undefined : milliseconds;
}

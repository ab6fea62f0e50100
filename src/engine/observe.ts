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
  const log = (State.Health?.Log ?? []) as HealthLogEntry[];
  const health = healthOf(State.Health, log);
  const startedAt = time(State.StartedAt);
  const finishedAt = time(State.FinishedAt);
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

/**
 * A pause ends the checks of a container, and the engine calls it unhealthy from then on until the next check, although none
 * has failed: such a container is what its last check said. Seen with engine 26.1, whose streak of failures is 0 then.
 */
function healthOf(
  health: { Status: string; FailingStreak: number } | undefined,
  log: readonly HealthLogEntry[],
): ObservedContainer["health"] {
  const { Status: status, FailingStreak: streak } = health ?? {};
  if (status === "unhealthy" && streak === 0) return log.at(-1)?.ExitCode === 0 ? "healthy" : "starting";
  return status === "starting" || status === "healthy" || status === "unhealthy" ? status : undefined;
}

/** The engine writes "never" as the year 1. */
function time(text: string | undefined): number | undefined {
  const milliseconds = Date.parse(text ?? "");
  return Number.isNaN(milliseconds) || milliseconds <= 0 ? undefined : milliseconds;
}

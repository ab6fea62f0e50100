import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";
import { lineJoiner } from "./streams.ts";

type OnEvent = (event: { service: string; action: string; id: string }) => void;

const reconnectAfter = 500;

/** Follows the events of a project's containers until aborted; a lost connection is opened again. */
export async function followEvents(
  docker: Docker,
  project: string,
  onEvent: OnEvent,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await readEvents(docker, project, onEvent, signal);
    } catch {
      // Aborted, or the engine went away: it may come back, and whoever observes meanwhile reports that it is gone.
    }
    await sleep(reconnectAfter, undefined, { signal }).catch(() => {});
  }
}

async function readEvents(docker: Docker, project: string, onEvent: OnEvent, signal: AbortSignal): Promise<void> {
  const stream = (await docker.getEvents({
    filters: JSON.stringify({ type: ["container"], label: [`com.docker.compose.project=${project}`] }),
    abortSignal: signal,
  })) as Readable;
  const joiner = lineJoiner((line) => {
    const event = eventIn(line);
    if (event !== undefined) onEvent(event);
  });
  for await (const bytes of stream) joiner.add({ stream: "stdout", bytes });
}

/** `health_status: healthy` and `exec_start: psql …` carry their subject after a colon; only the action counts. */
function eventIn(line: string): Parameters<OnEvent>[0] | undefined {
  if (line.trim() === "") return undefined;
  const { Action, Actor } = JSON.parse(line) as {
    Action?: string;
    Actor?: { ID?: string; Attributes?: Record<string, string> };
  };
  if (Action === undefined || Actor?.ID === undefined) return undefined;
  const [action = "", detail = ""] = Action.split(": ", 2);
  return {
    service: Actor.Attributes?.["com.docker.compose.service"] ?? "",
    action: action === "health_status" ? detail : action,
    id: Actor.ID,
  };
}

import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";
import type { PastEvent } from "./engine.ts";
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

/** The engine's answer to "what happened": everything that it remembers, of which only the project's is given back. */
export async function pastEvents(
  docker: Docker,
  project: string,
  since: number,
): Promise<{ events: PastEvent[]; knownFrom: number }> {
  // Its filters say nothing of how far back it remembers. Until now: it looks back and ends, instead of following.
  const stream = (await docker.getEvents({ since: 1, until: Date.now() / 1_000 })) as unknown as Readable;
  const found: RawEvent[] = [];
  const joiner = lineJoiner((line) => {
    if (line.trim() !== "") found.push(JSON.parse(line) as RawEvent);
  });
  for await (const bytes of stream) joiner.add({ stream: "stdout", bytes });
  joiner.end();
  const events = found
    .filter(({ Type, Actor }) => Type === "container" && Actor?.Attributes?.[projectLabel] === project)
    .flatMap((event) => pastEvent(event) ?? [])
    .filter(({ at }) => at > since);
  return { events, knownFrom: found[0] === undefined ? since : timeOf(found[0]) };
}

const projectLabel = "com.docker.compose.project";

interface RawEvent {
  Type?: string;
  Action?: string;
  Actor?: { ID?: string; Attributes?: Record<string, string> };
  timeNano?: number;
}

function timeOf({ timeNano = 0 }: RawEvent): number {
  return timeNano / 1e6;
}

function pastEvent(raw: RawEvent): PastEvent | undefined {
  const event = eventOf(raw);
  if (event === undefined || event.action.startsWith("exec_")) return undefined;
  const { signal, "com.docker.compose.oneoff": oneOff } = raw.Actor?.Attributes ?? {};
  return {
    ...event,
    at: timeOf(raw),
    oneOff: oneOff === "True",
    ...(event.action === "kill" && signal !== undefined && { signal: Number(signal) }),
  };
}

function eventIn(line: string): Parameters<OnEvent>[0] | undefined {
  return line.trim() === "" ? undefined : eventOf(JSON.parse(line) as RawEvent);
}

/** `health_status: healthy` and `exec_start: psql …` carry their subject after a colon; only the action counts. */
function eventOf({ Action, Actor }: RawEvent): Parameters<OnEvent>[0] | undefined {
  if (Action === undefined || Actor?.ID === undefined) return undefined;
  const [action = "", detail = ""] = Action.split(": ", 2);
  return {
    service: Actor.Attributes?.["com.docker.compose.service"] ?? "",
    action: action === "health_status" ? detail : action,
    id: Actor.ID,
  };
}

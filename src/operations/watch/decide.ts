import type { ObservedContainer } from "../../engine/engine.ts";
import type { StackModel } from "../../stack/model.ts";
import type { Service } from "../../stack/service.ts";
import { formatDuration } from "../../support/units.ts";
import type { Attended, WatchMemory } from "./memory.ts";

/** How long the watch waits between two restarts of a service, in milliseconds. */
export interface Pauses {
  /** After the first restart; each further one doubles it. */
  first: number;
  longest: number;
  /** After so long without trouble it begins anew. */
  forget: number;
}

export const usualPauses: Pauses = { first: 60_000, longest: 600_000, forget: 30 * 60_000 };

/** What one look comes to. */
export interface Verdict {
  /** Services to restart now, each with those of its containers that are unhealthy. */
  restart: { service: string; containers: ObservedContainer[] }[];
  /** Unhealthy services that are left alone for now, and why. */
  waiting: { service: string; reason: string }[];
  /** Everything that was looked at, by service, that is unhealthy now. */
  unhealthy: string[];
  memory: WatchMemory;
}

/**
 * Which containers are to be restarted: long-running ones that are unhealthy. Left alone is what starts or does not run,
 * what waits for a service that is itself not well, what was restarted a short while ago, and a server with data that
 * has not been healthy since it started: it may be reading its log, and would begin anew each time. Pure.
 */
export function decide(
  model: Pick<StackModel, "services">,
  containers: readonly ObservedContainer[],
  before: WatchMemory,
  now: number,
  pauses: Pauses = usualPauses,
): Verdict {
  const memory = lookedBack(before, containers, now, pauses);
  const verdict: Verdict = { restart: [], waiting: [], unhealthy: [], memory };
  for (const [name, mine] of byService(containers)) {
    const service = model.services.find((one) => one.name === name);
    const unhealthy = mine.filter(isUnhealthy);
    if (unhealthy.length === 0 || (service !== undefined && service.class !== "long-running")) continue;
    verdict.unhealthy.push(name);
    const attended = memory.services[name];
    if (attended !== undefined) attended.unhealthyAt = now;
    const reason = reasonToWait({ model, containers, memory, now, pauses }, name, service, unhealthy);
    if (reason === undefined) verdict.restart.push({ service: name, containers: unhealthy });
    else verdict.waiting.push({ service: name, reason });
  }
  return verdict;
}

/** The memory once a service is being restarted. */
export function withRestart(memory: WatchMemory, service: string, now: number): WatchMemory {
  const { restarts = 0 } = memory.services[service] ?? {};
  return {
    ...memory,
    services: { ...memory.services, [service]: { restarts: restarts + 1, restartedAt: now, unhealthyAt: now } },
    restarts: { ...memory.restarts, [service]: (memory.restarts[service] ?? 0) + 1 },
  };
}

/** False where a service has had no trouble for so long that the next begins a new row. */
export function isRecent(
  { restartedAt, unhealthyAt }: Attended,
  now: number,
  forget: number = usualPauses.forget,
): boolean {
  return now - Math.max(restartedAt, unhealthyAt) < forget;
}

/** Milliseconds until a service that was restarted so often may be restarted again. */
export function pauseAfter(restarts: number, { first, longest }: Pauses): number {
  return Math.min(longest, first * 2 ** (restarts - 1));
}

interface Seen {
  model: Pick<StackModel, "services">;
  containers: readonly ObservedContainer[];
  memory: WatchMemory;
  now: number;
  pauses: Pauses;
}

function reasonToWait(
  seen: Seen,
  name: string,
  service: Service | undefined,
  unhealthy: readonly ObservedContainer[],
): string | undefined {
  const cause = service?.dependsOn.find((needed) => isDown(seen, needed.service))?.service;
  if (cause !== undefined) return `it needs ${cause}, which is not well`;
  const isReady = ({ id, startedAt = 0 }: ObservedContainer) => seen.memory.healthy[id] === startedAt;
  if (service?.group === "data" && !unhealthy.every(isReady))
    return "it keeps data and has not been healthy since it started: it may still be reading its log";
  const attended = seen.memory.services[name];
  if (attended === undefined) return undefined;
  const left = attended.restartedAt + pauseAfter(attended.restarts, seen.pauses) - seen.now;
  if (left <= 0) return undefined;
  const times = attended.restarts === 1 ? "once" : `${attended.restarts} times`;
  return `restarted ${times} without success; the next time not before ${formatDuration(pauseAfter(attended.restarts, seen.pauses))} have passed`;
}

/** A long-running service of which no container is well. */
function isDown({ model, containers }: Seen, name: string): boolean {
  if (model.services.find((service) => service.name === name)?.class !== "long-running") return false;
  return !containers.some(
    ({ service, oneOff, state, health }) =>
      service === name && !oneOff && state === "running" && (health === undefined || health === "healthy"),
  );
}

function isUnhealthy({ state, health }: ObservedContainer): boolean {
  return state === "running" && health === "unhealthy";
}

function byService(containers: readonly ObservedContainer[]): Map<string, ObservedContainer[]> {
  const found = new Map<string, ObservedContainer[]>();
  for (const container of containers)
    if (!container.oneOff) found.set(container.service, [...(found.get(container.service) ?? []), container]);
  return found;
}

/** The memory without what was long ago, and with who is healthy now. */
function lookedBack(
  { services, healthy, restarts }: WatchMemory,
  containers: readonly ObservedContainer[],
  now: number,
  { forget }: Pauses,
): WatchMemory {
  const there = containers.filter(({ oneOff, state }) => !oneOff && state === "running");
  return {
    restarts,
    lookedAt: now,
    services: Object.fromEntries(
      Object.entries(services)
        // A clock that was ahead would have it wait for as long as it was.
        .map(([name, one]): [string, Attended] => [
          name,
          { ...one, restartedAt: Math.min(one.restartedAt, now), unhealthyAt: Math.min(one.unhealthyAt, now) },
        ])
        .filter(([, one]) => isRecent(one, now, forget)),
    ),
    healthy: Object.fromEntries(
      there.flatMap(({ id, health, startedAt = 0 }): [string, number][] => {
        if (health === "healthy") return [[id, startedAt]];
        return healthy[id] === startedAt ? [[id, startedAt]] : [];
      }),
    ),
  };
}

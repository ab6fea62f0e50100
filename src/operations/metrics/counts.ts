import type { ObservedContainer, PastEvent } from "../../engine/engine.ts";

/** What is remembered of one container between two looks. */
export interface ContainerCounts {
  service: string;
  /** The engine's own count of restarts when it was looked at last; the engine begins anew when somebody starts it. */
  engineCount: number;
  /** Restarts that the engine has counted, over all its beginnings. */
  restarts: number;
  /** Ends that nobody asked for, as the engine's events tell. */
  ends: number;
  /** Somebody has asked it to end, and it has not ended yet. */
  isAsked: boolean;
  oomKills: number;
  /** Milliseconds since 1970 of the last of them; 0: none. */
  oomAt: number;
}

/** What counters go on from: after a restart of this program, of a container, of the whole host. */
export interface Counts {
  /** Milliseconds since 1970 of the newest event that was counted. */
  eventsUntil: number;
  /** Of containers that are gone, by service. */
  services: Record<string, { restarts: number; oomKills: number }>;
  /** Of those that are there, by id. */
  containers: Record<string, ContainerCounts>;
}

export function noCounts(): Counts {
  return { eventsUntil: 0, services: {}, containers: {} };
}

/** Signals that ask for something else than an end: HUP, USR1, USR2, CONT, STOP, URG, WINCH. */
const otherSignals = new Set([1, 10, 12, 18, 19, 23, 28]);

/** True where an event is that somebody asks a container to end. */
export function endsContainer({ action, signal }: Pick<PastEvent, "action" | "signal">): boolean {
  return action === "kill" && !otherSignals.has(signal ?? 0);
}

/**
 * The counts with what has happened since. Restarts are known from two sides, the engine's count and its events, and
 * the higher of the two sums counts: each misses something (a count ends with its container and begins anew when
 * somebody starts it; of events the engine remembers the last few), neither tells too much. Pure.
 */
export function countedOn(
  before: Counts,
  containers: readonly ObservedContainer[],
  { events, knownFrom }: { events: readonly PastEvent[]; knownFrom: number },
): Counts {
  const counts = structuredClone(before);
  const begun = new Set<string>();
  for (const event of events) {
    counts.eventsUntil = Math.max(counts.eventsUntil, event.at);
    if (event.oneOff) continue;
    const container = containerIn(counts, event);
    // What came before an end may be forgotten, also that somebody asked for it. The engine's count tells of the others.
    if (knownFrom > before.eventsUntil && !begun.has(event.id) && event.action === "die") container.isAsked = true;
    begun.add(event.id);
    noteEvent(container, event);
  }
  for (const container of containers) if (!container.oneOff) noteContainer(containerIn(counts, container), container);
  const there = new Set(containers.map(({ id }) => id));
  for (const [id, gone] of Object.entries(counts.containers)) {
    if (there.has(id)) continue;
    const { restarts, oomKills } = counts.services[gone.service] ?? { restarts: 0, oomKills: 0 };
    counts.services[gone.service] = { restarts: restarts + restartsOf(gone), oomKills: oomKills + gone.oomKills };
    delete counts.containers[id];
  }
  return counts;
}

/** Restarts and out-of-memory kills of a service since the beginning. */
export function countsOf({ services, containers }: Counts, service: string): { restarts: number; oomKills: number } {
  const mine = Object.values(containers).filter((container) => container.service === service);
  const gone = services[service] ?? { restarts: 0, oomKills: 0 };
  return {
    restarts: mine.reduce((sum, container) => sum + restartsOf(container), gone.restarts),
    oomKills: mine.reduce((sum, container) => sum + container.oomKills, gone.oomKills),
  };
}

function restartsOf({ restarts, ends }: ContainerCounts): number {
  return Math.max(restarts, ends);
}

function containerIn({ containers }: Counts, { id, service }: { id: string; service: string }): ContainerCounts {
  containers[id] ??= { service, engineCount: 0, restarts: 0, ends: 0, isAsked: false, oomKills: 0, oomAt: 0 };
  return containers[id];
}

function noteEvent(container: ContainerCounts, event: PastEvent): void {
  const { action, at } = event;
  if (action === "kill") container.isAsked ||= endsContainer(event);
  else if (action === "start") container.isAsked = false;
  else if (action === "oom") {
    container.oomKills += 1;
    container.oomAt = at;
  } else if (action === "die") {
    if (!container.isAsked) container.ends += 1;
    container.isAsked = false;
  }
}

function noteContainer(container: ContainerCounts, { restarts, oomKilled, startedAt = 0 }: ObservedContainer): void {
  container.restarts += restarts >= container.engineCount ? restarts - container.engineCount : restarts;
  container.engineCount = restarts;
  // Its event was forgotten by the engine before we asked.
  if (oomKilled && container.oomAt < startedAt) {
    container.oomKills += 1;
    container.oomAt = startedAt;
  }
}

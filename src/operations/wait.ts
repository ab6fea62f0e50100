import type { ObservedContainer, ObservedStack } from "../engine/engine.ts";
import type { Context } from "./context.ts";
import type { WantedService } from "./start-facts.ts";
import { type Sighting, type Standing, standingOf, withBlocked } from "./wait-standing.ts";

export interface WaitRequest {
  services: readonly WantedService[];
  /** What was there before the operation began. */
  before: ObservedStack;
  /** Tells whether Compose has done its part. */
  converged(): boolean;
  /** Milliseconds for all of it; undefined: each service has what its health check allows. */
  timeout?: number;
}

/** Events after which a service may stand otherwise than before. Health checks cause many more, which tell nothing. */
const telling = new Set(["create", "start", "die", "oom", "healthy", "unhealthy", "destroy", "restart", "pause"]);
const pollInterval = 1_000;
const shortestPause = 100;

/**
 * Waits until each service is ready or is certain not to become so, and reports every change on the way. Rejects with
 * the signal's reason when aborted.
 */
export async function waitForServices(context: Context, request: WaitRequest): Promise<Map<string, Standing>> {
  const { engine, model, clock, signal } = context;
  const memory = sightings(request.before);
  const listening = new AbortController();
  let wake = () => {};
  const listener = engine.events(
    model.name,
    ({ action, id }) => {
      if (action === "oom") memory.noteOutOfMemory(id);
      if (telling.has(action)) wake();
    },
    AbortSignal.any([listening.signal, signal]),
  );
  const reporter = progressReporter(context);
  const deadline = request.timeout === undefined ? Number.POSITIVE_INFINITY : clock.now() + request.timeout;
  try {
    for (;;) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const converged = request.converged();
      const { containers } = await engine.observe(model.name);
      memory.look(containers, clock.now());
      const judged = judge(request, containers, converged, clock.now(), memory.of);
      reporter(judged);
      if (isSettled(judged)) return judged;
      if (clock.now() >= deadline) return outOfTime(judged);
      await clock.sleep(shortestPause, signal);
      await pause(context, woken);
    }
  } finally {
    listening.abort();
    await listener;
  }
}

async function pause({ clock, signal }: Context, woken: Promise<void>): Promise<void> {
  const over = new AbortController();
  const sleeping = clock.sleep(pollInterval - shortestPause, AbortSignal.any([signal, over.signal]));
  await Promise.race([woken, sleeping]);
  over.abort();
  await sleeping.catch(() => {});
  signal.throwIfAborted();
}

function judge(
  { services }: WaitRequest,
  containers: readonly ObservedContainer[],
  converged: boolean,
  now: number,
  sighting: (container: ObservedContainer) => Sighting,
): Map<string, Standing> {
  const judgement = { now, converged, sighting };
  const standings = services.map((service) => [service.name, standingOf(service, containers, judgement)] as const);
  return withBlocked(services, new Map(standings));
}

function isSettled(judged: ReadonlyMap<string, Standing>): boolean {
  return [...judged.values()].every(({ state }) => state === "ready" || state === "failed");
}

function outOfTime(judged: ReadonlyMap<string, Standing>): Map<string, Standing> {
  const late: Standing = { state: "failed", text: "not ready in the time given", reason: "never-ready" };
  return new Map(
    [...judged].map(([name, standing]) => [name, isSettled(new Map([[name, standing]])) ? standing : late]),
  );
}

/** Tells the progress of each change once. */
function progressReporter({ progress }: Context): (judged: ReadonlyMap<string, Standing>) => void {
  const shown = new Map<string, string>();
  return (judged) => {
    for (const [name, { state, text }] of judged) {
      const now = `${state} ${text}`;
      if (shown.get(name) === now) continue;
      shown.set(name, now);
      progress.update(name, state === "ready" ? "done" : state, text);
    }
  };
}

/** Remembers what one look at the engine cannot tell. */
function sightings(before: ObservedStack) {
  const earlier = new Map(before.containers.map((container) => [container.id, container]));
  const since = new Map<string, number>();
  const runSince = new Map<string, number>();
  const restartsBefore = new Map<string, number>();
  const outOfMemory = new Set<string>();
  const isOldNews = (container: ObservedContainer) =>
    earlier.get(container.id)?.oomKilled === true && isSameRun(container);
  const isSameRun = ({ id, startedAt }: ObservedContainer) => earlier.get(id)?.startedAt === startedAt;
  const run = ({ id, startedAt }: ObservedContainer) => `${id} ${startedAt}`;
  return {
    noteOutOfMemory: (id: string) => outOfMemory.add(id),
    look(containers: readonly ObservedContainer[], now: number) {
      for (const container of containers) {
        const { id, oomKilled, restarts } = container;
        // The engine counts from 0 again when somebody starts the container.
        restartsBefore.set(id, Math.min(restartsBefore.get(id) ?? earlier.get(id)?.restarts ?? 0, restarts));
        if (oomKilled && !isOldNews(container)) outOfMemory.add(id);
      }
      for (const container of containers.filter(({ state }) => state === "running")) {
        if (!since.has(container.id)) since.set(container.id, now);
        if (!runSince.has(run(container))) runSince.set(run(container), now);
      }
    },
    of(container: ObservedContainer): Sighting {
      const known = earlier.get(container.id);
      return {
        since: since.get(container.id),
        runSince: runSince.get(run(container)),
        restartsBefore: restartsBefore.get(container.id) ?? 0,
        stale: known !== undefined && isSameRun(container) && container.state !== "running",
        outOfMemory: outOfMemory.has(container.id),
      };
    },
  };
}

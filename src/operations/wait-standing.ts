import type { ObservedContainer } from "../engine/engine.ts";
import { formatDuration } from "../support/units.ts";
import type { WantedService } from "./start-facts.ts";

/** Why a service is not going to be ready. */
export type FailureReason =
  | "unhealthy"
  | "never-ready"
  | "exited"
  | "crash-loop"
  | "out-of-memory"
  | "cannot-start"
  | "paused"
  | "not-started"
  | "blocked";

/** How far a service is on its way to being ready. */
export type Standing =
  | { state: "waiting" | "working" | "ready"; text: string }
  | { state: "failed"; text: string; reason: FailureReason; container?: ObservedContainer };

/** What has been seen of a container over time, beyond what the engine says now. */
export interface Sighting {
  /** When it was first seen running in this operation. */
  since: number | undefined;
  /** When its present run was first seen. */
  runSince: number | undefined;
  /** Restarts that it had before this operation. */
  restartsBefore: number;
  /** Ended before this operation, and nobody has started it since: says nothing about how this start goes. */
  stale: boolean;
  /** The kernel ended one of its processes for memory during this operation. */
  outOfMemory: boolean;
}

export interface Judgement {
  now: number;
  /** Compose has done its part: what is not there now does not come. */
  converged: boolean;
  sighting(container: ObservedContainer): Sighting;
}

/** So many ends in a row are no hiccup. */
const loopRestarts = 4;
const loopRestartsWithoutMemory = 2;
/** What nobody checks counts as running once it has lived this long. */
const uncheckedUptime = 1_500;
const margin = 5_000;
const unlimited = 10 * 60_000;

/** Milliseconds that a service has to become ready, by its own health check. */
export function timeToReady(service: Pick<WantedService, "class" | "healthcheck">): number {
  const check = service.healthcheck;
  if (service.class === "one-shot" || check === undefined) return unlimited;
  return check.startPeriod + check.retries * (check.interval + check.timeout) + margin;
}

/** Judges one service by its containers. */
export function standingOf(
  service: WantedService,
  containers: readonly ObservedContainer[],
  judgement: Judgement,
): Standing {
  const mine = containers.filter(
    (container) =>
      container.service === service.name &&
      !container.oneOff &&
      // While Compose is at work the containers that it is going to replace do not count.
      (judgement.converged || service.hash === "" || container.composeHash === service.hash),
  );
  const standings = mine.map((container) => containerStanding(service, container, judgement));
  const failed = standings.find(({ state }) => state === "failed");
  if (failed !== undefined) return failed;
  const ready = standings.filter(({ state }) => state === "ready").length;
  const expected = service.class === "one-shot" ? 1 : service.replicas;
  const [first] = standings;
  if (ready >= expected && expected > 0) return { state: "ready", text: first?.text ?? "" };
  if (expected === 0) return { state: "ready", text: "no containers wanted" };
  if (ready > 0) return { state: "working", text: `${ready} of ${expected} ready` };
  if (first !== undefined) return first;
  if (!judgement.converged) return { state: "waiting", text: "waiting" };
  return { state: "failed", text: "was not started", reason: "not-started" };
}

function containerStanding(service: WantedService, container: ObservedContainer, judgement: Judgement): Standing {
  const sighting = judgement.sighting(container);
  if (sighting.stale && !judgement.converged) return { state: "waiting", text: "waiting" };
  const fail = (reason: FailureReason, text: string): Standing => ({ state: "failed", text, reason, container });
  const loop = loopOf(container, sighting, fail);
  if (loop !== undefined) return loop;
  switch (container.state) {
    case "running":
      return runningStanding(service, container, sighting, judgement.now, fail);
    case "restarting":
      return { state: "working", text: `ended with ${container.exitCode}, starting again` };
    case "exited":
    case "dead":
      return endedStanding(service, container, sighting, fail);
    case "created":
      if (container.error !== "") return fail("cannot-start", "cannot be started");
      return judgement.converged ? fail("not-started", "was not started") : { state: "waiting", text: "waiting" };
    case "paused":
      return fail("paused", "is paused");
    default:
      return { state: "waiting", text: "waiting" };
  }
}

type Fail = (reason: FailureReason, text: string) => Standing;

function loopOf(container: ObservedContainer, sighting: Sighting, fail: Fail): Standing | undefined {
  if (container.health === "healthy") return undefined;
  const restarts = container.restarts - sighting.restartsBefore;
  if ((sighting.outOfMemory || container.oomKilled) && restarts >= loopRestartsWithoutMemory) {
    return fail("out-of-memory", "ran out of memory");
  }
  return restarts >= loopRestarts ? fail("crash-loop", "ends again and again") : undefined;
}

function runningStanding(
  service: WantedService,
  container: ObservedContainer,
  { since, runSince }: Sighting,
  now: number,
  fail: Fail,
): Standing {
  const age = since === undefined ? 0 : now - since;
  const allowed = timeToReady(service);
  const late = () => fail("never-ready", `not ready after ${formatDuration(allowed)}`);
  if (service.class === "one-shot") return age > allowed ? late() : { state: "working", text: "at work" };
  const health = container.health ?? (service.healthcheck === undefined ? undefined : "starting");
  if (health === "healthy") return { state: "ready", text: "healthy" };
  if (health === "unhealthy") return fail("unhealthy", "is unhealthy");
  if (health === "starting") return age > allowed ? late() : { state: "working", text: "starting" };
  return now - (runSince ?? now) >= uncheckedUptime
    ? { state: "ready", text: "running" }
    : { state: "working", text: "starting" };
}

function endedStanding(service: WantedService, container: ObservedContainer, sighting: Sighting, fail: Fail): Standing {
  if (service.class === "one-shot" && container.exitCode === 0) return { state: "ready", text: "done" };
  if (container.error !== "") return fail("cannot-start", "cannot be started");
  if (container.oomKilled || sighting.outOfMemory) return fail("out-of-memory", "ran out of memory");
  return fail("exited", `ended with exit code ${container.exitCode}`);
}

/** Marks what waits for something that failed: it is not going to come. */
export function withBlocked(
  services: readonly WantedService[],
  standings: ReadonlyMap<string, Standing>,
): Map<string, Standing> {
  const result = new Map(standings);
  for (let changed = true; changed; ) {
    changed = false;
    for (const service of services) {
      const own = result.get(service.name);
      const open = own?.state === "waiting" || (own?.state === "failed" && own.reason === "not-started");
      const cause = service.dependsOn.find(({ service: name }) => result.get(name)?.state === "failed");
      if (!open || cause === undefined) continue;
      result.set(service.name, { state: "failed", text: `waits for ${cause.service}`, reason: "blocked" });
      changed = true;
    }
  }
  return result;
}

import type { ObservedContainer, ObservedStack } from "../engine/engine.ts";
import type { StackModel } from "../stack/model.ts";
import { type Plan, type Step, step } from "./plan.ts";
import { chosenServices, type StartFacts, type WantedService } from "./start-facts.ts";

export interface StartPlan extends Plan {
  /** Services that are to be ready in the end. */
  services: WantedService[];
  /** Services whose image is to be pulled first. */
  pull: WantedService[];
  /** True where containers are to be made, started or removed. */
  converge: boolean;
}

/** What a start has to do. Nothing, when everything that should be there is there and well. */
export function planStart(
  model: Pick<StackModel, "name">,
  observed: ObservedStack,
  facts: Pick<StartFacts, "wanted" | "images">,
  names: readonly string[] = [],
): StartPlan {
  const services = chosenServices(facts.wanted, names);
  const pull = services.filter(({ image }) => facts.images.get(image) === undefined);
  const changes = inOrder(services).flatMap((service) => changesOf(service, observed, facts));
  const orphans = orphansOf(observed, facts.wanted).map((name) =>
    step("remove", name, `it is no longer a service of ${model.name}`),
  );
  const converging = [...orphans, ...changes.filter(({ action }) => action !== "wait")];
  // Compose starts what has ended, whatever it is.
  const again = converging.length === 0 ? [] : services.filter((service) => endedWell(service, observed, facts));
  const repeats = again.map(({ name }) => step("run", name, "set-up steps run again with every start"));
  return {
    operation: "start",
    steps: [...pullSteps(pull), ...orphans, ...merged(services, changes, repeats)],
    services,
    pull,
    converge: converging.length > 0,
  };
}

function pullSteps(pull: readonly WantedService[]): Step[] {
  const users = new Map<string, string[]>();
  for (const { image, name } of pull) users.set(image, [...(users.get(image) ?? []), name]);
  return [...users].map(([image, names]) => step("pull", image, `${names.join(", ")}: the engine does not have it`));
}

function merged(services: readonly WantedService[], changes: readonly Step[], repeats: readonly Step[]): Step[] {
  return inOrder(services).flatMap(({ name }) => [...changes, ...repeats].filter(({ resource }) => resource === name));
}

/** A service stands behind everything that it waits for; otherwise the alphabet decides. */
export function inOrder(services: readonly WantedService[]): WantedService[] {
  const ordered = new Map<string, WantedService>();
  const visit = (service: WantedService, path: readonly string[]) => {
    if (ordered.has(service.name) || path.includes(service.name)) return;
    const before = service.dependsOn.flatMap(({ service: name }) => services.filter((other) => other.name === name));
    for (const dependency of before) visit(dependency, [...path, service.name]);
    ordered.set(service.name, service);
  };
  for (const service of services) visit(service, []);
  return [...ordered.values()];
}

function containersOf(name: string, observed: ObservedStack): ObservedContainer[] {
  return observed.containers.filter((container) => container.service === name && !container.oneOff);
}

type ImagesKnown = Pick<StartFacts, "images">;

function changesOf(service: WantedService, observed: ObservedStack, facts: ImagesKnown): Step[] {
  const containers = containersOf(service.name, observed);
  const makes = service.class === "one-shot" ? "run" : "create";
  if (containers.length === 0) return [step(makes, service.name, "it has no container")];
  const stale = containers
    .map((container) => staleness(service, container, facts))
    .find((cause) => cause !== undefined);
  if (stale !== undefined) return [step("recreate", service.name, stale)];
  if (containers.length !== service.replicas && service.class === "long-running") {
    return [step("scale", service.name, `it has ${containers.length} of ${service.replicas} containers`)];
  }
  const waiting = containers.map((container) => unreadiness(service, container)).find((found) => found !== undefined);
  return waiting === undefined ? [] : [step(waiting.action, service.name, waiting.cause)];
}

/** Why a container does not fit what is wanted now. */
function staleness(service: WantedService, container: ObservedContainer, { images }: ImagesKnown): string | undefined {
  if (container.composeHash !== service.hash) return "its configuration changed";
  const image = images.get(service.image);
  if (image === undefined) return "its image is gone";
  return image.id === container.imageId ? undefined : "its image changed";
}

interface Unreadiness {
  action: string;
  cause: string;
}

function unreadiness(service: WantedService, container: ObservedContainer): Unreadiness | undefined {
  if (container.state === "restarting") return { action: "wait", cause: "it keeps restarting" };
  if (container.state === "paused") return { action: "wait", cause: "it is paused" };
  if (service.class === "one-shot") return oneShotUnreadiness(container);
  if (container.state === "created") return { action: "start", cause: "it was never started" };
  if (container.state !== "running") return { action: "start", cause: "it is stopped" };
  if (container.health === undefined || container.health === "healthy") return undefined;
  return { action: "wait", cause: container.health === "starting" ? "it is starting" : "it is unhealthy" };
}

function oneShotUnreadiness({ state, exitCode }: ObservedContainer): Unreadiness | undefined {
  if (state === "running") return { action: "wait", cause: "it is at work" };
  if (state !== "exited") return { action: "run", cause: "it has not run" };
  return exitCode === 0 ? undefined : { action: "run", cause: `it ended with exit code ${exitCode}` };
}

function endedWell(service: WantedService, observed: ObservedStack, facts: ImagesKnown): boolean {
  return service.class === "one-shot" && changesOf(service, observed, facts).length === 0;
}

function orphansOf(observed: ObservedStack, wanted: readonly WantedService[]): string[] {
  const known = new Set(wanted.map(({ name }) => name));
  const found = observed.containers.filter(({ service, oneOff }) => !oneOff && !known.has(service));
  return [...new Set(found.map(({ service }) => service))];
}

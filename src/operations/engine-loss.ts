import { randomBytes } from "node:crypto";
import type { ObservedContainer } from "../engine/engine.ts";
import { StackError } from "../support/errors.ts";
import type { GoOn } from "./backup/go-on.ts";
import type { Context } from "./context.ts";
import type { Journal } from "./journal.ts";

/**
 * Runs `body`. Where the engine dies under it, the journal gets to know which services ran, and the next command starts
 * them: an engine that was killed ends the containers that outlived it when it comes back, takes that for their owner's
 * will and does not restart them. `lost` looks for the loss in a result.
 */
export async function despiteEngineLoss<Result>(
  { engine, model }: Pick<Context, "engine" | "model">,
  journal: Journal,
  lost: (result: Result) => boolean,
  body: () => Promise<Result>,
): Promise<Result> {
  const { containers } = await engine.observe(model.name);
  const note = () => {
    for (const undo of goingOn(model.name, containers))
      journal.begin({ id: `after-engine:${undo.service}:${randomBytes(3).toString("hex")}`, undo });
  };
  try {
    const result = await body();
    if (lost(result)) note();
    return result;
  } catch (error) {
    if (error instanceof StackError && error.code === "engine-unreachable") note();
    throw error;
  }
}

function goingOn(project: string, containers: readonly ObservedContainer[]): GoOn[] {
  const running = containers.filter(({ state, oneOff }) => state === "running" && !oneOff);
  const services = [...new Set(running.map(({ service }) => service))];
  return services.map((service) => ({
    kind: "start-service",
    project,
    service,
    containers: running.filter((container) => container.service === service).map(({ name }) => name),
  }));
}

import { randomBytes } from "node:crypto";
import { messageOf, StackError } from "../../support/errors.ts";
import { type GoOn, goOn } from "../backup/go-on.ts";
import type { Context } from "../context.ts";
import type { Journal } from "../journal.ts";
import { noted } from "../operation.ts";
import { stopServices } from "../stop.ts";

/**
 * Runs `body` while these services stand still. That they run again is the business of `body`, which brings them up on
 * what it has changed; where it fails, or something dies, whatever ran before is started: here, or by the next command.
 */
export async function whileStopped<Result>(
  context: Context,
  journal: Journal,
  names: readonly string[],
  body: () => Promise<Result>,
): Promise<Result> {
  const steps = await stepsBack(context, names);
  for (const step of steps) journal.begin(step);
  try {
    await noted(journal, "stop", "services", () => stopServices(context, names));
    const result = await body();
    journal.settled(steps.map(({ id }) => id));
    return result;
  } catch (error) {
    await startThem(context, journal, steps);
    throw error;
  }
}

interface StepBack {
  id: string;
  undo: GoOn;
}

/** What runs now, clients before their servers: taken back from the end, a server starts before its clients. */
async function stepsBack({ engine, model }: Context, names: readonly string[]): Promise<StepBack[]> {
  const { containers } = await engine.observe(model.name);
  const running = containers.filter(({ state, oneOff }) => !oneOff && state !== "exited" && state !== "created");
  return clientsFirst(model.services, names).flatMap((service) => {
    const mine = running.filter((container) => container.service === service).map(({ name }) => name);
    if (mine.length === 0) return [];
    const undo: GoOn = { kind: "start-service", project: model.name, service, containers: mine };
    return [{ id: `stand-still:${service}:${randomBytes(3).toString("hex")}`, undo }];
  });
}

function clientsFirst(services: Context["model"]["services"], names: readonly string[]): string[] {
  const ordered = new Set<string>();
  const visit = (name: string, path: readonly string[]): void => {
    if (ordered.has(name) || path.includes(name)) return;
    for (const client of services)
      if (client.dependsOn.some(({ service }) => service === name)) visit(client.name, [...path, name]);
    if (names.includes(name)) ordered.add(name);
  };
  for (const name of names) visit(name, []);
  return [...ordered];
}

/** Each is tried, whatever happened before; what does not work here is left to the next command. */
async function startThem(context: Context, journal: Journal, steps: readonly StepBack[]): Promise<void> {
  for (const { id, undo } of [...steps].reverse()) {
    try {
      await goOn(context, undo);
      journal.undone(id);
    } catch (error) {
      const away = error instanceof StackError && error.code === "engine-unreachable";
      if (!away) context.progress.line(`warning: ${undo.service} does not run again: ${messageOf(error)}`);
    }
  }
}

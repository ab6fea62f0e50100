import type { ObservedContainer } from "../../engine/engine.ts";
import type { Context } from "../context.ts";
import { redactorFor } from "../secret-values.ts";

/** How something that stands still for a copy goes on: in a journal before it stands, and read by whoever comes after a crash. */
export type GoOn =
  /** Containers by name, so that those of an earlier release, which did not run, are not started. */
  | { kind: "start-service" | "unpause"; project: string; service: string; containers: string[] }
  | { kind: "run-after"; project: string; service: string; command: string[] };

/** Milliseconds for a command around a copy. */
const commandTimeout = 600_000;

/** True for an undo that is one of these. */
export function isGoOn(undo: { kind: string }): undo is GoOn {
  return undo.kind === "start-service" || undo.kind === "unpause" || undo.kind === "run-after";
}

/**
 * Lets it go on. Containers are found by their labels: since then they may have been made anew, and then they run. Doing
 * it twice is fine. Returns what a command complained of.
 */
export async function goOn(context: Context, undo: GoOn): Promise<string | undefined> {
  const { engine } = context;
  if (undo.kind === "run-after") {
    const [container] = await runningContainers(context, undo.service);
    return container === undefined ? undefined : runIn(context, container.id, undo.command);
  }
  const { containers } = await engine.observe(undo.project);
  const mine = containers.filter(({ service, oneOff }) => service === undo.service && !oneOff);
  const named = mine.filter(({ name }) => undo.containers.includes(name));
  const others = mine.some(({ state }) => state === "running") ? [] : mine.slice(0, undo.containers.length);
  for (const { id, state } of named.length > 0 ? named : others) {
    if (state === "paused") await engine.unpause(id);
    else if (undo.kind === "start-service" && state !== "running") await engine.start(id);
  }
  return undefined;
}

/** The service's containers that run now. */
export async function runningContainers({ engine, model }: Context, name: string): Promise<ObservedContainer[]> {
  const { containers } = await engine.observe(model.name);
  return containers.filter(({ service, oneOff, state }) => service === name && !oneOff && state === "running");
}

/** Runs a command in a container; returns what went wrong. */
export async function runIn(context: Context, id: string, command: readonly string[]): Promise<string | undefined> {
  const { engine, directory, model } = context;
  const { exitCode, stdout, stderr } = await engine.exec(id, command, { timeout: commandTimeout });
  if (exitCode === 0) return undefined;
  const said = `${stdout}\n${stderr}`.trim().split("\n").at(-1) ?? "";
  return `exit code ${exitCode}${said === "" ? "" : `, ${redactorFor(directory, model)(said)}`}`;
}

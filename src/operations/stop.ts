import type { ObservedContainer, ObservedStack } from "../engine/engine.ts";
import { StackError } from "../support/errors.ts";
import type { Context } from "./context.ts";
import { interruptRuns, jobsAtWork } from "./jobs/interrupt.ts";
import { exclusively, journalled, noted } from "./operation.ts";
import { type Plan, step } from "./plan.ts";
import { redactorFor } from "./secret-values.ts";
import { readWanted, refuseUnknown, type WantedService } from "./start-facts.ts";
import { inOrder } from "./start-plan.ts";

export interface StopOptions {
  /** Only these; what depends on them keeps running. */
  services?: readonly string[];
  dryRun?: boolean;
  /** Milliseconds to wait for another command that works on the stack. */
  wait?: number;
}

export interface StopResult {
  plan: Plan;
  changed: boolean;
}

/** Stops what runs, dependents first, and before them `jobs`, which are at work. Containers, networks and data stay. */
export function planStop(
  wanted: readonly Pick<WantedService, "name" | "dependsOn">[],
  observed: ObservedStack,
  names: readonly string[] = [],
  jobs: readonly string[] = [],
): Plan {
  const running = observed.containers.filter(isUp);
  const known = inOrder(wanted as WantedService[]).map(({ name }) => name);
  // What no file names any more goes first: nothing that is left can need it.
  const others = [...new Set(running.map(({ service }) => service))].filter((name) => !known.includes(name));
  const order = [...others, ...known.reverse()].filter((name) => names.length === 0 || names.includes(name));
  const steps = order
    .filter((name) => running.some(({ service }) => service === name))
    .map((name) => step("stop", name, names.length === 0 ? "the stack is to stop" : "it was named"));
  const runs = jobs.map((name) => step("stop", `job ${name}`, "its run ends with the stack"));
  return { operation: "stop", steps: [...runs, ...steps] };
}

function isUp({ state, oneOff }: ObservedContainer): boolean {
  return !oneOff && (state === "running" || state === "restarting" || state === "paused");
}

export async function runStop(context: Context, options: StopOptions = {}): Promise<StopResult> {
  if (options.dryRun) return { plan: (await prepareStop(context, options.services)).plan, changed: false };
  return exclusively(context, "stop", options.wait, async () => {
    const { plan, jobs, services } = await prepareStop(context, options.services);
    if (plan.steps.length === 0) return { plan, changed: false };
    await journalled(context, "stop", (journal) =>
      noted(journal, "stop", "stack", async () => {
        await interruptRuns(context, jobs);
        if (services.length > 0) await stopServices(context, services);
      }),
    );
    return { plan, changed: true };
  });
}

async function prepareStop(context: Context, names: readonly string[] = []) {
  const [wanted, observed] = await Promise.all([readWanted(context), context.engine.observe(context.model.name)]);
  const known = [...wanted.map(({ name }) => name), ...observed.containers.map(({ service }) => service)];
  refuseUnknown(names, [...new Set(known)]);
  // One that is named alone leaves the jobs at work, as it leaves what depends on it.
  const jobs = names.length === 0 ? jobsAtWork(context.model, observed) : [];
  const services = planStop(wanted, observed, names).steps.map(({ resource }) => resource);
  const runs = jobs.map(({ name }) => name);
  return { plan: planStop(wanted, observed, names, runs), jobs, services };
}

/** Stops services, each with the time that it has to end in peace, and tells of each as it ends. */
export async function stopServices(context: Context, names: readonly string[]): Promise<void> {
  const { engine, model, compose, progress, signal } = context;
  progress.phase(names.length === 1 ? "Stopping 1 service" : `Stopping ${names.length} services`);
  for (const name of names) progress.update(name, "waiting", "running");
  const listening = new AbortController();
  const look = async () => {
    const { containers } = await engine.observe(model.name);
    for (const name of names) {
      const mine = containers.filter(({ service }) => service === name);
      if (!mine.some(isUp)) progress.update(name, "done", "stopped");
    }
  };
  const listener = engine.events(
    model.name,
    ({ service, action }) => {
      if (action === "kill" && names.includes(service)) progress.update(service, "working", "stopping");
      if (action === "die") look().catch(() => {});
    },
    listening.signal,
  );
  try {
    const known = new Set(await composeServices(context));
    const [ours, leftOver] = [names.filter((name) => known.has(name)), names.filter((name) => !known.has(name))];
    await stopLeftOver(context, leftOver);
    if (ours.length > 0) refuse(context, await compose.run(["stop", ...ours], { signal }));
    signal.throwIfAborted();
    await look();
  } finally {
    listening.abort();
    await listener;
  }
}

async function composeServices({ compose, signal }: Context): Promise<string[]> {
  const { stdout } = await compose.run(["config", "--services"], { signal });
  return stdout.split("\n").filter((name) => name !== "");
}

/** Compose knows nothing of what its files no longer name. */
async function stopLeftOver({ engine, model }: Context, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const { containers } = await engine.observe(model.name);
  const found = containers.filter((container) => names.includes(container.service) && isUp(container));
  await Promise.all(found.map(({ id }) => engine.stop(id, 10)));
}

/** Throws where a Compose call did not work. */
export function refuse(context: Context, result: { code: number; stderr: string }): void {
  if (result.code === 0) return;
  context.signal.throwIfAborted();
  const redact = redactorFor(context.directory, context.model);
  const lines = result.stderr.trim().split("\n");
  throw new StackError({
    code: "compose-failed",
    exit: "unhealthy",
    message: `docker compose failed: ${redact(lines.at(-1) ?? "").trim()}`,
    hint: "./prod.sh status",
    details: lines.slice(0, -1).map(redact),
  });
}

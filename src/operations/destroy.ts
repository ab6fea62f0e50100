import type { ObservedStack } from "../engine/engine.ts";
import { StackError } from "../support/errors.ts";
import { formatSize } from "../support/units.ts";
import { stackLabel } from "./backup/container.ts";
import type { Context } from "./context.ts";
import { exclusively, journalled, noted } from "./operation.ts";
import { type Plan, step } from "./plan.ts";
import { refuse } from "./stop.ts";

export interface DestroyOptions {
  /** The data as well. */
  volumes?: boolean;
  dryRun?: boolean;
  /** The stack's name, as proof that it is meant. */
  confirmed?: string;
  /** Asks for the name where it was not given; undefined: nobody is there to be asked. */
  ask?: (plan: Plan, stack: string) => Promise<string>;
  /** Milliseconds to wait for another command that works on the stack. */
  wait?: number;
}

type ObservedVolume = { name: string; bytes?: number };

/** What goes: containers, networks and, only when asked for, the data. */
export function planDestroy(
  stack: string,
  networks: readonly string[],
  observed: ObservedStack,
  volumes: readonly ObservedVolume[],
  options: Pick<DestroyOptions, "volumes">,
): Plan {
  const cause = "the stack is to go";
  const containers = observed.containers.map(({ name, state }) =>
    step("remove container", name, `${cause}; it is ${state}`),
  );
  const own = networks.map((name) => step("remove network", `${stack}_${name}`, cause));
  const data = options.volumes
    ? volumes.map(({ name, bytes }) => {
        const size = bytes === undefined ? "" : ` (${formatSize(bytes)})`;
        return step("delete volume", name, `its data${size} goes for good, as asked for`);
      })
    : [];
  // Networks are not observed: without a container none is known to be there.
  const steps = [...containers, ...(containers.length > 0 ? own : []), ...data];
  return { operation: "destroy", steps };
}

/** Removes the stack from the engine. Its directory stays, and its volumes unless told otherwise. */
export async function runDestroy(
  context: Context,
  options: DestroyOptions = {},
): Promise<{ plan: Plan; kept: string[] }> {
  const { engine, model } = context;
  const [observed, own, aside] = await Promise.all([
    engine.observe(model.name),
    engine.volumes(model.name, { sizes: options.volumes === true }),
    engine.labelledVolumes(stackLabel, model.name),
  ]);
  // What restores have put aside is data of the stack too.
  const volumes = [...own, ...aside.map(({ name }) => ({ name }))];
  const networks = model.networks.map(({ name }) => name);
  const plan = planDestroy(model.name, networks, observed, volumes, options);
  const kept = options.volumes ? [] : volumes.map(({ name }) => name);
  if (options.dryRun || plan.steps.length === 0) return { plan, kept };
  await requireName(model.name, plan, options);
  return exclusively(context, "destroy", options.wait, async () => {
    await journalled(context, "destroy", (journal) =>
      noted(journal, "down", "stack", async () => {
        await takeDown(context, options.volumes === true);
        if (options.volumes) for (const { name } of aside) await engine.removeVolume(name);
      }),
    );
    return { plan, kept };
  });
}

async function requireName(stack: string, plan: Plan, { confirmed, ask }: DestroyOptions): Promise<void> {
  const given = confirmed ?? (await ask?.(plan, stack));
  if (given === stack) return;
  throw new StackError({
    code: "not-confirmed",
    exit: "invalidInput",
    message:
      given === undefined
        ? `Nothing was removed: the stack's name is needed as proof that ${stack} is meant`
        : `Nothing was removed: "${given}" is not the name of this stack, which is ${stack}`,
    hint: `./prod.sh destroy --yes ${stack}`,
  });
}

async function takeDown(context: Context, withVolumes: boolean): Promise<void> {
  const { engine, model, compose, progress, signal } = context;
  progress.phase(`Removing ${model.name}`);
  const args = ["--profile", "*", "down", "--remove-orphans", ...(withVolumes ? ["--volumes"] : [])];
  refuse(context, await compose.run(args, { signal }));
  signal.throwIfAborted();
  // Containers of `docker compose run` that were killed halfway are nobody's orphans.
  const { containers } = await engine.observe(model.name);
  await Promise.all(containers.map(({ id }) => engine.remove(id)));
  progress.update(model.name, "done", withVolumes ? "removed with its data" : "removed; its data stays");
}

import type { Context } from "./context.ts";
import { exclusively, journalled, noted } from "./operation.ts";
import { type Plan, step } from "./plan.ts";
import { bringUp } from "./start.ts";
import { chosenServices, readWanted, refuseUnknown, type WantedService } from "./start-facts.ts";
import { inOrder } from "./start-plan.ts";
import { stopServices } from "./stop.ts";

export interface RestartOptions {
  /** Only these; none: all. */
  services?: readonly string[];
  dryRun?: boolean;
  /** Milliseconds for the whole wait. */
  timeout?: number;
  /** Milliseconds to wait for another command that works on the stack. */
  wait?: number;
}

/** Stops services, dependents first, and starts them again in order. What is not named keeps running. */
export function planRestart(wanted: readonly WantedService[], names: readonly string[] = []): Plan {
  const lasting = inOrder(wanted).filter(({ class: kind }) => kind === "long-running");
  const chosen = lasting.filter(({ name }) => names.length === 0 || names.includes(name)).map(({ name }) => name);
  const cause = names.length === 0 ? "the stack is to restart" : "it was named";
  return {
    operation: "restart",
    steps: [
      ...[...chosen].reverse().map((name) => step("stop", name, cause)),
      ...chosen.map((name) => step("start", name, cause)),
    ],
  };
}

/** Restarts services and waits until they are healthy; throws with the reason where they do not become so. */
export async function runRestart(context: Context, options: RestartOptions = {}): Promise<{ plan: Plan }> {
  const prepare = async () => {
    const wanted = await readWanted(context);
    refuseUnknown(
      options.services ?? [],
      wanted.map(({ name }) => name),
    );
    return { wanted, plan: planRestart(wanted, options.services) };
  };
  if (options.dryRun) return { plan: (await prepare()).plan };
  return exclusively(context, "restart", options.wait, async () => {
    const { wanted, plan } = await prepare();
    await journalled(context, "restart", async (journal) => {
      const stopped = plan.steps.filter(({ action }) => action === "stop").map(({ resource }) => resource);
      await noted(journal, "stop", "services", () => stopServices(context, stopped));
      const before = await context.engine.observe(context.model.name);
      await noted(journal, "up", "services", () =>
        bringUp(context, {
          services: chosenServices(wanted, options.services),
          before,
          names: options.services ?? [],
          converge: true,
          ...(options.timeout !== undefined && { timeout: options.timeout }),
        }),
      );
    });
    return { plan };
  });
}

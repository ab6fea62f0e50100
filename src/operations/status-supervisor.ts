import type { Context } from "./context.ts";
import { lockHolder } from "./lock.ts";
import type { ScheduleHost } from "./schedule/host.ts";
import { installedKinds } from "./schedule/install.ts";
import { readScheduleMemory } from "./schedule/memory.ts";
import type { SupervisorStatus } from "./status-report.ts";
import { isInstalled } from "./watch/install.ts";
import { readWatchMemory } from "./watch/memory.ts";

/** Who calls the schedule and who watches, and when either was at work last. */
export async function readSupervisor(
  stack: Pick<Context, "directory" | "model">,
  host: ScheduleHost,
): Promise<SupervisorStatus> {
  const { lastTick } = readScheduleMemory(stack.directory);
  const { lookedAt } = readWatchMemory(stack.directory);
  const installed = await installedKinds(stack, host).catch(() => []);
  return {
    schedule: { installed, ...(lastTick !== undefined && { lastCall: new Date(lastTick).toISOString() }) },
    watch: {
      installed: isInstalled(stack, host),
      running: lockHolder(stack.directory, "watch.lock") !== undefined,
      ...(lookedAt !== undefined && { lastLook: new Date(lookedAt).toISOString() }),
    },
  };
}

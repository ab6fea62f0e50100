import type { Engine, ObservedContainer } from "../../engine/engine.ts";
import { abandonedOperations, unfinishedOperations } from "../journal.ts";
import { endsContainer } from "../metrics/counts.ts";

/** Milliseconds: no container is given longer to end. */
const longestStop = 15 * 60_000;

/**
 * Why a service is to be let alone although no command holds the stack's lock: a copy has it stand still, or a command
 * was cut short and has left something to take back, which the next command does. Undefined: there is no reason.
 */
export function standsStill(directory: string, service: string): string | undefined {
  const cut = abandonedOperations(directory).find(({ undo }) => undo.length > 0);
  if (cut !== undefined) return `\`${cut.operation}\` was cut short, and the next command puts right what it left`;
  const still = unfinishedOperations(directory).find(({ undo }) => undo.some((one) => one.undo.service === service));
  return still === undefined ? undefined : `\`${still.operation}\` has it stand still`;
}

/** Those that nobody is stopping at this moment, be it with Docker itself. */
export async function notBeingStopped(
  engine: Engine,
  project: string,
  containers: readonly ObservedContainer[],
  now: number,
): Promise<ObservedContainer[]> {
  const { events } = await engine.pastEvents(project, now - longestStop);
  return containers.filter(({ id, startedAt = 0 }) => {
    const since = events.filter((event) => event.id === id && event.at > startedAt);
    return !since.some(endsContainer);
  });
}

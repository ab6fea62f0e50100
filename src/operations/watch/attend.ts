import type { Engine, ObservedContainer } from "../../engine/engine.ts";
import type { StackModel } from "../../stack/model.ts";
import { unlessAborted } from "../../support/deadline.ts";
import { messageOf, StackError } from "../../support/errors.ts";
import { formatDuration } from "../../support/units.ts";
import type { Context } from "../context.ts";
import { tryLock, whileHeld } from "../lock.ts";
import { redactorFor } from "../secret-values.ts";
import { lastHealthOutput } from "../status-services.ts";
import { decide, type Pauses, pauseAfter, type Verdict, withRestart } from "./decide.ts";
import { readWatchMemory, type WatchMemory, writeWatchMemory } from "./memory.ts";
import { notBeingStopped, standsStill } from "./still.ts";

interface Attending extends Pick<Context, "directory" | "clock" | "signal"> {
  model: StackModel;
  engine: Engine;
  say(line: string): void;
  /** Services that were unhealthy, with what was said of them last. */
  said: Map<string, string>;
}

/** Restarts what is to be restarted, and says what has changed since the last time. */
export async function attend(
  context: Attending,
  containers: readonly ObservedContainer[],
  pauses: Pauses,
): Promise<void> {
  const { directory, model, clock } = context;
  const verdict = decide(model, containers, readWatchMemory(directory), clock.now(), pauses);
  writeWatchMemory(directory, verdict.memory);
  for (const { service, reason } of verdict.waiting)
    sayOnce(context, service, `is unhealthy and left alone: ${reason}`);
  for (const wanted of verdict.restart) {
    const reason = await restart(context, wanted, pauses);
    if (reason !== undefined) sayOnce(context, wanted.service, `is unhealthy and left alone: ${reason}`);
  }
  sayRecovered(context, containers, verdict);
}

/** Restarts the unhealthy containers of a service; says why it was not done. Meanwhile no command works on the stack. */
async function restart(
  context: Attending,
  { service, containers }: Verdict["restart"][number],
  pauses: Pauses,
): Promise<string | undefined> {
  const { directory, model, engine, clock } = context;
  const lock = tryLock(directory, "watch", clock.now());
  if (!("release" in lock)) return `\`${lock.command}\` is at work on the stack`;
  return await whileHeld(lock, async () => {
    const reason = standsStill(directory, service);
    if (reason !== undefined) return reason;
    const unhealthy = await stillUnhealthy(engine, containers);
    if (unhealthy.length === 0) return undefined;
    const mine = await notBeingStopped(engine, model.name, unhealthy, clock.now());
    if (mine.length === 0) return "somebody is stopping it";
    // On the disk before: one that takes this program down is not restarted for ever.
    const memory = withRestart(readWatchMemory(directory), service, clock.now());
    writeWatchMemory(directory, memory);
    await restartAll(context, mine);
    context.said.set(service, restartedWords(context, service, mine, memory, pauses));
    context.say(`${service} ${context.said.get(service)}`);
    return undefined;
  });
}

/** What was seen before the lock was taken may be long ago: a deploy has ended in between. */
async function stillUnhealthy(engine: Engine, containers: readonly ObservedContainer[]): Promise<ObservedContainer[]> {
  const now = await Promise.all(containers.map(({ id }) => engine.inspect(id)));
  return now.filter(
    (container) => container?.state === "running" && container.health === "unhealthy",
  ) as ObservedContainer[];
}

async function restartAll({ engine, say, signal }: Attending, containers: readonly ObservedContainer[]): Promise<void> {
  const ends = containers.map(async ({ id, name }) => {
    try {
      await engine.restart(id);
    } catch (error) {
      if (error instanceof StackError && error.code === "engine-unreachable") throw error;
      say(`${name} could not be restarted: ${messageOf(error)}`);
    }
  });
  // The engine ends what it has begun, also where nobody waits for it.
  await unlessAborted(Promise.all(ends), signal);
}

function restartedWords(
  { directory, model }: Attending,
  service: string,
  containers: readonly ObservedContainer[],
  { services }: WatchMemory,
  pauses: Pauses,
): string {
  const restarts = services[service]?.restarts ?? 1;
  const said = redactorFor(directory, model)(lastHealthOutput(containers[0]));
  const count = containers.length === 1 ? "" : ` (${containers.length} containers)`;
  return `was unhealthy${said}; restarted${count}, for the ${ordinal(restarts)} time in a row. Not again before ${formatDuration(pauseAfter(restarts, pauses))} have passed`;
}

function ordinal(count: number): string {
  return ["first", "second", "third"][count - 1] ?? `${count}th`;
}

function sayOnce({ said, say }: Attending, service: string, words: string): void {
  if (said.get(service) === words) return;
  said.set(service, words);
  say(`${service} ${words}`);
}

function sayRecovered(context: Attending, containers: readonly ObservedContainer[], { unhealthy }: Verdict): void {
  for (const service of context.said.keys()) {
    const mine = containers.filter((container) => container.service === service && !container.oneOff);
    const isWell = mine.every(({ state, health }) => state === "running" && health === "healthy");
    if (unhealthy.includes(service) || !isWell) continue;
    context.said.delete(service);
    context.say(mine.length === 0 ? `${service} is gone` : `${service} is healthy again`);
  }
}

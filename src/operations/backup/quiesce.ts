import { randomBytes } from "node:crypto";
import type { ObservedContainer } from "../../engine/engine.ts";
import type { DataSourceOf } from "../../stack/data-source.ts";
import { StackError } from "../../support/errors.ts";
import { formatDuration } from "../../support/units.ts";
import type { Context } from "../context.ts";
import { engineName } from "../engine-name.ts";
import type { Journal } from "../journal.ts";
import { lockHolder, withLock } from "../lock.ts";
import { type GoOn, goOn, runIn, runningContainers } from "./go-on.ts";

type Source = DataSourceOf<"volume">;
type Warn = (text: string) => void;
type Body<Result> = (context: Context) => Promise<Result>;

/** Milliseconds. Longer than this nothing stands still for a copy: it goes on, and the copy has failed. */
export const standstillBudget = 120_000;
/** Milliseconds to wait for another command that works on the stack. */
const lockWait = 60_000;
/** Milliseconds in which a service that was stopped should be healthy again. */
const healthyWithin = 60_000;

/**
 * Runs `body` while the source can be copied: its services stopped or paused, or told by a command, as its `consistency`
 * says. How to go on is in the journal before anything stands still; what ran goes on right after `body`, however that
 * ended. `body` gets a context that is aborted when the time is up.
 */
export async function quiesced<Result>(
  context: Context,
  journal: Journal,
  source: Source,
  body: Body<Result>,
  warn: Warn = (text) => context.progress.line(`warning: ${text}`),
): Promise<Result> {
  const { consistency } = source;
  if (consistency.kind === "live") return body(context);
  if (consistency.kind === "exec") return betweenCommands(context, journal, source, consistency, body, warn);
  const { kind } = consistency;
  const { result, services } = await underStackLock(context, () => whileStill(context, journal, source, kind, body));
  if (kind === "stop") await healthyAgain(context, services, warn);
  return result;
}

/** A restore that holds the lock already may copy what it is about to replace. */
function underStackLock<Result>(context: Context, body: () => Promise<Result>): Promise<Result> {
  if (lockHolder(context.directory)?.pid === process.pid) return body();
  return withLock(context, { command: "backup run", wait: lockWait }, body);
}

async function whileStill<Result>(
  context: Context,
  journal: Journal,
  source: Source,
  kind: "stop" | "pause",
  body: Body<Result>,
): Promise<{ result: Result; services: string[] }> {
  const running = await writersOf(context, source);
  const services = [...new Set(running.map(({ service }) => service))];
  const steps = services.map((service) => ({
    id: `${kind}:${service}:${randomBytes(3).toString("hex")}`,
    undo: {
      kind: kind === "stop" ? ("start-service" as const) : ("unpause" as const),
      project: context.model.name,
      service,
      containers: running.filter((one) => one.service === service).map(({ name }) => name),
    },
  }));
  for (const step of steps) journal.begin(step);
  try {
    const result = await withinBudget(context, source, async (still) => {
      await Promise.all(running.map((container) => holdStill(context, kind, container)));
      for (const step of steps) journal.done(step);
      still.signal.throwIfAborted();
      return body(still);
    });
    return { result, services };
  } finally {
    await allGoOn(context, journal, steps);
  }
}

/** Every one is tried before the first failure is thrown. */
async function allGoOn(context: Context, journal: Journal, steps: readonly { id: string; undo: GoOn }[]) {
  const failures: unknown[] = [];
  for (const { id, undo } of [...steps].reverse()) {
    try {
      await goOn(context, undo);
      journal.undone(id);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

/** Running containers of the stack that write to the volume. Who only reads it may go on. */
async function writersOf({ engine, model }: Context, { service, volume }: Source): Promise<ObservedContainer[]> {
  const readers = model.services.filter(
    ({ name, mounts }) =>
      name !== service && mounts.every((mount) => mount.kind !== "volume" || mount.volume !== volume || mount.readOnly),
  );
  const names = readers.map(({ name }) => name);
  const users = new Set((await engine.usersOf(engineName(model, volume))).map(({ id }) => id));
  const { containers } = await engine.observe(model.name);
  return containers.filter(
    ({ id, state, ...one }) => users.has(id) && state === "running" && !names.includes(one.service),
  );
}

async function holdStill({ engine, model }: Context, kind: "stop" | "pause", { id, service }: ObservedContainer) {
  if (kind === "pause") return engine.pause(id);
  const grace = model.services.find(({ name }) => name === service)?.stopGracePeriod ?? 10_000;
  return engine.stop(id, Math.ceil(Math.min(grace, standstillBudget / 2) / 1_000));
}

async function withinBudget<Result>(context: Context, { name }: Source, body: Body<Result>): Promise<Result> {
  const timeUp = new AbortController();
  const ended = new AbortController();
  context.clock.sleep(standstillBudget, ended.signal).then(
    () => timeUp.abort(),
    () => {},
  );
  try {
    return await body({ ...context, signal: AbortSignal.any([context.signal, timeUp.signal]) });
  } catch (error) {
    throw timeUp.signal.aborted && !context.signal.aborted ? tookTooLong(name) : error;
  } finally {
    ended.abort();
  }
}

function tookTooLong(source: string): StackError {
  return new StackError({
    code: "standstill-too-long",
    exit: "backupFailed",
    message: `Copying ${source} took longer than the ${formatDuration(standstillBudget)} that its service may stand still for; it runs again`,
    hint: "in stack.yaml write `backup: live` at this volume, or a command that writes a copy (`backup: { before: … }`)",
  });
}

async function healthyAgain({ engine, model, clock, signal }: Context, services: readonly string[], warn: Warn) {
  const deadline = clock.now() + healthyWithin;
  for (;;) {
    const { containers } = await engine.observe(model.name);
    const waiting = services.filter((service) =>
      containers.every(
        (one) =>
          one.service !== service || one.state !== "running" || (one.health !== undefined && one.health !== "healthy"),
      ),
    );
    if (waiting.length === 0) return;
    if (clock.now() >= deadline)
      return warn(`${waiting.join(", ")} runs again and is not healthy after ${formatDuration(healthyWithin)}`);
    await clock.sleep(250, signal);
  }
}

async function betweenCommands<Result>(
  context: Context,
  journal: Journal,
  source: Source,
  { before, after }: { before: string[]; after?: string[] },
  body: Body<Result>,
  warn: Warn,
): Promise<Result> {
  const { model } = context;
  const { service } = source;
  const [container] = await runningContainers(context, service);
  if (container === undefined) throw notRunning(source);
  const undo = { kind: "run-after" as const, project: model.name, service, command: after ?? [] };
  const step = { id: `exec:${service}:${randomBytes(3).toString("hex")}`, undo };
  if (after !== undefined) journal.begin(step);
  try {
    const complaint = await runIn(context, container.id, before);
    if (complaint !== undefined) throw beforeFailed(source, complaint);
    return await body(context);
  } finally {
    if (after !== undefined) {
      const complaint = await goOn(context, undo);
      if (complaint !== undefined) warn(`the command after the copy failed in ${service}: ${complaint}`);
      journal.undone(step.id);
    }
  }
}

function notRunning({ name, service }: Source): StackError {
  return new StackError({
    code: "service-not-running",
    exit: "backupFailed",
    message: `${name} is copied around a command in ${service}, which does not run`,
    hint: "./prod.sh start",
  });
}

function beforeFailed({ name, service }: Source, complaint: string): StackError {
  return new StackError({
    code: "before-failed",
    exit: "backupFailed",
    message: `The command before the copy of ${name} failed in ${service}: ${complaint}`,
    hint: `try it: ./prod.sh exec ${service} …`,
  });
}

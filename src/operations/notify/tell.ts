import { headlineOf, type Message } from "../../notify/message.ts";
import { sendPing } from "../../notify/ping.ts";
import { messageOf } from "../../support/errors.ts";
import { tryLock, whileHeld } from "../lock.ts";
import { redactorFor } from "../secret-values.ts";
import { forgetOthers, isTroubled, messagesFor, note, noteDelivery } from "./decide.ts";
import { deliver } from "./deliver.ts";
import { type LookContext, lookAtStack } from "./look.ts";
import { type NotifyMemory, readNotifyMemory, writeNotifyMemory } from "./memory.ts";
import { type Receiver, receiversOf, secretIn } from "./receivers.ts";

/** Milliseconds between two thorough looks. */
const thoroughPause = 5 * 60_000;

/** What telling came to, in lines; none where there was nothing to tell. */
export interface TellResult {
  ok: boolean;
  lines: string[];
}

/**
 * Looks at the stack and tells every receiver of `notify:` what is wrong, once, again after hours, and that it is over.
 * What was not taken is told by a later call, and a call that is killed loses nothing. Call it once a minute; two at the
 * same time are one. With `heartbeat` its address is requested where nothing is wrong.
 */
export async function tellOf(context: LookContext, options: { heartbeat?: boolean } = {}): Promise<TellResult> {
  const { directory, model, clock } = context;
  const receivers = receiversOf(context);
  if (receivers.length === 0 && model.notify.heartbeat === undefined) return { ok: true, lines: [] };
  const lock = tryLock(directory, "notify", clock.now(), "notify.lock");
  if (!("release" in lock)) return { ok: true, lines: [] };
  return await whileHeld(lock, () => tellAll(context, receivers, options.heartbeat ?? false));
}

async function tellAll(context: LookContext, receivers: readonly Receiver[], heartbeat: boolean): Promise<TellResult> {
  const { directory, clock } = context;
  const memory = readNotifyMemory(directory);
  const now = clock.now();
  const thorough = Math.abs(now - (memory.lookedAt ?? 0)) >= thoroughPause;
  const look = await lookAtStack(context, { thorough });
  forgetOthers(memory, receivers);
  note(memory, look, now);
  if (thorough) memory.lookedAt = now;
  writeNotifyMemory(directory, memory);
  const results = await Promise.all([
    ...receivers.map((receiver) => tellOne(context, memory, receiver)),
    ...(heartbeat ? [beat(context, memory)] : []),
  ]);
  return { ok: results.every(({ ok }) => ok), lines: results.flatMap(({ lines }) => lines) };
}

/** One message after the other; the first that is not taken ends it for now. */
async function tellOne(context: LookContext, memory: NotifyMemory, receiver: Receiver): Promise<TellResult> {
  const { directory, model, clock } = context;
  const lines: string[] = [];
  for (const message of messagesFor(memory, model.name, receiver, clock.now())) {
    const { outcome, error } = await deliver(context, receiver, message);
    noteDelivery(memory, receiver.name, message, { taken: outcome === "taken", now: clock.now() });
    // At once: whoever is killed now has told it and remembers it.
    writeNotifyMemory(directory, memory);
    lines.push(lineOf(receiver, message, error));
    if (error !== undefined) return { ok: false, lines };
  }
  return { ok: true, lines };
}

function lineOf({ name }: Receiver, message: Message, error: string | undefined): string {
  return error === undefined
    ? `told ${name}: ${headlineOf(message)}`
    : `${name}: FAILED: ${error}; told later: ${headlineOf(message)}`;
}

/** Says that all is well, to whoever raises the alarm when nobody says it. With monitoring, Alertmanager does. */
async function beat({ directory, model, signal }: LookContext, memory: NotifyMemory): Promise<TellResult> {
  const { heartbeat } = model.notify;
  if (heartbeat === undefined || model.monitoring !== undefined || isTroubled(memory)) return { ok: true, lines: [] };
  try {
    await sendPing(secretIn(directory, heartbeat), signal);
    return { ok: true, lines: [] };
  } catch (error) {
    signal.throwIfAborted();
    return { ok: false, lines: [`heartbeat: FAILED: ${redactorFor(directory, model)(messageOf(error))}`] };
  }
}

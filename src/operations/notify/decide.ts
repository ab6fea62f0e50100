import type { Message } from "../../notify/message.ts";
import type { AlertSeverity } from "../../stack/monitoring.ts";
import type { NotifyMemory, Remembered } from "./memory.ts";
import { type Receiver, type ReceiverName, wants } from "./receivers.ts";
import type { Look } from "./trouble.ts";

/** Milliseconds after which a trouble that is still there is told again. */
const repeatAfter: Record<AlertSeverity, number> = { critical: 4 * 3_600_000, warning: 24 * 3_600_000 };
/** Milliseconds that a receiver that took nothing is left alone: a minute, then twice as long each time, an hour at most. */
const firstPause = 60_000;
const longestPause = 3_600_000;

/** Enters into the memory what a look found, and what is over. */
export function note(memory: NotifyMemory, look: Look, now: number): void {
  for (const remembered of Object.values(memory.troubles)) forgetTheFuture(remembered, now);
  const found = new Set(look.troubles.map(({ key }) => key));
  for (const trouble of look.troubles) {
    const { goneAt: _, ...known } = memory.troubles[trouble.key] ?? { since: now, told: {}, tried: {} };
    memory.troubles[trouble.key] = { ...known, trouble };
  }
  for (const [key, remembered] of Object.entries(memory.troubles)) {
    if (found.has(key) || !look.isOver(key)) continue;
    remembered.goneAt ??= now;
    const isOver = now - remembered.goneAt >= remembered.trouble.clears;
    if (isOver && Object.keys(remembered.told).length === 0) delete memory.troubles[key];
  }
}

/** A clock that was wrong has noted times that are yet to come. */
function forgetTheFuture(remembered: Remembered, now: number): void {
  remembered.since = Math.min(remembered.since, now);
  if (remembered.goneAt !== undefined) remembered.goneAt = Math.min(remembered.goneAt, now);
  for (const told of Object.values(remembered.told)) told.at = Math.min(told.at, now);
}

/** Whether anything is wrong now, also where nobody is told of it yet. */
export function isTroubled({ troubles }: NotifyMemory): boolean {
  return Object.values(troubles).some(({ goneAt }) => goneAt === undefined);
}

/** What a receiver is to be told now: first what was tried least recently, so that one bad message holds up no other. */
export function messagesFor(memory: NotifyMemory, stack: string, receiver: Receiver, now: number): Message[] {
  if (isResting(memory, receiver.name, now)) return [];
  return Object.values(memory.troubles)
    .sort((a, b) => (a.tried[receiver.name] ?? 0) - (b.tried[receiver.name] ?? 0) || a.since - b.since)
    .flatMap((remembered) => messageOf(remembered, stack, receiver, now) ?? []);
}

function messageOf(remembered: Remembered, stack: string, receiver: Receiver, now: number): Message | undefined {
  const { trouble, since, goneAt, told } = remembered;
  const { holds, clears, ...said } = trouble;
  const before = told[receiver.name];
  const message = { ...said, stack, at: since };
  if (goneAt !== undefined) {
    if (before === undefined || now - goneAt < clears) return undefined;
    return { ...message, state: "resolved", endedAt: goneAt };
  }
  if (!wants(receiver, trouble) || now - since < holds) return undefined;
  const isWorse = before?.severity === "warning" && trouble.severity === "critical";
  if (before !== undefined && !isWorse && now - before.at < repeatAfter[trouble.severity]) return undefined;
  return { ...message, state: "firing" };
}

function isResting({ receivers }: NotifyMemory, name: ReceiverName, now: number): boolean {
  const broken = receivers[name];
  if (broken === undefined || broken.triedAt > now) return false;
  return now - broken.triedAt < Math.min(longestPause, firstPause * 2 ** (broken.failures - 1));
}

/** Enters how it went to tell a receiver. */
export function noteDelivery(
  memory: NotifyMemory,
  name: ReceiverName,
  { key, state, severity }: Message,
  outcome: { taken: boolean; now: number },
): void {
  const { taken, now } = outcome;
  const remembered = memory.troubles[key];
  if (taken) delete memory.receivers[name];
  else memory.receivers[name] = { failures: (memory.receivers[name]?.failures ?? 0) + 1, triedAt: now };
  if (remembered === undefined) return;
  remembered.tried[name] = now;
  if (!taken) return;
  if (state === "firing") remembered.told[name] = { at: now, severity };
  else delete remembered.told[name];
  if (state === "resolved" && Object.keys(remembered.told).length === 0) delete memory.troubles[key];
}

/** Forgets who was told where stack.yaml names the receiver no longer: nobody would tell it of the end. */
export function forgetOthers(memory: NotifyMemory, receivers: readonly Pick<Receiver, "name">[]): void {
  const names = new Set<string>(receivers.map(({ name }) => name));
  for (const { told } of Object.values(memory.troubles))
    for (const name of Object.keys(told)) if (!names.has(name)) delete told[name as ReceiverName];
}

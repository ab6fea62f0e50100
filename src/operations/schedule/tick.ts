import { StackError } from "../../support/errors.ts";
import type { Redact } from "../../support/redact.ts";
import { failureOf } from "../backup/failure.ts";
import type { Lane } from "../backup/kinds.ts";
import { outcomeOf, type RunResult } from "../backup/result.ts";
import { failureText, runLines } from "../backup/run-lines.ts";
import type { Context } from "../context.ts";
import { tryLock } from "../lock.ts";
import { redactorFor } from "../secret-values.ts";
import { type Due, dueNow, handledBefore, type LaneMemory, type ScheduledLane, scheduledLanes } from "./due.ts";
import { readScheduleMemory, type ScheduleMemory, writeScheduleMemory } from "./memory.ts";

/** What a recovery, a trial restore or a prune came to. */
export interface ChoreResult {
  ok: boolean;
  lines: string[];
}

/** What one call can do; tests bring their own. */
export interface TickActions {
  /** Puts right what a killed operation left behind. */
  recover(): Promise<ChoreResult>;
  /** Copies what the database servers have logged since; undefined where none keeps a log. */
  log(): Promise<RunResult | undefined>;
  copy(lane: Lane, only: readonly string[]): Promise<RunResult>;
  drill(): Promise<ChoreResult>;
  prune(): Promise<ChoreResult>;
}

/** One thing that was done, or tried. */
export interface TickEvent {
  what: "recovery" | "log" | "prune" | ScheduledLane;
  /** `busy`: another operation is at work on the stack; a later call does it. */
  outcome: "ok" | "partial" | "failed" | "busy";
  lines: string[];
}

export interface TickResult {
  outcome: TickEvent["outcome"];
  /** Without those that had nothing to say. */
  events: TickEvent[];
}

type TickContext = Pick<Context, "directory" | "model" | "clock" | "signal">;

/**
 * One call of `schedule run`: does what has become due since the last one, each lane at most once. Called every minute
 * by cron or systemd. A second call at the same time, or one that finds the stack at work, ends at once and quietly.
 */
export async function runTick(context: TickContext, actions: TickActions): Promise<TickResult> {
  const { directory, clock } = context;
  const lock = tryLock(directory, "schedule run", clock.now(), "schedule.lock");
  if (!("release" in lock)) return { outcome: "busy", events: [] };
  process.once("exit", lock.release);
  try {
    const events = await tick(context, actions);
    return { outcome: worstOf(events), events: events.filter(({ lines }) => lines.length > 0) };
  } finally {
    process.off("exit", lock.release);
    lock.release();
  }
}

async function tick(context: TickContext, actions: TickActions): Promise<TickEvent[]> {
  const memory = readScheduleMemory(context.directory);
  const events = [
    await attempt(context, "recovery", actions.recover),
    await attempt(context, "log", async () => logResult(await actions.log())),
  ];
  const due = dueLanes(context, memory);
  writeScheduleMemory(context.directory, memory);
  for (const one of due) {
    if (events.some(({ outcome }) => outcome === "busy")) break;
    events.push(await runLane(context, actions, memory, one));
    if (one.lane === "full" && events.at(-1)?.outcome !== "busy")
      events.push(await attempt(context, "prune", actions.prune));
  }
  return events;
}

/** What is due, in order. An increment that is due together with a full copy is part of it. */
function dueLanes({ model, clock }: TickContext, memory: ScheduleMemory): Due[] {
  const now = clock.now();
  memory.lastTick = now;
  const due = scheduledLanes.flatMap((lane) => {
    const found = dueNow(model.backup.schedule, lane, memory.lanes[lane], now, model.name);
    if (found === undefined && isUnknown(memory.lanes[lane], now)) memory.lanes[lane] = handledBefore(now);
    return found ?? [];
  });
  const increment = due.find(({ lane }) => lane === "increment");
  const isCovered = due.some(({ lane, only }) => lane === "full" && only.length === 0);
  if (increment === undefined || !isCovered) return due;
  memory.lanes.increment = { ...handledBefore(now), due: increment.due };
  return due.filter((one) => one !== increment);
}

/** Never handled, or noted by a clock that was ahead. */
function isUnknown(memory: LaneMemory | undefined, now: number): boolean {
  return memory === undefined || memory.due > now || memory.triedAt > now;
}

/** Runs a lane. That it was begun is on the disk before, so that one that takes the machine down is not begun for ever. */
async function runLane(
  context: TickContext,
  actions: TickActions,
  memory: ScheduleMemory,
  { lane, due, attempt: count, only }: Due,
): Promise<TickEvent> {
  const before = memory.lanes[lane];
  const begun: LaneMemory = { due, triedAt: context.clock.now(), attempts: count, done: false, failed: only };
  const remember = (now: LaneMemory | undefined) => {
    if (now === undefined) delete memory.lanes[lane];
    else memory.lanes[lane] = now;
    writeScheduleMemory(context.directory, memory);
  };
  remember(begun);
  const event = await attempt(context, lane, async () => {
    if (lane === "drill") {
      const result = await actions.drill();
      remember({ ...begun, done: true });
      return result;
    }
    const result = await actions.copy(lane, only);
    const failed = [...new Set(result.sources.flatMap(({ outcome, source }) => (outcome === "ok" ? [] : [source])))];
    // What did not reach a destination is delivered by any later run.
    remember({ ...begun, done: failed.length === 0, failed });
    return { outcome: outcomeOf(result), lines: runLines(result) };
  });
  if (event.outcome === "busy") remember(before);
  return event;
}

function logResult(result: RunResult | undefined): Pick<TickEvent, "outcome" | "lines"> {
  if (result === undefined) return { outcome: "ok", lines: [] };
  const outcome = outcomeOf(result);
  // Once a minute is too often to tell that all is well.
  return { outcome, lines: outcome === "ok" ? [] : runLines(result) };
}

/** Does one thing. A failure is told and keeps nothing else from being done, unless the user interrupts. */
async function attempt(
  { directory, model, signal }: TickContext,
  what: TickEvent["what"],
  act: () => Promise<ChoreResult | Pick<TickEvent, "outcome" | "lines">>,
): Promise<TickEvent> {
  signal.throwIfAborted();
  try {
    const result = await act();
    const outcome = "outcome" in result ? result.outcome : result.ok ? "ok" : "failed";
    return { what, outcome, lines: result.lines.map((line) => `${what}: ${line}`) };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof StackError && error.code === "locked") return { what, outcome: "busy", lines: [] };
    return { what, outcome: "failed", lines: [`${what}: FAILED: ${textOf(error, redactorFor(directory, model))}`] };
  }
}

function textOf(error: unknown, redact: Redact): string {
  return failureText(failureOf(error, redact));
}

function worstOf(events: readonly TickEvent[]): TickResult["outcome"] {
  const outcomes = events.map(({ outcome }) => outcome);
  const bad = outcomes.filter((outcome) => outcome === "failed" || outcome === "partial");
  if (bad.length === 0) return outcomes.includes("busy") ? "busy" : "ok";
  const tried = events.filter(({ outcome, lines }) => outcome !== "busy" && lines.length > 0);
  return tried.every(({ outcome }) => outcome === "failed") ? "failed" : "partial";
}

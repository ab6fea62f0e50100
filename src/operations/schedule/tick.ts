import { StackError } from "../../support/errors.ts";
import type { Redact } from "../../support/redact.ts";
import { failureOf } from "../backup/failure.ts";
import type { Lane } from "../backup/kinds.ts";
import { outcomeOf, type RunResult } from "../backup/result.ts";
import { failureText, runLines } from "../backup/run-lines.ts";
import type { Context } from "../context.ts";
import { tryLock, whileHeld } from "../lock.ts";
import { redactorFor } from "../secret-values.ts";
import { type Due, dueNow, handledBefore } from "./due.ts";
import { type LaneMemory, type ScheduledLane, scheduledLanes } from "./lanes.ts";
import { readScheduleMemory, type ScheduleMemory, writeScheduleMemory } from "./memory.ts";

/** What a recovery, a trial restore or a prune came to. */
export interface ChoreResult {
  ok: boolean;
  lines: string[];
}

/** A source that wants a full copy at once: its log has a hole, or follows no copy. */
export interface WantedBase {
  source: string;
  reason: string;
}

/** What one call can do; tests bring their own. */
export interface TickActions {
  /** Writes the metrics of services and containers, where somebody reads them. */
  measure(): Promise<void>;
  /** Puts right what a killed operation left behind. */
  recover(): Promise<ChoreResult>;
  /** Begins the jobs that are due, notes those that have ended, stops those out of time; waits for none. */
  jobs(): Promise<ChoreResult>;
  /**
   * Ships what the database servers have logged since, under a lock of its own; undefined where none keeps a log. Says
   * which sources want a full copy at once.
   */
  log(): Promise<(RunResult & { basesWanted?: WantedBase[] }) | undefined>;
  /** Tells those whom `notify:` names what is wrong, or that nothing is. */
  tell(): Promise<ChoreResult>;
  copy(lane: Lane, only: readonly string[]): Promise<RunResult>;
  drill(): Promise<ChoreResult>;
  prune(): Promise<ChoreResult>;
}

/** One thing that was done, or tried. */
export interface TickEvent {
  what: "metrics" | "recovery" | "jobs" | "log" | "notify" | "prune" | ScheduledLane;
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

/** Milliseconds between two shipments of the log while something long runs. */
const logPause = 60_000;
/** Milliseconds until a full copy that was wanted out of turn is tried again. */
const basePause = 30 * 60_000;

/**
 * One call of `schedule run`: does what has become due since the last one, each lane at most once. Called every minute
 * by cron or systemd. A second call at the same time measures, sees to the jobs, ships the log, tells what is wrong and
 * ends; one that finds the stack at work leaves what is due to the next.
 */
export async function runTick(context: TickContext, actions: TickActions): Promise<TickResult> {
  const { directory, clock } = context;
  const wanted: WantedBase[] = [];
  const first = [
    await onlyTold(context, "metrics", async () => {
      await actions.measure();
      return { ok: true, lines: [] };
    }),
    await attempt(context, "recovery", actions.recover),
    await onlyTold(context, "jobs", actions.jobs),
    await attempt(context, "log", async () => {
      const result = await actions.log();
      wanted.push(...(result?.basesWanted ?? []));
      return logResult(result);
    }),
    // Before what may take hours: what that comes to is told by the calls that come meanwhile.
    await attempt(context, "notify", async () => {
      const { ok, lines } = await actions.tell();
      return { outcome: ok ? "ok" : "partial", lines };
    }),
  ];
  const lock = tryLock(directory, "schedule run", clock.now(), "schedule.lock");
  if (!("release" in lock)) return resultOf([...first, { what: "increment", outcome: "busy", lines: [] }]);
  const lanes = await whileHeld(lock, () => runLanes(context, actions, wanted));
  return resultOf([...first, ...lanes]);
}

/** Metrics that cannot be written, and jobs that fail, are told, and make no backup a failed one. */
async function onlyTold(
  context: TickContext,
  what: TickEvent["what"],
  act: () => Promise<ChoreResult>,
): Promise<TickEvent> {
  return { ...(await attempt(context, what, act)), outcome: "ok" };
}

function resultOf(events: readonly TickEvent[]): TickResult {
  return { outcome: worstOf(events), events: events.filter(({ lines }) => lines.length > 0) };
}

async function runLanes(
  context: TickContext,
  actions: TickActions,
  wanted: readonly WantedBase[],
): Promise<TickEvent[]> {
  const memory = readScheduleMemory(context.directory);
  const due = dueLanes(context, memory);
  const bases = due.some(({ lane }) => lane === "full") ? [] : basesDue(context, memory, wanted);
  writeScheduleMemory(context.directory, memory);
  const events: TickEvent[] = [];
  if (bases.length > 0) events.push(await withTheRest(context, actions, () => runBases(context, actions, bases)));
  for (const one of due) {
    if (events.some(({ outcome }) => outcome === "busy")) break;
    events.push(await withTheRest(context, actions, () => runLane(context, actions, memory, one)));
    if (one.lane === "full" && events.at(-1)?.outcome !== "busy")
      events.push(await attempt(context, "prune", actions.prune));
  }
  return events;
}

/** Sources that want a full copy out of turn; one that was just tried is not tried every minute. */
function basesDue({ clock }: TickContext, memory: ScheduleMemory, wanted: readonly WantedBase[]): WantedBase[] {
  const now = clock.now();
  const due = wanted.filter(({ source }) => Math.abs(now - (memory.bases[source] ?? 0)) >= basePause);
  for (const { source } of due) memory.bases[source] = now;
  return due;
}

function runBases(context: TickContext, actions: TickActions, bases: readonly WantedBase[]): Promise<TickEvent> {
  return attempt(context, "full", async () => {
    const result = await actions.copy(
      "full",
      bases.map(({ source }) => source),
    );
    const reasons = bases.map(({ source, reason }) => `${source}: copied in full out of turn: ${reason}`);
    return { outcome: outcomeOf(result), lines: [...reasons, ...runLines(result)] };
  });
}

/** While a long copy runs the log goes on being shipped and jobs run, though nobody may be calling meanwhile. */
async function withTheRest(
  context: TickContext,
  actions: TickActions,
  act: () => Promise<TickEvent>,
): Promise<TickEvent> {
  const { clock, signal } = context;
  const done = new AbortController();
  const until = AbortSignal.any([signal, done.signal]);
  const shipping = (async () => {
    for (;;) {
      await clock.sleep(logPause, until);
      // How it went is told by the next call; a failure now would be told twice.
      await Promise.allSettled([actions.log(), actions.jobs()]);
    }
  })().catch(() => undefined);
  try {
    return await act();
  } finally {
    done.abort();
    await shipping;
  }
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

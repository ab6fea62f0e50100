import type { Engine } from "../../engine/engine.ts";
import type { StackModel } from "../../stack/model.ts";
import { within } from "../../support/deadline.ts";
import { messageOf, StackError } from "../../support/errors.ts";
import { keepMemorySmall } from "../../support/memory.ts";
import { formatAge } from "../../support/units.ts";
import type { Context } from "../context.ts";
import { tryLock, whileHeld } from "../lock.ts";
import { writeServiceMetrics } from "../metrics/write.ts";
import { tellOf } from "../notify/tell.ts";
import { attend } from "./attend.ts";
import { type Pauses, usualPauses } from "./decide.ts";

/** What watching takes: the stack may be generated anew and the engine restarted meanwhile, so both are asked for. */
export interface WatchContext extends Pick<Context, "directory" | "clock" | "signal" | "progress"> {
  model(): StackModel;
  connect(): Promise<Engine>;
  /** Takes a line for the log. */
  say(line: string): void;
  /** True where another program stands in the place of this one. */
  isReplaced?(): boolean;
}

export interface WatchOptions {
  /** Milliseconds between two looks. */
  every: number;
  pauses?: Pauses;
}

/** What is known from one look to the next; what must outlive this process is on the disk. */
interface Watching {
  engine?: Engine;
  /** What did not work at the last look, by what was tried. */
  failures: Map<string, string>;
  /** Services that were unhealthy, with what was said of them last. */
  said: Map<string, string>;
  /** Somebody is being told. */
  telling?: Promise<void>;
  toldAt: number;
}

/** Milliseconds that an engine has to answer. */
const answerTimeout = 20_000;
/** Milliseconds between two times that somebody may be told. */
const tellPause = 60_000;

/**
 * Looks at the stack again and again until aborted: restarts what is unhealthy, writes metrics where somebody reads them,
 * tells those whom `notify:` names. An engine that is away is waited for. One at a time; another is refused. Ends by
 * itself only where its program was replaced.
 */
export async function watch(context: WatchContext, options: WatchOptions): Promise<"aborted" | "replaced"> {
  const lock = takeLock(context);
  keepMemorySmall();
  const watching: Watching = { failures: new Map(), said: new Map(), toldAt: 0 };
  return await whileHeld(lock, async () => {
    try {
      context.say(`watching, every ${formatAge(options.every)}`);
      for (;;) {
        await lookOnce(context, options, watching);
        if (context.isReplaced?.() === true) return "replaced";
        await context.clock.sleep(options.every, context.signal);
      }
    } catch (error) {
      if (!context.signal.aborted) throw error;
      return "aborted";
    }
  });
}

function takeLock({ directory, clock }: WatchContext) {
  const lock = tryLock(directory, "watch", clock.now(), "watch.lock");
  if ("release" in lock) return lock;
  throw new StackError({
    code: "watched-already",
    exit: "locked",
    message: `This stack is watched already, by process ${lock.pid}, for ${formatAge(clock.now() - lock.since)}`,
    hint: "./prod.sh watch show",
  });
}

async function lookOnce(context: WatchContext, options: WatchOptions, watching: Watching): Promise<void> {
  const { signal } = context;
  const model = context.model();
  await attempt(context, watching, "looking", async () => {
    watching.engine ??= await within(answerTimeout, "the engine", context.connect(), signal);
    const { engine, said } = watching;
    const { containers } = await within(answerTimeout, "the engine", engine.observe(model.name), signal);
    await attend({ ...context, model, engine, said }, containers, options.pauses ?? usualPauses);
  });
  const { engine } = watching;
  if (engine !== undefined && model.monitoring !== undefined)
    await attempt(context, watching, "metrics", () =>
      within(answerTimeout, "the engine", writeServiceMetrics({ ...context, model, engine }), signal),
    );
  tell(context, model, watching);
}

/** Does one thing. What does not work is said when it begins and when it is over, and ends nothing. */
async function attempt(
  context: WatchContext,
  { failures }: Watching,
  what: string,
  act: () => Promise<void>,
): Promise<void> {
  try {
    await act();
    if (failures.delete(what)) context.say(`${what}: works again`);
  } catch (error) {
    context.signal.throwIfAborted();
    const words = messageOf(error);
    if (failures.get(what) !== words) context.say(`${what}: ${words}; trying again`);
    failures.set(what, words);
  }
}

/** Somebody who takes long to be told keeps nothing from being looked at. */
function tell(context: WatchContext, model: StackModel, watching: Watching): void {
  const now = context.clock.now();
  if (watching.telling !== undefined || Math.abs(now - watching.toldAt) < tellPause) return;
  watching.toldAt = now;
  // One that does not answer is as good as none.
  const engine = watching.failures.has("looking") ? undefined : watching.engine;
  watching.telling = attempt(context, watching, "notify", async () => {
    const { lines } = await tellOf({ ...context, model, engine });
    for (const line of lines) context.say(`notify: ${line}`);
  })
    .catch(() => {
      // Interrupted.
    })
    .finally(() => delete watching.telling);
}

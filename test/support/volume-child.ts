import { readFileSync } from "node:fs";
import { join } from "node:path";
import { composeIn } from "../../src/engine/compose.ts";
import { connectEngine } from "../../src/engine/connect.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { quiesced } from "../../src/operations/backup/quiesce.ts";
import type { Context } from "../../src/operations/context.ts";
import { type Journal, openJournal } from "../../src/operations/journal.ts";
import { swapVolumes } from "../../src/operations/restore/swap.ts";
import type { DataSourceOf } from "../../src/stack/data-source.ts";
import { systemClock } from "../../src/support/clock.ts";

/**
 * Holds services still, or exchanges volumes, as a program of its own that kills itself at one step: right before or
 * after the call of that number to the journal or to something of the engine that changes it. Prints each step.
 * Arguments: directory, `quiesce` or `swap`, number of the step (0: none), names of volumes.
 */
const [, , directory = "", what = "", last = "0", ...pairs] = process.argv;
let step = 0;

function reached(name: string): void {
  step += 1;
  process.stdout.write(`${step} ${name}\n`);
  if (step === Number(last)) process.kill(process.pid, "SIGKILL");
}

function watched<Calls extends object>(calls: Calls, names: readonly string[]): Calls {
  return new Proxy(calls, {
    get(target, key) {
      const call = Reflect.get(target, key);
      if (typeof key !== "string" || !names.includes(key) || typeof call !== "function") return call;
      return (...args: unknown[]) => {
        reached(`before ${key}`);
        const result = call.apply(target, args);
        if (!(result instanceof Promise)) {
          reached(`after ${key}`);
          return result;
        }
        return result.then((value) => {
          reached(`after ${key}`);
          return value;
        });
      };
    },
  });
}

const { engine } = await connectEngine();
const acting: Engine = watched(engine, ["stop", "pause", "unpause", "start", "exec", "create"]);
const context: Context = {
  directory,
  model: JSON.parse(readFileSync(join(directory, ".stack", "model.json"), "utf8")),
  engine: acting,
  compose: composeIn(directory),
  clock: systemClock,
  progress: { phase() {}, update() {}, line() {}, end() {} },
  signal: new AbortController().signal,
};
const opened = openJournal(directory, what, systemClock);
const journal: Journal = watched(opened, ["begin", "done", "undone", "settled"]);
if (what === "quiesce") {
  const [source] = context.model.dataSources as DataSourceOf<"volume">[];
  if (source === undefined) throw new Error("no source");
  await quiesced(context, journal, source, async () => reached("the copy"));
} else {
  const found = pairs.map((pair) => pair.split("="));
  await swapVolumes(
    context,
    journal,
    found.map(([restored = "", replaces = ""]) => ({ restored, replaces })),
  );
}
opened.end("done");
process.stdout.write("ended\n");

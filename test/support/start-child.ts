import { readFileSync } from "node:fs";
import { join } from "node:path";
import { composeIn } from "../../src/engine/compose.ts";
import { connectEngine } from "../../src/engine/connect.ts";
import { runStart } from "../../src/operations/start.ts";
import { systemClock } from "../../src/support/clock.ts";
import { StackError } from "../../src/support/errors.ts";

/** Starts the stack in the given directory as a program of its own, to be interrupted and killed by tests. */
const directory = process.argv[2] ?? "";
const interruption = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => interruption.abort());

const say = (text: string) => process.stdout.write(`${text}\n`);
const { engine } = await connectEngine();
try {
  const { changed } = await runStart({
    directory,
    model: JSON.parse(readFileSync(join(directory, ".stack", "model.json"), "utf8")),
    engine,
    compose: composeIn(directory),
    clock: systemClock,
    progress: { phase: say, update: (subject, state) => say(`${subject} ${state}`), line: say, end() {} },
    signal: interruption.signal,
  });
  say(`ended: ${changed ? "started" : "nothing to do"}`);
} catch (error) {
  say(`ended: ${error instanceof StackError ? `${error.code}, ${error.exit}, ${error.hint}` : error}`);
  process.exitCode = 1;
}

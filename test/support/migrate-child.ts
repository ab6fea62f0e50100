import { readFileSync } from "node:fs";
import { join } from "node:path";
import { composeIn } from "../../src/engine/compose.ts";
import { connectEngine } from "../../src/engine/connect.ts";
import type { Context } from "../../src/operations/context.ts";
import { runMigrate } from "../../src/operations/migrate.ts";
import { silentProgress } from "../../src/operations/progress.ts";
import { systemClock } from "../../src/support/clock.ts";
import { StackError } from "../../src/support/errors.ts";

// Runs one operation on a stack and prints its result as JSON; progress goes to stderr. Started by tests that kill it.
const [directory = "", operation = "", options = "{}"] = process.argv.slice(2);
const operations: Record<string, (context: Context, options: object) => Promise<object>> = { migrate: runMigrate };
const interruption = new AbortController();
process.on("SIGINT", () => interruption.abort(new Error("interrupted")));
const { engine } = await connectEngine();
const say = (text: string) => void process.stderr.write(`${text}\n`);
const context: Context = {
  directory,
  model: JSON.parse(readFileSync(join(directory, ".stack/model.json"), "utf8")),
  engine,
  compose: composeIn(directory),
  clock: systemClock,
  progress: { ...silentProgress, line: say, update: (subject, state, text) => say(`${subject} ${state} ${text}`) },
  signal: interruption.signal,
};
try {
  const result = await operations[operation]?.(context, JSON.parse(options));
  process.stdout.write(JSON.stringify(result));
} catch (error) {
  if (!(error instanceof StackError)) throw error;
  const { code, exit, message, details, hint } = error;
  process.stdout.write(JSON.stringify({ error: { code, exit, message, details, hint } }));
}
process.exit(0);

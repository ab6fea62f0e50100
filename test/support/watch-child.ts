import { readFileSync } from "node:fs";
import { join } from "node:path";
import { connectEngine } from "../../src/engine/connect.ts";
import { silentProgress } from "../../src/operations/progress.ts";
import { watch } from "../../src/operations/watch/watch.ts";
import { systemClock } from "../../src/support/clock.ts";
import { messageOf } from "../../src/support/errors.ts";

/** Watches the stack in the given directory as a program of its own, in a hurry, to be ended and killed by tests. */
const [directory = "", first = "2000"] = process.argv.slice(2);
const interruption = new AbortController();
process.on("SIGTERM", () => interruption.abort(new Error("SIGTERM")));
const say = (line: string) => process.stdout.write(`${line}\n`);
try {
  const end = await watch(
    {
      directory,
      clock: systemClock,
      signal: interruption.signal,
      progress: silentProgress,
      model: () => JSON.parse(readFileSync(join(directory, ".stack", "model.json"), "utf8")),
      connect: async () => (await connectEngine()).engine,
      say,
    },
    { every: 200, pauses: { first: Number(first), longest: 2 * Number(first), forget: 60_000 } },
  );
  say(`ended: ${end}`);
} catch (error) {
  say(`failed: ${messageOf(error)}`);
  process.exitCode = 1;
}
process.exit();

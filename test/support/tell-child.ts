import { readFileSync } from "node:fs";
import { join } from "node:path";
import { tellOf } from "../../src/operations/notify/tell.ts";
import { silentProgress } from "../../src/operations/progress.ts";
import { systemClock } from "../../src/support/clock.ts";
import { fakeEngine } from "./fake-engine.ts";

/** Tells what is wrong with the stack in the given directory, where nothing runs, as a program of its own: to be killed by tests. */
const [directory = "", now = ""] = process.argv.slice(2);
const { lines } = await tellOf({
  directory,
  model: JSON.parse(readFileSync(join(directory, ".stack", "model.json"), "utf8")),
  clock: { ...systemClock, now: () => Number(now) },
  progress: silentProgress,
  signal: new AbortController().signal,
  engine: fakeEngine(),
});
process.stdout.write(`${lines.join("\n")}\n`);

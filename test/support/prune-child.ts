import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runPrune } from "../../src/operations/backup/prune.ts";
import { silentProgress } from "../../src/operations/progress.ts";
import { localStore } from "../../src/snapshots/local-store.ts";

/**
 * Prunes the stack in the given directory as a program of its own, at the given time. Before the removal with the given
 * number it says so and waits for ever: to be killed there by tests.
 */
const [directory = "", now = "", number = ""] = process.argv.slice(2);
const store = localStore(join(directory, "backups"));
let done = 0;
const { stores } = await runPrune(
  {
    directory,
    model: JSON.parse(readFileSync(join(directory, ".stack", "model.json"), "utf8")),
    clock: { now: () => Number(now), sleep: async () => {} },
    progress: silentProgress,
    signal: new AbortController().signal,
  },
  [
    {
      ...store,
      async remove(key) {
        if (done === Number(number)) {
          process.stdout.write(`waiting before ${key}\n`);
          await new Promise((resolve) => setTimeout(resolve, 600_000));
        }
        done += 1;
        return store.remove(key);
      },
    },
  ],
);
process.stdout.write(`ended: ${stores[0]?.removed?.sets} sets\n`);

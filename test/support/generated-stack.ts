import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { composeIn } from "../../src/engine/compose.ts";
import type { Engine, ObservedContainer } from "../../src/engine/engine.ts";
import type { Context } from "../../src/operations/context.ts";
import { runCreate } from "../../src/operations/generate.ts";
import type { StackModel } from "../../src/stack/model.ts";
import { systemClock } from "../../src/support/clock.ts";
import type { RunResult } from "../../src/support/process.ts";
import { catalogue } from "./catalogue.ts";
import { type RecordedProgress, recordedProgress } from "./scenario.ts";

/** A stack written from a stack.yaml by the real generator, on the real engine. */
export interface GeneratedStack {
  directory: string;
  model: StackModel;
  /** A context whose progress is remembered; with a signal where the test interrupts. */
  context(signal?: AbortSignal): Context & { progress: RecordedProgress };
  compose(...args: string[]): Promise<RunResult>;
  containers(service: string): Promise<ObservedContainer[]>;
  /** Runs an operation in a process of its own, so that it can be killed. */
  supervise(operation: "migrate", options: object): Supervisor;
  remove(): Promise<void>;
}

export interface Supervisor {
  child: ChildProcess;
  /** Everything that it printed so far. */
  output(): string;
  /** `{ runs }` of an operation that worked, `{ error }` of one that did not; undefined where it was killed. */
  ended: Promise<{ runs?: { outcome: string }[]; error?: { exit: string; message: string } } | undefined>;
}

/** The text is that of components; the name is this run's own. */
export async function generatedStack(engine: Engine, components: string): Promise<GeneratedStack> {
  const name = `scenario-${randomBytes(4).toString("hex")}`;
  const parent = mkdtempSync(join(tmpdir(), `${name}-`));
  const directory = join(parent, name);
  const carried = { version: "0.0.0", door: "#!/bin/sh\n" };
  await runCreate({ directory, catalogue, carried, today: new Date() }, `name: ${name}\ncomponents:\n${components}`);
  const model = JSON.parse(readFileSync(join(directory, ".stack/model.json"), "utf8")) as StackModel;
  const own = composeIn(directory);
  const compose = (...args: string[]) => own.run(args, { timeout: 240_000 });
  return {
    directory,
    model,
    compose,
    context(signal = new AbortController().signal) {
      return { directory, model, engine, compose: own, clock: systemClock, progress: recordedProgress(), signal };
    },
    async containers(service) {
      return (await engine.observe(name)).containers.filter((found) => found.service === service);
    },
    supervise: (operation, options) => supervise(directory, operation, options),
    async remove() {
      const { containers } = await engine.observe(name);
      await Promise.all(
        containers.filter(({ oneOff }) => oneOff).map(({ id }) => engine.remove(id, { unnamedVolumes: true })),
      );
      await compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "0");
      rmSync(parent, { recursive: true, force: true });
    },
  };
}

function supervise(directory: string, operation: string, options: object): Supervisor {
  const script = join(import.meta.dirname, "migrate-child.ts");
  const args = ["--import", "tsx", script, directory, operation, JSON.stringify(options)];
  // A process group of its own: a signal to it does not reach the test, nor one to the test it.
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], detached: true });
  let output = "";
  let result = "";
  child.stderr.on("data", (bytes) => {
    output += bytes;
  });
  child.stdout.on("data", (bytes) => {
    result += bytes;
  });
  const ended = once(child, "close").then(() => (result === "" ? undefined : JSON.parse(result)));
  return { child, output: () => output, ended };
}
